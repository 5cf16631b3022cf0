"""One timing wheel that paces the audio of every call of the process.

    slot      0    1    2    3    0    1    2    3         a call belongs to one slot and gets a tick every 20 ms
    ms        0    5   10   15   20   25   30   35  ...    deadlines are start + n * 5 ms: never drifting

One timer of 5 ms for all calls costs a quarter of a timer for each call, and a sixth of a task that sleeps
(tests/benchmarks/README.md). Calls are spread over the four slots, so the work of each 5 ms is even.

A loop that was held up catches up: each call gets one tick for every 20 ms that it missed, so queues keep their pace,
but never more than `CATCH_UP_TICKS` in one go. What lies further back is skipped, and each call is told how many ticks
it lost, so that its RTP timestamps leap with the clock instead of dragging behind it for the rest of the call.
Before the late ticks each call reads what came in meanwhile (`on_late`), and the loop gets one round for its other
sockets: a tick that ran first would find queues empty, and jitter buffers overdue, only because nobody had looked.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

SLOT_S: Final = 0.005
"""The wheel advances by one slot every 5 ms."""
SLOTS: Final = 4
"""Slots of the wheel: a call belongs to one of them."""
TICK_S: Final = SLOT_S * SLOTS
"""Time between two ticks of one call: a frame of 20 ms."""
TURNS: Final = 50
"""Ticks of one call in a second: what it does once a second it does in one of them, and other calls in others."""

CATCH_UP_TICKS: Final = 3
"""Ticks made up for after a stall, at most: 60 ms of audio, as much as a receiver's jitter buffer commonly holds."""

_LATE_SLOTS: Final = 2
"""Up to 10 ms late is no stall: a talkspurt's ticks are placed that far behind its audio."""

_ONE_ROUND_S: Final = 0.001
"""The shortest timer: until it fires, the loop looks at every socket once."""


def _no_tick(now_s: float) -> None:
    """Do nothing, as a call that has left the wheel."""


class Ticker:
    """One call's place on the wheel, made by `Wheel.add`.

    turn: 0..49, by how many ticks this call's work of each second is to come later than that of a call of turn 0. Calls
    that follow each other have different ones, so that what began in one moment does not always work in one moment.
    """

    __slots__ = ("_wheel", "on_late", "on_skipped", "on_tick", "slot", "turn")

    def __init__(
        self,
        wheel: Wheel,
        slot: int,
        on_tick: Callable[[float], None],
        on_late: Callable[[float], None],
        on_skipped: Callable[[int], None],
        *,
        turn: int,
    ) -> None:
        self._wheel = wheel
        self.slot, self.turn = slot, turn
        self.on_tick, self.on_late, self.on_skipped = on_tick, on_late, on_skipped

    def remove(self) -> None:
        """Take the call off the wheel: it gets no more ticks. Safe inside a tick; does nothing the second time."""
        self._wheel.remove(self)

    def move(self, delay_s: float) -> float:
        """Have the next tick at least `delay_s` (0..0.015) from now, at most 5 ms later, and then every 20 ms.

        Returns by how much the next tick moved, in seconds: -0.02..0.02; negative is earlier.
        """
        return self._wheel.move(self, delay_s)


class Cancellable(Protocol):
    """A timer that has not fired."""

    def cancel(self) -> None:
        """Keep the timer from ever firing."""


class Timers(Protocol):
    """The part of an event loop that the wheel needs."""

    def time(self) -> float:
        """Return the seconds of a monotonic clock."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Cancellable:
        """Call `callback` when the clock shows `when`; the result can be cancelled."""


class Wheel:
    """Gives every call a tick each 20 ms. One for each event loop; its timer runs only while there are calls.

    late_ticks: ticks made up for after a stall; skipped_ticks: ticks given up. Both are counted once for each call.
    worst_stall_s: how far behind its deadline the wheel has been at most.
    """

    def __init__(self, timers: Timers | None = None) -> None:
        """Take the clock and its timers: `timers`, or the running event loop when left out."""
        self._given_timers = timers
        self._slots: tuple[list[Ticker], ...] = tuple([] for _ in range(SLOTS))
        self._timers: Timers | None = None  # while it runs
        self._timer: Cancellable | None = None
        self._start_s = 0.0
        self._slots_passed = 0  # deadlines passed since the start
        self._waited = False  # the loop has had its round before the late ticks
        self._added = 0  # calls so far
        self.late_ticks = 0
        self.skipped_ticks = 0
        self.worst_stall_s = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._slots))

    def __repr__(self) -> str:
        return f"Wheel({len(self)} calls, {self.late_ticks} late, {self.skipped_ticks} skipped)"

    def add(
        self, on_tick: Callable[[float], None], on_late: Callable[[float], None], on_skipped: Callable[[int], None]
    ) -> Ticker:
        """Call `on_tick(now_s)` every 20 ms from now on. Needs a running event loop, unless the wheel was given timers.

        now_s is the loop's clock, the same for all calls of one slot. After a stall `on_late(now_s)` comes before the
        ticks that are made up for, and `on_skipped(ticks)` where some are given up.
        """
        slot = min(range(SLOTS), key=lambda number: len(self._slots[number]))
        # All slots have had a turn before the next one: each 5 ms does its share of it.
        ticker = Ticker(self, slot, on_tick, on_late, on_skipped, turn=self._added // SLOTS % TURNS)
        self._added += 1
        self._slots[slot].append(ticker)
        if self._timers is None:
            self._timers = self._given_timers or asyncio.get_running_loop()
            self._start_s = self._timers.time()
            self._slots_passed = 0
            self._arm(self._timers)
        return ticker

    def remove(self, ticker: Ticker) -> None:
        """Take a call off the wheel; the timer stops with the last one. Does nothing the second time."""
        if ticker not in self._slots[ticker.slot]:
            return
        ticker.on_tick = _no_tick
        # A new list: the old one may be being walked at this moment.
        kept = [other for other in self._slots[ticker.slot] if other is not ticker]
        self._slots = tuple(kept if number == ticker.slot else calls for number, calls in enumerate(self._slots))
        if self._timer is not None and not len(self):
            self._timer.cancel()
            self._timer = self._timers = None

    def move(self, ticker: Ticker, delay_s: float) -> float:
        """Move a call's next tick as `Ticker.move` says. Not to be called inside a tick."""
        if self._timers is None or ticker not in self._slots[ticker.slot]:
            return 0.0
        passed = (self._timers.time() - self._start_s + delay_s) / SLOT_S
        target = max(self._slots_passed + 1, -int(-passed // 1))
        regular = self._slots_passed + 1 + (ticker.slot - self._slots_passed - 1) % SLOTS
        if target > self._slots_passed + SLOTS or target == regular:  # the wheel is late: no time for fine art
            return 0.0
        self._slots[ticker.slot].remove(ticker)
        ticker.slot = target % SLOTS
        self._slots[ticker.slot].append(ticker)
        return (target - regular) * SLOT_S

    def _arm(self, timers: Timers) -> None:
        self._timer = timers.call_at(self._start_s + (self._slots_passed + 1) * SLOT_S, self._advance)

    def _advance(self) -> None:
        timers = self._timers
        if timers is None:
            return
        now_s = timers.time()
        # Timers of the loop are rounded to its resolution, so one may fire up to 1 ms early: it counts as due.
        due = int((now_s - self._start_s) / SLOT_S + 0.25)
        behind = due - self._slots_passed
        if behind > _LATE_SLOTS:
            if not self._waited:
                self._waited = True
                self._timer = timers.call_at(now_s + _ONE_ROUND_S, self._advance)
                return
            self._stalled(behind, now_s)
            behind = due - self._slots_passed
        self._waited = False
        timer = self._timer
        for _ in range(behind):
            if self._timer is not timer:  # the last call left, and perhaps a new first one came, in this very round
                return
            self._slots_passed += 1
            for ticker in self._slots[self._slots_passed % SLOTS]:
                try:
                    ticker.on_tick(now_s)
                except Exception:  # one call's fault must not stop the wheel for all others
                    ticker.remove()
                    log.exception("a call's media failed; it is off the wheel")
        if self._timer is timer:
            self._arm(timers)

    def _stalled(self, behind: int, now_s: float) -> None:
        """Have all calls read what came in, make up for the last ticks, and skip those before them."""
        self.worst_stall_s = max(self.worst_stall_s, behind * SLOT_S)
        for calls in self._slots:
            for ticker in calls:
                ticker.on_late(now_s)
        ticks = behind // SLOTS
        skipped = max(0, ticks - CATCH_UP_TICKS)
        self.late_ticks += (ticks - skipped) * len(self)
        if not skipped:
            return
        self._slots_passed += skipped * SLOTS
        self.skipped_ticks += skipped * len(self)
        for calls in self._slots:
            for ticker in calls:
                ticker.on_skipped(skipped)


def freeze_garbage_collector() -> None:
    """Keep the cyclic garbage collector from holding up the wheel; call it once, when everything is loaded.

    What is loaded then is never looked at again, and full collections become rare: pauses of 113 ms were measured
    without this, none over a few milliseconds with it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
