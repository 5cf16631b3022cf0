"""What the console shows of the health of Asterisk, database and store, of the trunks, and of this controller."""

from __future__ import annotations

from typing import Final

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.asterisk.ari import Ari
from ari_agent.calls.switchboard import Switchboard
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.console.dependencies import HealthSources
from ari_agent.errors import ArtefactError
from ari_agent.nodes.sole_node import AnyNode
from ari_agent.probes import probes
from ari_agent.store.database_watch import DatabaseWatch

_LOOKED_FOR: Final = ArtefactName("ari-agent-check", "probe.txt")
"""Need not be there: a store that says so is reached, and lets us in."""


def health_sources(
    ari: Ari,
    database: DatabaseWatch,
    artefacts: Artefacts,
    switchboard: Switchboard,
    *,
    trunks: TrunkSync,
    node: AnyNode,
) -> HealthSources:
    """Return what the console asks."""

    async def recordings() -> str | None:
        try:
            await artefacts.store.find(_LOOKED_FOR)
        except ArtefactError as error:
            return str(error)
        return None

    def asterisk_version() -> str:
        return ari.asterisk_version or ""

    def recordings_place() -> str:
        waiting = artefacts.spool.waiting
        return f"{artefacts.store.shown}, {waiting} files wait for it" if waiting else artefacts.store.shown

    return HealthSources(
        probes={**probes(ari, database, switchboard), "recordings": recordings},
        about={"asterisk": asterisk_version, "recordings": recordings_place},
        trunks=trunks,
        nodes=node.nodes,
    )
