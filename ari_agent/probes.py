"""What readiness depends on: Asterisk, the database, and whether new calls are taken."""

from __future__ import annotations

from collections.abc import Mapping

from ari_agent.api.dependencies import Probe
from ari_agent.asterisk.ari import Ari
from ari_agent.calls.switchboard import Switchboard
from ari_agent.store.database_watch import DatabaseWatch


def probes(ari: Ari, database: DatabaseWatch, switchboard: Switchboard) -> Mapping[str, Probe]:
    """Return the questions by the name of what they are about; see Probe for their answers."""

    async def asterisk() -> str | None:
        return None if ari.connected else "not connected to Asterisk's ARI"

    async def calls() -> str | None:
        return "new calls are refused: the controller is about to stop" if switchboard.stopping else None

    return {"asterisk": asterisk, "database": database.problem, "calls": calls}
