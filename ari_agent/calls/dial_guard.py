"""What all calls ask before anybody is dialled: the dial policy, with the counts of calls that its limits need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ari_agent.errors import StoreError
from ari_agent.routing.dial_policy import Dial, DialLimitReached, DialRules, Limit
from ari_agent.store.store import Store


class DialGuard:
    """Asks the rules of the dial policy whether somebody may be dialled, and counts what they refuse.

    One object serves the whole controller. now_ms: milliseconds since the epoch.
    """

    def __init__(self, rules: DialRules, store: Store, *, now_ms: Callable[[], int]) -> None:
        self.rules = rules
        self._store = store
        self._now_ms = now_ms
        self._counting = asyncio.Lock()

    async def check(self, dial: Dial) -> None:
        """Return if this may be dialled. Whoever dials asks before each attempt.

        Raises:
            DialRefused: it may not; the text names the rule, and what would allow it. It is counted for /metrics.
        """
        self.rules.check(dial)
        for limit in self.rules.limits(dial):
            if refusal := limit.reached(await self._placed(limit)):
                self.rules.count(refusal)
                raise refusal

    @asynccontextmanager
    async def admitting(self, dial: Dial) -> AsyncIterator[None]:
        """Check as `check` does, and let nobody else be counted until the record of this call is stored, inside.

        Raises:
            DialRefused: it may not be dialled.
        """
        if next(self.rules.limits(dial), None) is None:
            await self.check(dial)
            yield
            return
        async with self._counting:
            await self.check(dial)
            yield

    async def _placed(self, limit: Limit) -> int:
        """Return how many calls count for a limit; where the database does not tell, no further one is placed."""
        since_ms = self._now_ms() - limit.within_ms
        try:
            return await self._store.dialled.count(limit.layer.scope, limit.layer.name, since_ms=since_ms)
        except StoreError as error:
            raise DialLimitReached(
                limit.rule,
                f"how many calls were placed is not known, and {limit.layer.whose} limits {limit.rule}: {error}",
                retry_after_ms=limit.within_ms // 60,
            ) from None
