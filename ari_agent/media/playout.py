"""The playout queue: agent audio of any chunk size in, one frame of 20 ms per tick of the wheel out.

Pure and without a clock: the wheel calls `next_frame` for every 20 ms of real time, and that is the clock.

**Starting and running dry.** A talkspurt starts as soon as one whole frame is there. There is no prebuffer, because a
stream that needs one makes it by itself: the first frame that comes too late costs one silent frame, and from then on
the queue stands one frame deeper. A wheel that places the first tick of a talkspurt some 12 ms behind its first audio
(see `idle`) gives that much tolerance of jitter without the silent frame. Chunks that are no whole number of frames
wait one tick longer: with them the queue is short of a frame at some tick even if the agent is in time. A tail shorter
than a frame is faded out and padded when nothing follows.

**Trimming.** A paced queue never shrinks by itself: after a stall of a live stream every later frame is late by the
stall. But a queue that stands deep is just what a burst of synthesised speech wants, and nobody may cut into that.
What tells them apart is the agent's lead: audio received minus time passed since its stream began.
- A live stream cannot know the future: its lead never passes what it began with, or what it has after 0.6 s if its
  first frames were late. A stall lowers the lead, catching up restores it, and the caller was given silence meanwhile.
  So there is a surplus when the stream keeps the pace of real time, its lead is back where it was, and yet the queue
  has not been short for a whole window. Only that lowest depth goes, and never more than the silence that was put in:
  what the queue needs for jitter stays. The same rule takes care of an agent whose clock is fast, because the usual
  lead is followed by 1 ms a second.
- An agent ahead of real time (a burst, or a burst and then paced) has raised its lead: its words are never cut. Where
  it keeps the pace of real time for seconds with audio standing in front of the caller, long pauses are shortened.
  That brings an agent that streamed into a ringing call back to the present.
- While nothing comes in, the queue drains in its own time and is left alone.

**Limit.** Ten minutes of audio. What comes in above that is dropped and counted: what is queued is older, has marks
within it, and comes first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from ari_agent.media.audio import FRAME_UNITS, ULAW, SampleFormat, crossfade, fade_out

LIMIT_UNITS: Final = 10 * 60 * 8000
"""Ten minutes, in units of 1/8000 s: audio above that is dropped."""
MARKS_LIMIT: Final = 10_000
"""Marks that may wait in one queue; more are refused."""

_UNITS_PER_MS: Final = 8
_WINDOW_TICKS: Final = 25  # 0.5 s: twice the longest time between two messages of a live agent
_WINDOW_TICKS_MIN: Final = 10  # 0.2 s: where each message is one frame
_LEARN_TICKS: Final = 30  # 0.6 s: what the lead of a stream is, is learnt in this time
_WINDOW_TICKS_MAX: Final = 3200  # 64 s: a stream that turned out to need its queue is asked ever more seldom
_STALL_TICKS_MAX: Final = 150  # 3 s: after a longer pause the agent begins anew rather than catches up
_LIVE_CHUNK_MAX: Final = 250 * _UNITS_PER_MS  # the longest message of a live stream (Retell's web protocol)
_LEAD_TOLERANCE: Final = 60 * _UNITS_PER_MS  # how far jitter moves the lead of a live stream
_LEAD_FOLLOWS: Final = 1000  # one sample in so many, rounded up: a clock 1000 ppm off
_CROSSFADE_UNITS: Final = 80  # 10 ms: what was trimmed passes into what follows
_PACE_TOLERANCE: Final = 40 * _UNITS_PER_MS
_PAUSE_FRAMES: Final = 10  # a pause is never shortened below 200 ms
_PAUSE_WINDOWS: Final = 6  # 3 s


@dataclass(slots=True)
class PlayoutCounters:
    """What became of one agent's audio: counts of frames or events, unless the name says milliseconds."""

    played_frames: int = 0
    silent_frames: int = 0  # ticks with nothing to say
    underruns: int = 0  # times the queue ran dry in a stream that went on within 200 ms
    trimmed_ms: int = 0  # surplus after a stall
    shortened_ms: int = 0  # pauses of an agent that is ahead
    cleared_ms: int = 0
    overflow_ms: int = 0  # dropped at the limit
    marks_refused: int = 0


class Playout:
    """One call's queue of agent audio for the caller.

    idle: nothing is queued and nothing was played at the last tick, so the next `push` starts a talkspurt.
    has_played_marks: whether `take_played_marks` would return any.
    """

    __slots__ = (
        "_allowed",
        "_chunk",
        "_due_marks",
        "_fading",
        "_format",
        "_frame_bytes",
        "_frames",
        "_handed_units",
        "_holding",
        "_lead",
        "_lead_peak",
        "_live",
        "_lowest",
        "_marks",
        "_paced_windows",
        "_quiet_run",
        "_received",
        "_shorten",
        "_silent_run",
        "_since_input",
        "_since_trim",
        "_tail",
        "_tail_seen",
        "_ticks",
        "_unit_bytes",
        "_usual_lead",
        "_window_ticks",
        "counters",
        "has_played_marks",
        "idle",
    )

    def __init__(self, of: SampleFormat = ULAW) -> None:
        self.counters = PlayoutCounters()
        self._format, self._unit_bytes = of, of.unit_bytes
        self._frame_bytes = FRAME_UNITS * of.unit_bytes
        self._frames: deque[bytes] = deque()  # whole frames
        self._tail = b""  # what does not fill a frame yet
        self._tail_seen = 0  # its length at the last tick
        self._holding = False
        self._fading = b""  # the frame in front of a trimmed piece: crossfaded into the next
        self._handed_units = 0  # of the agent's audio since the call began: played, trimmed or cleared
        self._marks: deque[tuple[int, str]] = deque()  # (handed bytes at which it is due, name)
        self._due_marks: list[str] = []
        self.has_played_marks = False
        self.idle = True
        self._silent_run = 1 << 20  # ticks since a frame was last played
        self._begin_stream(0)
        self._live = False  # nothing has begun

    def _begin_stream(self, first_chunk: int) -> None:
        """Start to measure the agent's lead anew, in samples. first_chunk: size of the stream's first message."""
        self._lead = 0
        self._usual_lead = self._chunk = min(first_chunk, _LIVE_CHUNK_MAX)
        self._allowed = 0  # silence put in, plus how far the usual lead was followed, minus what was trimmed
        self._live = True
        self._since_input = 0  # ticks
        self._since_trim = _WINDOW_TICKS_MAX * 10
        self._window_ticks = _WINDOW_TICKS if first_chunk > FRAME_UNITS else _WINDOW_TICKS_MIN
        self._shorten = self._quiet_run = 0
        self._paced_windows = 0
        self._begin_window()

    def _begin_window(self) -> None:
        self._ticks = self._received = 0
        self._lead_peak = -(1 << 60)
        self._lowest = 1 << 60  # frames left after each tick

    # the agent's side

    def push(self, audio: bytes) -> None:
        """Queue agent audio in the format of the line: whole units of 1/8000 s, any number of them."""
        size = len(audio) // self._unit_bytes
        if not size:
            return
        empty = not self._frames and not self._tail
        if empty:
            if self._silent_run <= 10 and self._silent_run:
                self.counters.underruns += 1
                window_ticks = max(self._window_ticks, _WINDOW_TICKS)
                if self._since_trim < 10 * window_ticks:
                    self._window_ticks = min(2 * window_ticks, _WINDOW_TICKS_MAX)
                self._begin_window()
            if not self._live or self._since_input > _STALL_TICKS_MAX:
                self._begin_stream(size)
                self._holding = size % FRAME_UNITS != 0 and size < 2 * FRAME_UNITS
        self.idle = False
        self._since_input = 0
        self._lead += size
        self._received += size
        if self._lead > self._lead_peak:
            self._lead_peak = self._lead
            if self._lead > self._usual_lead + _LEAD_TOLERANCE:
                self._live = False
        if size == FRAME_UNITS and not self._tail and len(self._frames) * FRAME_UNITS < LIMIT_UNITS:
            self._frames.append(audio)
        else:
            self._cut(audio, size)

    def _cut(self, audio: bytes, size: int) -> None:
        room = LIMIT_UNITS - self.queued_units
        if size > room:
            self.counters.overflow_ms += (size - room) // _UNITS_PER_MS
            audio = audio[: room * self._unit_bytes]
        audio = self._tail + audio if self._tail else audio
        frame_bytes = self._frame_bytes
        whole = len(audio) - len(audio) % frame_bytes
        for start in range(0, whole, frame_bytes):
            self._frames.append(audio[start : start + frame_bytes])
        self._tail = audio[whole:]

    def mark(self, name: str) -> bool:
        """Have `name` come back once all audio pushed so far has been played.

        False when MARKS_LIMIT marks wait already.
        """
        if not self._frames and not self._tail:
            self._due_marks.append(name)
            self.has_played_marks = True
            return True
        if len(self._marks) >= MARKS_LIMIT:
            self.counters.marks_refused += 1
            return False
        self._marks.append((self._handed_units + self.queued_units, name))
        return True

    def clear(self) -> list[str]:
        """Drop all queued audio at once; return the names of the marks that were waiting for it, in order."""
        queued = self.queued_units
        self.counters.cleared_ms += queued // _UNITS_PER_MS
        self._handed_units += queued
        self._frames.clear()
        self._tail = self._fading = b""
        self._live = self._holding = False
        self.idle = self._silent_run > 0
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def take_played_marks(self) -> list[str]:
        """Return the marks whose audio has been played since the last call, in order."""
        names, self._due_marks = self._due_marks, []
        self.has_played_marks = False
        return names

    @property
    def queued_units(self) -> int:
        """Return how much audio waits, in units of 1/8000 s: 8 to the millisecond."""
        return len(self._frames) * FRAME_UNITS + len(self._tail) // self._unit_bytes

    @property
    def handed_units(self) -> int:
        """Return how much of the agent's audio is not queued any more since the call began: played, cut or cleared."""
        return self._handed_units

    @property
    def ready(self) -> bool:
        """Return whether a whole frame waits."""
        return bool(self._frames)

    @property
    def starved(self) -> bool:
        """Return whether the queue is empty in the middle of a talkspurt: the last tick still played something."""
        return not self._silent_run and not self._frames and not self._tail

    # the wheel's side

    def pass_time(self, units: int) -> None:
        """Note that the next tick comes so many units of 1/8000 s later than it would. Negative is earlier."""
        self._lead -= units
        self._allowed += units

    def skip(self, ticks: int) -> None:
        """Note that `ticks` times 20 ms have passed in which the wheel was held up and nothing could be played."""
        time = FRAME_UNITS * ticks
        self._lead -= time
        self._allowed += time
        self._since_input += ticks
        self._ticks += ticks
        self._lowest = 0
        self._since_trim = _WINDOW_TICKS_MAX * 10  # running dry now is our doing, not the stream's

    def next_frame(self) -> bytes | None:
        """Return the frame of 20 ms for this tick of the wheel; None when nothing is queued and silence is due."""
        self._lead -= FRAME_UNITS
        self._since_input += 1
        self._ticks += 1
        frames = self._frames
        if frames and not self._holding:
            frame = frames.popleft()
            self._handed_units += FRAME_UNITS
            if self._shorten or self._fading:
                frame = self._corrected(frame)
        elif self._tail and not frames and (self._silent_run == 0 or len(self._tail) == self._tail_seen):
            frame = self._padded_tail()
        else:
            self._holding = False
            self._fading = b""
            self._tail_seen = len(self._tail)
            self._silent_run += 1
            self.idle = not frames and not self._tail
            self._allowed += FRAME_UNITS
            self._lowest = 0
            self.counters.silent_frames += 1
            return None
        self._silent_run = 0
        self.counters.played_frames += 1
        self._lowest = min(self._lowest, len(frames))
        if self._marks and self._marks[0][0] <= self._handed_units:
            self._release_marks()
        if self._ticks >= self._window_ticks:
            self._judge_window()
        return frame

    def _padded_tail(self) -> bytes:
        tail, self._tail, self._tail_seen = self._tail, b"", 0
        size = len(tail) // self._unit_bytes
        self._handed_units += size
        self._allowed += FRAME_UNITS - size
        return fade_out(tail, self._format) + self._format.silence * (FRAME_UNITS - size)

    def _release_marks(self) -> None:
        marks, due = self._marks, self._due_marks
        while marks and marks[0][0] <= self._handed_units:
            due.append(marks.popleft()[1])
            self.has_played_marks = True

    # surplus

    def _judge_window(self) -> None:
        """Decide at the end of a window which part of the queue is surplus, and trim it."""
        lowest, received, time = self._lowest, self._received, self._ticks * FRAME_UNITS
        follows = -(-time // _LEAD_FOLLOWS)
        peak = self._lead_peak
        in_pace = abs(received - time) <= _PACE_TOLERANCE + self._chunk
        self._since_trim += self._ticks
        self._begin_window()
        if not in_pace:
            self._paced_windows = self._shorten = 0
            return
        self._paced_windows += 1
        if not self._live:
            self._shorten = lowest if self._paced_windows >= _PAUSE_WINDOWS else 0
        elif peak < self._usual_lead - _LEAD_TOLERANCE:
            # It did not catch up: a talkspurt after a short pause, or part of it was lost. This is its timeline now.
            # So much of the silence that was put in delayed nothing: no audio ever came for it.
            self._allowed = max(0, self._allowed - (self._usual_lead - peak))
            self._usual_lead = peak
        else:
            follow = peak - self._usual_lead
            learnt = self._paced_windows * self._window_ticks > _LEARN_TICKS
            if learnt:
                follow = max(-follows, min(follows, follow))
            if learnt or peak <= _LEAD_TOLERANCE:
                self._allowed += follow
            self._usual_lead += follow
            surplus = min(lowest, (self._allowed + FRAME_UNITS // 2) // FRAME_UNITS)
            if surplus > 0:
                self._trim(surplus)

    def _trim(self, count: int) -> None:
        self._fading = self._frames[0]
        for _ in range(count):
            self._frames.popleft()
        self._handed_units += count * FRAME_UNITS
        self._allowed -= count * FRAME_UNITS
        self._since_trim = 0
        self.counters.trimmed_ms += 20 * count
        self._release_marks()

    def _corrected(self, frame: bytes) -> bytes:
        """Return the frame to play instead of `frame`, after a trim or where a pause may be shortened."""
        if self._fading:
            frame, self._fading = crossfade(self._fading, frame, self._format, over_units=_CROSSFADE_UNITS), b""
        while self._shorten and self._format.is_quiet(frame):
            self._quiet_run += 1
            if self._quiet_run <= _PAUSE_FRAMES or not self._frames:
                return frame
            frame = self._frames.popleft()
            self._handed_units += FRAME_UNITS
            self._shorten -= 1
            self.counters.shortened_ms += 20
        self._quiet_run = 0
        return frame
