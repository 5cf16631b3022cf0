"""How loud both sides of each call in progress are, for the meters of a page: looked at while somebody watches."""

from __future__ import annotations

import json
from typing import Final

from ari_agent.console.dependencies import ConsoleDependencies
from ari_agent.console.live_feed import LiveFeed

_EACH_S: Final = 0.25
_SILENT_DBFS: Final = -60
"""Nobody hears what is below."""
_STEP_DB: Final = 3


def levels_feed(dependencies: ConsoleDependencies, *, shown: int) -> LiveFeed:
    """Return the feed of the levels, a JSON object: [caller, agent] in dBFS by the ids of calls of which one is heard.

    shown: how many calls the page lists.
    """

    async def render() -> str:
        return json.dumps(_levels(dependencies, shown), separators=(",", ":"))

    return LiveFeed("levels", render, each_s=_EACH_S)


def _levels(dependencies: ConsoleDependencies, shown: int) -> dict[str, tuple[int, int]]:
    calls, found = dependencies.calls, {}
    for live in calls.live()[:shown]:
        levels = calls.monitoring.levels(live.call_id)
        if levels and max(levels) > _SILENT_DBFS:
            found[live.call_id] = (_rounded(levels.caller), _rounded(levels.agent))
    return found


def _rounded(dbfs: float) -> int:
    return max(_SILENT_DBFS, round(dbfs / _STEP_DB) * _STEP_DB)
