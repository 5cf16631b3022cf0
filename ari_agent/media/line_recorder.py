"""Goes on with the recording of a call whose two people were left alone: each is heard on a line of their own. Pure.

    caller's line: RTP ──▶ jitter buffer ──▶ left  ─┐
                                                    ├─▶ Recorder, on the time axis that it has had so far
    target's line: RTP ──▶ jitter buffer ──▶ right ─┘

A line is silent up to its first packet, which stands where it came; from there on a jitter buffer's audio has no gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from ari_agent.errors import MalformedPacket
from ari_agent.media import rtp
from ari_agent.media.jitter_buffer import JitterBuffer
from ari_agent.media.line import Line
from ari_agent.media.recorder import GIVE_EACH_S, Recorder

_GIVE_EACH_TICKS: Final = round(GIVE_EACH_S * 50)
_LONGEST_GAP_S: Final = 60.0  # a machine that stood still for longer leaves no more silence than this


class HeardLine:
    """One line that is only listened to: datagrams in, audio out. malformed: datagrams that are no RTP."""

    def __init__(self, line: Line, hear: Callable[[bytes], None]) -> None:
        """hear: takes the audio, in the format of the line."""
        self.jitter = JitterBuffer(line)
        self.malformed = 0
        self._hear = hear

    def receive(self, datagram: bytes, now_s: float) -> None:
        """Take one datagram from Asterisk."""
        try:
            packet = rtp.parse(datagram)
        except MalformedPacket:
            self.malformed += 1
            return
        for audio in self.jitter.push(packet, now_s):
            self._hear(audio)

    def poll(self, now_s: float) -> None:
        """Fill in what is due and has not come."""
        for audio in self.jitter.poll(now_s):
            self._hear(audio)


class LineRecorder:
    """Records two lines. caller, target: take what comes on them."""

    def __init__(self, recorder: Recorder, line: Line, *, from_s: float) -> None:
        """recorder: has all up to from_s, on both sides. line: the codec in which both are heard."""
        self._recorder = recorder
        self._start_s = from_s - recorder.agent_end / rtp.CLOCK_HZ
        self._looked_s = from_s
        self._ticks = 0
        self.caller = HeardLine(line, recorder.hear_caller)
        self.target = HeardLine(line, recorder.hear_agent)

    def tick(self, now_s: float) -> None:
        """Keep both lines to real time; to be called every 20 ms."""
        gap_s, self._looked_s = now_s - self._looked_s, now_s
        self._start_s += max(0.0, gap_s - _LONGEST_GAP_S)
        self.caller.poll(now_s)
        self.target.poll(now_s)
        self._ticks += 1
        if self._ticks % _GIVE_EACH_TICKS == 0:
            self._recorder.flush(*self._ends())

    def pause(self, paused: bool) -> None:
        """Record silence from now on, or end that."""
        self._recorder.flush(*self._ends())
        self._recorder.pause(paused)

    def close(self) -> None:
        """End the recording, and give away the audio of both sides that is left."""
        self._recorder.close(*self._ends())

    def _ends(self) -> tuple[int, int]:
        return self._end(self.caller), self._end(self.target)

    def _end(self, line: HeardLine) -> int:
        due_s = line.jitter.due_s
        return round(((self._looked_s if due_s == inf else due_s) - self._start_s) * rtp.CLOCK_HZ)
