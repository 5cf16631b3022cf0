"""What all calls ask before anybody is dialled: the dial policy, with the counts and costs that its limits need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ari_agent.calls.call_cost import call_cost, dialled_number, our_number
from ari_agent.contract.call import Call
from ari_agent.contract.price_table import PriceTable, TelephonyPrice
from ari_agent.errors import StoreError
from ari_agent.routing.dial_policy import (
    CostLimit,
    Dial,
    DialLimitReached,
    DialRefused,
    DialRule,
    DialRules,
    Layer,
    Limit,
    Scope,
)
from ari_agent.store.store import Store


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of one limit is used up. rule: calls_per_minute and so on. whose: where the limit is set, for people.

    used, most: calls, or cents of the last 24 hours.
    """

    rule: DialRule
    whose: str
    used: float
    most: float


class DialGuard:
    """Asks the rules of the dial policy whether somebody may be dialled, and counts what they refuse.

    One object serves the whole controller. now_ms: milliseconds since the epoch. prices: what calls cost by; without
    them, a limit of cost refuses everything.
    """

    def __init__(
        self, rules: DialRules, store: Store, *, now_ms: Callable[[], int], prices: PriceTable | None = None
    ) -> None:
        self.rules = rules
        self._store = store
        self._now_ms = now_ms
        self._prices = prices
        self._counting = asyncio.Lock()

    async def check(self, dial: Dial) -> None:
        """Return if this may be dialled. Whoever dials asks before each attempt.

        Raises:
            DialRefused: it may not; the text names the rule, and what would allow it. It is counted for /metrics.
        """
        if refusal := await self.refusal(dial):
            self.rules.count(refusal)
            raise refusal

    async def refusal(self, dial: Dial) -> DialRefused | None:
        """Say why this may not be dialled, or return None if it may; nothing is counted."""
        if refusal := self.rules.refusal(dial):
            return refusal
        for limit in self.rules.limits(dial):
            if reached := await self._limit_refusal(limit):
                return reached
        return await self._cost_refusal(dial)

    async def uses(self, dial: Dial) -> Sequence[LimitUse]:
        """Return how much of each limit that holds for this is used up.

        Raises:
            StoreError: the database does not tell.
        """
        found = [
            LimitUse(limit.rule, limit.layer.whose, await self._count(limit), limit.most)
            for limit in self.rules.limits(dial)
        ]
        if costs := tuple(self.rules.cost_limits(dial)):
            growing = await self._growing()
            for cost in costs:
                spent = await self._spent(cost, growing)
                found.append(LimitUse(cost.rule, cost.layer.whose, spent, cost.most_cents))
        return found

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

    def price(self, dial: Dial) -> TelephonyPrice | None:
        """Return what a leg to this destination costs by the price table; None where that is not known."""
        if self._prices is None:
            return None
        ours = dial.number.phone_number if dial.number else dial.dials_as
        dialled = dialled_number(dial.to, ours)
        if dial.transfers is not None:
            return self._prices.of_transfer(dialled, ours=ours)
        return self._prices.of_call(dialled, direction="outbound", ours=ours)

    async def _limit_refusal(self, limit: Limit) -> DialLimitReached | None:
        """Hold how many calls were placed against a limit; where the database does not tell, no further one is."""
        try:
            return limit.reached(await self._count(limit))
        except StoreError as error:
            return DialLimitReached(
                limit.rule,
                f"how many calls were placed is not known, and {limit.layer.whose} limits {limit.rule}: {error}",
                retry_after_ms=limit.within_ms // 60,
            )

    async def _count(self, limit: Limit) -> int:
        since_ms = self._now_ms() - limit.within_ms
        return await self._store.dialled.count(limit.layer.scope, limit.layer.name, since_ms=since_ms)

    async def _cost_refusal(self, dial: Dial) -> DialRefused | None:
        """Hold what calls have cost against the limits: of what has ended as stored, of the others as estimated.

        Returns why nobody is dialled: a limit is reached, or what would be spent is not known. None: no limit is.
        """
        limits = tuple(self.rules.cost_limits(dial))
        if not limits:
            return None
        if refusal := self._unpriced(dial, limits[0]):
            return refusal
        try:
            # Before those that have ended are summed: a call that ends meanwhile may count twice, and never not.
            growing = await self._growing()
            refusals = [limit.reached(await self._spent(limit, growing)) for limit in limits]
        except StoreError as error:
            return limits[0].not_told(str(error))
        return next(filter(None, refusals), None)

    def _unpriced(self, dial: Dial, limit: CostLimit) -> DialRefused | None:
        if self._prices is None:
            return limit.unpriced("calls cost", "set ARI_AGENT_PRICES, or leave that key out")
        if self.price(dial) is None:
            return limit.unpriced(f"{dial.to} costs", "add a price for it to ARI_AGENT_PRICES")
        return None

    async def _spent(self, limit: CostLimit, growing: Sequence[tuple[Call, float]]) -> float:
        scope, name, since_ms = limit.layer.scope, limit.layer.name, self._now_ms() - limit.within_ms
        ended = await self._store.costs.spent(scope, name, since_ms=since_ms)
        return round(ended + sum(cents for call, cents in growing if _is_of(call, limit.layer)), 6)

    async def _growing(self) -> Sequence[tuple[Call, float]]:
        return await asyncio.to_thread(self._so_far, await self._store.costs.ongoing())

    def _so_far(self, ongoing: Sequence[Call]) -> Sequence[tuple[Call, float]]:
        """Return what the minutes of each call have cost so far, in cents; what speech services did is not known yet.

        To be run in a thread: numbers that are seen for the first time take most of a millisecond each to read.
        """
        now_ms, found = self._now_ms(), []
        for call in ongoing:
            time.sleep(0)  # let the event loop's thread have its turn
            duration_ms = max(0, now_ms - (call.start_timestamp or now_ms))
            cost = call_cost(self._prices, call.model_copy(update={"duration_ms": duration_ms}))
            found.append((call, cost.combined_cost if cost else 0.0))
        return found


def _is_of(call: Call, layer: Layer) -> bool:
    names = {Scope.WORKSPACE: "", Scope.NUMBER: our_number(call), Scope.AGENT: call.agent_id}
    return names[layer.scope] == layer.name
