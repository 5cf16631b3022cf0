"""The pool of slots of all controllers that share a PostgreSQL: each holds and asks by rows (`store/slot_rows.py`).

What calls want is noted here, without waiting: that they ask, and that they leave. One exchange with the database at a
time brings the rows to that, so that a call may be cancelled at any moment and leaves neither row nor slot behind, and
whatever became of a transaction whose end nobody heard, the next one says anew what is held here:

    ASKED ──row held────────────────────────▶ HELD ──▶ LEFT, until its row is deleted
      ├─────row waits──▶ WAITS ──its turn──────▲ │
      └─────refused                   └──gives up┴──▶

Where the database has not answered for AWAY_AFTER_S, calls are answered here: by what was last known of the pool, and
without a row, which is made once the database is back; or, if so set, none gets a slot.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from ari_agent.calls.concurrency_slots import INBOUND_WAIT_S, outbound_ask
from ari_agent.contract.slot_rules import SlotAnswer, SlotAsk, SlotKind, SlotUsage, require_room_for_others
from ari_agent.errors import ConcurrencyLimitReached, StoreError
from ari_agent.store.slot_rows import NoNode, SlotAnswers, SlotWishes
from ari_agent.store.slot_session import SlotSession
from ari_agent.timed_wait import is_set_within

log = logging.getLogger(__name__)

AWAY_AFTER_S: Final = 3.0
"""More than a controller that stands still in the middle of a transaction can hold everybody up."""
LOOK_EACH_S: Final = 0.5
"""How often callers who wait here are asked for again, hint or not."""
_AGAIN_S: Final = 0.25
_FRESH_S: Final = 0.5
_TOLD_WITHIN_S: Final = 1.0
_UNDONE_S: Final = 30.0
"""For how long after it a crash of PostgreSQL may have undone what was committed; in fact less than one second."""


class _State(Enum):
    ASKED = "nobody has answered yet"
    WAITS = "the caller rings"
    HELD = "the call goes on"
    LEFT = "nobody needs it any more"


class _Row(Enum):
    NONE = "there is none"
    SURE = "there is one, as it should be"
    DOUBTED = "there may be one"


@dataclass(eq=False, slots=True)
class _Slot:
    ask: SlotAsk
    state: _State = _State.ASKED
    row: _Row = _Row.NONE
    refusal: ConcurrencyLimitReached | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, answer: SlotAnswer | ConcurrencyLimitReached) -> None:
        """Note what became of the call."""
        if isinstance(answer, ConcurrencyLimitReached):
            self.refusal, self.state = answer, _State.LEFT
        elif answer is SlotAnswer.HELD:
            self.state = _State.HELD
            self.held.set()
        else:
            self.state = _State.WAITS
        self.answered.set()


class SharedSlots:
    """One controller's part of the pool. See SlotPool; `run` must run beside.

    Each controller asks with its own limit: where they differ, none makes calls more than its own allows.

    take_while_away: whether calls are taken while the database is away. away_after_s: see AWAY_AFTER_S.
    """

    def __init__(
        self,
        session: SlotSession,
        limit: int,
        reserved_inbound: int = 0,
        *,
        inbound_wait_s: float = INBOUND_WAIT_S,
        take_while_away: bool = True,
        away_after_s: float = AWAY_AFTER_S,
    ) -> None:
        require_room_for_others(limit, reserved_inbound)
        self.limit = limit
        self.reserved_inbound = reserved_inbound
        self._session = session
        self._inbound_wait_s = inbound_wait_s
        self._takes_while_away, self._away_after_s = take_while_away, away_after_s
        self._slots: dict[str, _Slot] = {}
        # In the order in which they asked; without the many that are held and have their row.
        self._unsettled: dict[str, _Slot] = {}
        self._node_id: int | None = None
        self._usage, self._usage_s = SlotUsage(), float("-inf")
        self._work, self._freed = asyncio.Event(), asyncio.Event()
        self._exchange: asyncio.Task[None] | None = None
        self._counting: asyncio.Task[None] | None = None
        self._unanswered_since_s: float | None = None
        self._is_said_to_be_away = False
        self._may_take = take_while_away
        self._not_before_s = self._look_s = 0.0
        self._lately: dict[str, float] = {}
        self._is_undone = False
        session.on_hint, session.on_begin = self._hear, self._begin_to_hear

    @property
    def in_use(self) -> int:
        """See SlotPool.in_use."""
        return sum(slot.state is _State.HELD for slot in self._slots.values())

    @asynccontextmanager
    async def inbound(self, call_id: str = "", *, wait_s: float | None = None) -> AsyncIterator[None]:
        """See SlotPool.inbound."""
        async with self._asking(SlotAsk(self._name(call_id), SlotKind.INBOUND)) as slot:
            async with asyncio.timeout(self._inbound_wait_s if wait_s is None else wait_s):
                await slot.held.wait()
            yield

    @asynccontextmanager
    async def outbound(self, call_id: str = "", *, batch_reserve: int | None = None) -> AsyncIterator[None]:
        """See SlotPool.outbound."""
        async with self._asking(outbound_ask(self._name(call_id), batch_reserve)) as slot:
            if slot.refusal is not None:
                raise slot.refusal
            yield

    @asynccontextmanager
    async def resumed(self, call_id: str = "", *, outbound: bool) -> AsyncIterator[None]:
        """See SlotPool.resumed. Where the other controller's row was handed over to this one, it is that."""
        kind = SlotKind.OUTBOUND if outbound else SlotKind.INBOUND
        async with self._asking(SlotAsk(self._name(call_id), kind), SlotAnswer.HELD):
            yield

    async def freed(self) -> None:
        """See SlotPool.freed: on any controller."""
        self._freed.clear()
        await self._freed.wait()

    async def usage(self) -> SlotUsage:
        """See SlotPool.usage: of all controllers, up to half a second old, or as last known while it is away."""
        if time.monotonic() - self._usage_s > _FRESH_S and not self.is_away:
            # Whoever waits for it may be cancelled; the session could not go on with half an answer.
            self._counting = self._counting or asyncio.create_task(self._count(), name="count slots")
            await asyncio.wait([self._counting], timeout=_TOLD_WITHIN_S)
        waiting = sum(1 for _ in self._in(_State.WAITS))
        in_use, waiting = max(self.in_use, self._usage.in_use), max(waiting, self._usage.waiting)
        return replace(self._usage, in_use=in_use, waiting=waiting)

    async def _count(self) -> None:
        try:
            self._note(await self._session.usage())
        except StoreError as error:
            log.debug("the slots in use are told as they were: %s", error)
        finally:
            self._counting = None

    @property
    def is_away(self) -> bool:
        """Whether the database has not answered for so long that calls are answered without it."""
        since_s = self._unanswered_since_s
        return since_s is not None and time.monotonic() - since_s >= self._away_after_s

    async def run(self) -> None:
        """Exchange wishes for slots with the database, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._session.run())
            group.create_task(self._keep_exchanging(group))

    # What calls want.

    def _name(self, call_id: str) -> str:
        """Return what the call's row is called: by its call_id, unless a row of that name is not gone yet."""
        return call_id if call_id and call_id not in self._slots else uuid.uuid4().hex

    @asynccontextmanager
    async def _asking(self, ask: SlotAsk, answer: SlotAnswer | None = None) -> AsyncIterator[_Slot]:
        """Ask for a slot, until it is answered, and leave it in the end. answer: given already, whatever the limit."""
        slot = self._slots[ask.call_id] = self._unsettled[ask.call_id] = _Slot(ask)
        if answer is not None:
            slot.row = _Row.DOUBTED
            self._take(slot, answer)
        self._work.set()
        try:
            await slot.answered.wait()
            yield slot
        finally:
            self._leave(slot)
            if not self.is_away:
                await is_set_within(slot.gone, self._away_after_s)

    def _leave(self, slot: _Slot) -> None:
        if slot.state is _State.HELD:
            self._usage = self._usage.with_held(slot.ask.kind, -1)
        if slot.state in (_State.HELD, _State.WAITS):
            self._freed.set()
        slot.state = _State.LEFT
        if not slot.gone.is_set():
            self._unsettled[slot.ask.call_id] = slot
            self._forget_without_row(slot)
        self._work.set()

    def _forget_without_row(self, slot: _Slot) -> None:
        if slot.state is _State.LEFT and slot.row is _Row.NONE and not slot.gone.is_set():
            del self._slots[slot.ask.call_id], self._unsettled[slot.ask.call_id]
            slot.gone.set()

    def _take(self, slot: _Slot, answer: SlotAnswer | ConcurrencyLimitReached) -> None:
        """Note an answer that is not yet in the usage."""
        slot.take(answer)
        if answer is SlotAnswer.HELD:
            self._usage = self._usage.with_held(slot.ask.kind)
        self._forget_without_row(slot)

    def _in(self, *states: _State) -> Iterator[_Slot]:
        """Return what is not settled and in one of these states."""
        return (slot for slot in list(self._unsettled.values()) if slot.state in states)

    # What other controllers say.

    def _hear(self) -> None:
        self._freed.set()
        if any(self._in(_State.WAITS)):
            self._look_s = 0.0
            self._work.set()

    def _begin_to_hear(self) -> None:
        """Say all of it anew: nobody knows how the last exchange ended, and a crash of PostgreSQL may undo others."""
        self._is_undone = True
        self._doubt()
        self._work.set()

    # One exchange after the other.

    async def _keep_exchanging(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._work.clear()
            if self._exchange is None and time.monotonic() >= self._not_before_s and self._has_wishes():
                if self._unanswered_since_s is None:
                    self._unanswered_since_s = time.monotonic()
                self._exchange = group.create_task(self._exchange_once(), name="exchange of slots")
            if self.is_away:
                self._answer_alone()
            await is_set_within(self._work, self._pause_s())

    def _has_wishes(self) -> bool:
        is_due = time.monotonic() >= self._look_s
        return self._is_undone or any(
            slot.row is not _Row.SURE or slot.state is _State.LEFT or (slot.state is _State.WAITS and is_due)
            for slot in self._unsettled.values()
        )

    def _pause_s(self) -> float | None:
        """How long nothing is to be done unless somebody wants something; None: for ever."""
        if self._unanswered_since_s is not None:
            return _AGAIN_S
        return max(0.0, self._look_s - time.monotonic()) if any(self._in(_State.WAITS)) else None

    async def _exchange_once(self) -> None:
        wishes = self._wishes()
        self._look_s = time.monotonic() + LOOK_EACH_S
        try:
            answers = await self._session.exchange(wishes)
        except StoreError as error:
            self._fail(error)
        else:
            self._apply(wishes, answers)
        finally:
            self._exchange = None
            self._work.set()

    def _wishes(self) -> SlotWishes:
        if self._node_id != self._session.node_id:
            self._node_id = self._session.node_id
            self._doubt()
        given_back = {slot.ask.call_id for slot in self._in(_State.LEFT)}
        now_s = time.monotonic()
        self._lately = {name: left_s for name, left_s in self._lately.items() if now_s - left_s < _UNDONE_S}
        if self._is_undone:
            given_back.update(name for name in self._lately if name not in self._slots)
            self._is_undone = False
        held = [slot for slot in self._in(_State.HELD) if slot.row is not _Row.SURE]
        asked = [slot for slot in self._in(_State.ASKED, _State.WAITS) if slot.row is not _Row.SURE]
        wishes = SlotWishes(
            limit=self.limit,
            reserved_inbound=self.reserved_inbound,
            given_back=given_back,
            held=[slot.ask for slot in held],
            asked=[slot.ask for slot in asked],
            doubted=[slot.ask.call_id for slot in asked if slot.row is _Row.DOUBTED],
            waits=any(slot.row is _Row.SURE for slot in self._in(_State.WAITS)),
        )
        for slot in (*held, *asked):  # until the answer is there
            slot.row = _Row.DOUBTED
        return wishes

    def _apply(self, wishes: SlotWishes, answers: SlotAnswers) -> None:
        self._unanswered_since_s = None
        if self._is_said_to_be_away:
            log.warning("the database is back, and knows of all slots that are held here")
        self._is_said_to_be_away, self._may_take = False, self._takes_while_away
        waiting = [slot for slot in self._in(_State.WAITS) if slot.row is _Row.SURE]
        for name in wishes.given_back:
            self._lately[name] = time.monotonic()
            if name in self._slots:
                self._slots[name].row = _Row.NONE
                self._forget_without_row(self._slots[name])
        for ask in wishes.held:
            self._slots[ask.call_id].row = _Row.SURE
        for name, answer in answers.asked.items():
            self._answered(self._slots[name], answer)
        for slot in waiting:
            if (turn := answers.waited.get(slot.ask.call_id)) is not None:
                self._answered(slot, turn)
            elif wishes.waits:
                slot.row = _Row.DOUBTED  # its row was taken away
        if answers.usage is not None:
            self._note(answers.usage)
            for slot in self._in(_State.LEFT):  # since it was counted
                if slot.held.is_set():
                    self._usage = self._usage.with_held(slot.ask.kind, -1)
        self._settle()
        if wishes.given_back:
            self._freed.set()
            self._session.hint()

    def _settle(self) -> None:
        for slot in self._in(_State.HELD):
            if slot.row is _Row.SURE:
                del self._unsettled[slot.ask.call_id]

    def _answered(self, slot: _Slot, answer: SlotAnswer | ConcurrencyLimitReached) -> None:
        """Note the answer of the database, unless the call has left or was answered here meanwhile."""
        slot.row = _Row.NONE if isinstance(answer, ConcurrencyLimitReached) else _Row.SURE
        if slot.state in (_State.ASKED, _State.WAITS):
            slot.take(answer)
        elif slot.state is _State.HELD and answer is not SlotAnswer.HELD:
            slot.row = _Row.DOUBTED
        elif answer is SlotAnswer.HELD:
            slot.held.set()
        self._forget_without_row(slot)

    def _note(self, usage: SlotUsage) -> None:
        self._usage, self._usage_s = usage, time.monotonic()

    # Without the database.

    def _fail(self, error: StoreError) -> None:
        """Try again soon. What the database has done of it is found with the next connection, which `session` makes."""
        self._not_before_s = time.monotonic() + _AGAIN_S
        is_node = not isinstance(error, NoNode)
        if not is_node:
            self._doubt()  # its rows were removed, and no new connection says so
        # Whoever is none of the controllers must not use what others count.
        self._may_take = self._takes_while_away and is_node
        if self.is_away and not self._is_said_to_be_away:
            self._is_said_to_be_away = True
            what = "are taken by what was last known of them" if self._may_take else "are not given to new calls"
            log.error("concurrency slots %s: %s", what, error)

    def _doubt(self) -> None:
        for slot in self._slots.values():
            if slot.row is _Row.SURE:
                slot.row = _Row.DOUBTED
                self._unsettled[slot.ask.call_id] = slot

    def _answer_alone(self) -> None:
        """Answer whoever asks or waits, by what was last known: first who waits, and everybody in turn."""
        for slot in (*self._in(_State.WAITS), *self._in(_State.ASKED)):
            is_caller = slot.ask.kind is SlotKind.INBOUND
            if self._may_take:
                usage = SlotUsage(self._usage.in_use, self._usage.outbound, self._usage.batch)
                answer = slot.ask.answer(usage, limit=self.limit, reserved_inbound=self.reserved_inbound)
            else:
                answer = SlotAnswer.WAITS if is_caller else ConcurrencyLimitReached(self._usage.in_use, self.limit)
            if slot.state is _State.ASKED or answer is SlotAnswer.HELD:
                self._take(slot, answer)
