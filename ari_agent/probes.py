"""What GET /readyz asks: whether each part of the controller can take calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.switchboard import Switchboard
from ari_agent.store.database_watch import DatabaseWatch


def probes_of(
    ari: Ari, database: DatabaseWatch, switchboard: Switchboard
) -> Mapping[str, Callable[[], Awaitable[str | None]]]:
    """Return what tells, by name, why a part cannot take calls now; None from one that can."""

    async def asterisk() -> str | None:
        return None if ari.connected else "not connected to Asterisk's ARI"

    async def calls() -> str | None:
        return "new calls are refused: the controller is about to stop" if switchboard.stopping else None

    return {"asterisk": asterisk, "database": database.problem, "calls": calls}
