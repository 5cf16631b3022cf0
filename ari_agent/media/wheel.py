"""One timer wheel that paces every call of the process.

    slot      0    1    2    3    0    1    2    3         a call belongs to one slot and is turned every 20 ms
    ms        0    5   10   15   20   25   30   35  ...    deadlines are start + n * 5 ms: never drifting

One timer of 5 ms for all calls costs a quarter of a timer for each call, and a sixth of a task that sleeps
(tests/benchmarks/README.md). Calls are spread over the four slots, so the work of each 5 ms is even.

A loop that was held up catches up: each call is turned once for every 20 ms that it missed, so queues keep their pace,
but never more than `CATCH_UP_TURNS` in one go. What lies further back is skipped, and each call is told how many turns
it lost, so that its RTP timestamps leap with the clock instead of dragging behind it for the rest of the call.
Before the late turns each call reads what came in meanwhile (`on_late`), and the loop gets one round for its other
sockets: a turn that ran first would find queues empty, and jitter buffers overdue, only because nobody had looked.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

SLOT_S: Final = 0.005
SLOTS: Final = 4
TURN_S: Final = SLOT_S * SLOTS
"""Time between two turns of one call: a 20 ms frame."""

CATCH_UP_TURNS: Final = 3
"""60 ms of audio leave at once at most: as much as a receiver's jitter buffer commonly holds."""

_LATE_SLOTS: Final = 2
"""Up to 10 ms late is no stall: a talkspurt's turns are placed that far behind its audio."""

_ONE_ROUND_S: Final = 0.001
"""The shortest timer: in between, the loop looks at every socket once."""


def _no_turn(now_s: float) -> None:
    """What a call does that has left the wheel."""


class Turning:
    """One call's place on the wheel. Made by `Wheel.add`."""

    __slots__ = ("_wheel", "on_late", "on_skipped", "on_turn", "slot")

    def __init__(
        self,
        wheel: Wheel,
        slot: int,
        on_turn: Callable[[float], None],
        on_late: Callable[[float], None],
        on_skipped: Callable[[int], None],
    ) -> None:
        self._wheel = wheel
        self.slot = slot
        self.on_turn, self.on_late, self.on_skipped = on_turn, on_late, on_skipped

    def remove(self) -> None:
        """Never be turned again. Idempotent; safe inside a turn."""
        self._wheel.remove(self)

    def move(self, delay_s: float) -> float:
        """Be turned next in `delay_s` at the earliest (0..0.015), 5 ms later at the latest, and every 20 ms from there.

        Returns by how much the next turn moved, in seconds: -0.02..0.02; negative is earlier.
        """
        return self._wheel.move(self, delay_s)


class Cancellable(Protocol):
    """A timer that has not fired."""

    def cancel(self) -> None:
        """Never fire."""


class Timers(Protocol):
    """What of an event loop the wheel needs."""

    def time(self) -> float:
        """Seconds of a monotonic clock."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Cancellable:
        """Call back when the clock shows `when`."""


class Wheel:
    """Turns every call each 20 ms. One for each event loop; runs only while there are calls.

    late_turns: turns made up for after a stall; skipped_turns: turns given up (both counted once for each call);
    worst_stall_s: how far behind its deadline the wheel has been at most.
    """

    def __init__(self, timers: Timers | None = None) -> None:
        """timers: the running event loop when left out."""
        self._given_timers = timers
        self._slots: tuple[list[Turning], ...] = tuple([] for _ in range(SLOTS))
        self._timers: Timers | None = None  # while it runs
        self._timer: Cancellable | None = None
        self._start_s = 0.0
        self._ticks = 0  # deadlines passed since the start
        self._waited = False  # the loop has had its round before the late turns
        self.late_turns = 0
        self.skipped_turns = 0
        self.worst_stall_s = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._slots))

    def __repr__(self) -> str:
        return f"Wheel({len(self)} calls, {self.late_turns} late, {self.skipped_turns} skipped)"

    def add(
        self, on_turn: Callable[[float], None], on_late: Callable[[float], None], on_skipped: Callable[[int], None]
    ) -> Turning:
        """Call `on_turn(now_s)` every 20 ms. Needs the running loop.

        now_s is the loop's clock, the same for all calls of one tick. After a stall `on_late(now_s)` comes before the
        turns that are made up for, and `on_skipped(turns)` where some are given up.
        """
        slot = min(range(SLOTS), key=lambda number: len(self._slots[number]))
        turning = Turning(self, slot, on_turn, on_late, on_skipped)
        self._slots[slot].append(turning)
        if self._timers is None:
            self._timers = self._given_timers or asyncio.get_running_loop()
            self._start_s = self._timers.time()
            self._ticks = 0
            self._arm(self._timers)
        return turning

    def remove(self, turning: Turning) -> None:
        """Take a call off; the timer stops with the last one. Idempotent."""
        if turning not in self._slots[turning.slot]:
            return
        turning.on_turn = _no_turn
        # A new list: the old one may be being walked at this moment.
        kept = [other for other in self._slots[turning.slot] if other is not turning]
        self._slots = tuple(kept if number == turning.slot else calls for number, calls in enumerate(self._slots))
        if self._timer is not None and not len(self):
            self._timer.cancel()
            self._timer = self._timers = None

    def move(self, turning: Turning, delay_s: float) -> float:
        """See Turning.move. Not inside a turn."""
        if self._timers is None or turning not in self._slots[turning.slot]:
            return 0.0
        passed = (self._timers.time() - self._start_s + delay_s) / SLOT_S
        target = max(self._ticks + 1, -int(-passed // 1))
        regular = self._ticks + 1 + (turning.slot - self._ticks - 1) % SLOTS
        if target > self._ticks + SLOTS or target == regular:  # the wheel is late: no time for fine art
            return 0.0
        self._slots[turning.slot].remove(turning)
        turning.slot = target % SLOTS
        self._slots[turning.slot].append(turning)
        return (target - regular) * SLOT_S

    def _arm(self, timers: Timers) -> None:
        self._timer = timers.call_at(self._start_s + (self._ticks + 1) * SLOT_S, self._tick)

    def _tick(self) -> None:
        timers = self._timers
        if timers is None:
            return
        now_s = timers.time()
        # Timers of the loop are rounded to its resolution, so one may fire up to 1 ms early: it counts as due.
        due = int((now_s - self._start_s) / SLOT_S + 0.25)
        behind = due - self._ticks
        if behind > _LATE_SLOTS:
            if not self._waited:
                self._waited = True
                self._timer = timers.call_at(now_s + _ONE_ROUND_S, self._tick)
                return
            self._stalled(behind, now_s)
            behind = due - self._ticks
        self._waited = False
        timer = self._timer
        for _ in range(behind):
            if self._timer is not timer:  # the last call left, and perhaps a new first one came, in this very round
                return
            self._ticks += 1
            for turning in self._slots[self._ticks % SLOTS]:
                try:
                    turning.on_turn(now_s)
                except Exception:  # one call's fault must not stop the wheel for all others
                    turning.remove()
                    log.exception("a call's media failed; it is off the wheel")
        if self._timer is timer:
            self._arm(timers)

    def _stalled(self, behind: int, now_s: float) -> None:
        """Make up for the last turns and give up those before them."""
        self.worst_stall_s = max(self.worst_stall_s, behind * SLOT_S)
        for calls in self._slots:
            for turning in calls:
                turning.on_late(now_s)
        turns = behind // SLOTS
        skipped = max(0, turns - CATCH_UP_TURNS)
        self.late_turns += (turns - skipped) * len(self)
        if not skipped:
            return
        self._ticks += skipped * SLOTS
        self.skipped_turns += skipped * len(self)
        for calls in self._slots:
            for turning in calls:
                turning.on_skipped(skipped)


def freeze_garbage_collector() -> None:
    """Keep the cyclic collector from holding up the wheel; call once when everything is loaded.

    What is loaded then is never looked at again, and full collections become rare: pauses of 113 ms were measured
    without this, none over a few milliseconds with it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
