"""Outbound calls for an API without an Asterisk: everything is real but the dialling, which is only written down."""

from __future__ import annotations

import itertools
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.trunks import Trunks
from ari_agent.calls.batch_scheduler import BatchScheduler
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.originator import Originator
from ari_agent.calls.outbound_call import OutboundOrder
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.routing.agent_choice import AUDIO_AGENTS, Serves
from ari_agent.routing.dial_policy import NO_POLICY, DialRules
from ari_agent.store.store import Store


@dataclass
class Lines:
    """Takes orders. can_dial: Asterisk is within reach."""

    can_dial: bool = True
    orders: list[OutboundOrder] = field(default_factory=list)
    slots: list[AsyncExitStack] = field(default_factory=list)

    def place_call(self, order: OutboundOrder, *, slot: AsyncExitStack, trunks: TrunkSync) -> None:
        """Write down an order; its slot is held until `hang_up_all`."""
        del trunks
        self.orders.append(order)
        self.slots.append(slot)

    async def hang_up_all(self) -> None:
        """End every call."""
        while self.slots:
            await self.slots.pop().aclose()


def originator(
    store: Store,
    lines: Lines,
    slots: Slots,
    *,
    now_ms: int,
    dice: float = 0.0,
    serves: Serves = AUDIO_AGENTS,
    dial_policy: DialPolicy = NO_POLICY,
) -> Originator:
    """An originator that dials on these lines. dial_policy: of the workspace."""
    ids = itertools.count(1)
    ari = Ari(url="http://127.0.0.1:9/ari", username="nobody", password="none", app="ari_agent")
    return Originator(
        store=store,
        slots=slots,
        dialler=lines,
        trunks=TrunkSync(store, Trunks(ari, app="ari_agent")),
        dial_guard=DialGuard(DialRules(dial_policy), store, now_ms=lambda: now_ms),
        dice=lambda: dice,
        new_call_id=lambda: f"call_{next(ids)}",
        now_ms=lambda: now_ms,
        serves=serves,
    )


def batches(store: Store, of_originator: Originator, slots: Slots, *, now_ms: int) -> BatchScheduler:
    """A scheduler that takes batches; it is for the test to run it."""
    ids = itertools.count(1)
    return BatchScheduler(
        store=store,
        originator=of_originator,
        slots=slots,
        calls_per_second=150,
        new_batch_id=lambda: f"batch_call_{next(ids)}",
        now_ms=lambda: now_ms,
    )
