"""How each part of the product is, and who serves calls: what the first page shows of it, never waiting for long."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ari_agent.console.cached_answer import CachedAnswer
from ari_agent.console.dependencies import HealthSources
from ari_agent.contract.trunk_status import TrunkStatus

log = logging.getLogger(__name__)

_FRESH_S: Final = 5.0
_WITHIN_S: Final = 5.0
_GIVEN_UP_S: Final = 10.0  # if that limit is not kept
_TRUNKS_FRESH_S: Final = 15.0
_TRUNKS_WITHIN_S: Final = 30.0
_SHOWN: Final = 20
"""Trunks that are listed; the others are counted."""

_TROUBLE: Final[Mapping[str, int]] = {"unreachable": 0, "rejected": 0, "trying": 1, "unknown": 2}
"""What comes first in the list of trunks: the smaller, the worse."""


@dataclass(frozen=True, slots=True)
class PartHealth:
    """How a part is. problem: what is wrong, None where nothing is. about: which one it is, such as its version."""

    name: str
    problem: str | None
    about: str
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class TrunkOverview:
    """How the trunks are. counts: how many are in each state; shown: the worst first; more: how many are not shown."""

    counts: Mapping[str, int]
    shown: Sequence[TrunkStatus]
    more: int


class Health:
    """Asks the parts and the trunks, each by itself: one that does not answer keeps none of the others back."""

    def __init__(self, sources: HealthSources, *, now_ms: Callable[[], int]) -> None:
        self._about, trunks = sources.about, sources.trunks
        self._parts = {
            name: CachedAnswer(
                f"health of {name}", partial(_asked, name, probe), fresh_s=_FRESH_S, within_s=_GIVEN_UP_S
            )
            for name, probe in sources.probes.items()
        }

        async def overview() -> TrunkOverview | None:
            if trunks is None:
                return None
            # in a thread: of ten thousand trunks callers would hear it
            return await asyncio.to_thread(overview_of, await trunks.statuses(now_ms=now_ms()))

        self._trunks = CachedAnswer("trunks", overview, fresh_s=_TRUNKS_FRESH_S, within_s=_TRUNKS_WITHIN_S)

    async def parts(self, *, wait_s: float = 0.0) -> Sequence[PartHealth]:
        """Return how the parts are, as far as that is known within wait_s seconds."""
        answers = await asyncio.gather(*(part.answer(wait_s=wait_s) for part in self._parts.values()))
        return [
            PartHealth(name, (answer or "") or None, self._about.get(name, str)(), is_known=answer is not None)
            for name, answer in zip(self._parts, answers, strict=True)
        ]

    async def trunks(self, *, wait_s: float = 0.0) -> TrunkOverview | None:
        """Return how the trunks are; None where there are none, or that is not known yet."""
        return await self._trunks.answer(wait_s=wait_s)

    async def close(self) -> None:
        """Ask no more."""
        await asyncio.gather(*(part.close() for part in self._parts.values()), self._trunks.close())


async def _asked(name: str, probe: Callable[[], Awaitable[str | None]]) -> str:
    """Return what is wrong with a part; "" where nothing is."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            return await probe() or ""
    except TimeoutError:
        return f"did not answer within {_WITHIN_S:g} s"
    except Exception:  # of a part that fails in a way nobody thought of, this is the one thing to be shown
        log.exception("the health of a part could not be found out", extra={"part": name})
        return "cannot be asked; the controller's log says why"


def overview_of(trunks: Sequence[TrunkStatus]) -> TrunkOverview | None:
    """Return how the trunks are, the worst first; None where there are none."""
    if not trunks:
        return None
    worst = sorted(trunks, key=lambda trunk: (_trouble(trunk), trunk.phone_number))
    return TrunkOverview(Counter(trunk.state for trunk in trunks), worst[:_SHOWN], max(0, len(worst) - _SHOWN))


def _trouble(trunk: TrunkStatus) -> int:
    return min(_TROUBLE.get(trunk.state, 3), _TROUBLE.get(trunk.registration, 3))
