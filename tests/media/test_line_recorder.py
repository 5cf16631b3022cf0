"""Where on its time axis a recording has two people who are heard one by one; the clock is set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from ari_agent.media import rtp
from ari_agent.media.line import NARROWBAND
from ari_agent.media.line_recorder import HeardLine, LineRecorder
from ari_agent.media.recorder import Recorder

BEFORE_S: Final = 2.0
"""How long the recording was before."""
FROM_S: Final = 1000.0
FRAME_S: Final = 0.02
FRAME: Final = 160
CALLER, TARGET, AGENT = b"\x10", b"\x20", b"\x30"
SILENCE: Final = b"\xff"


class TwoPeople:
    """Two people who send a packet each 20 ms, at moments of their own, while the clock runs."""

    def __init__(self) -> None:
        self.stereo = b""
        self.recorder = Recorder(self._write)
        units = int(BEFORE_S * 8000)
        self.recorder.hear_caller(AGENT * units)
        self.recorder.hear_agent(AGENT * units)
        self.recorder.close(units)
        self.lines = LineRecorder(self.recorder, NARROWBAND, from_s=FROM_S)
        self.now_s = FROM_S
        self._sent = {id(self.lines.caller): 0, id(self.lines.target): 0}

    def _write(self, stereo: bytes) -> None:
        self.stereo += stereo

    def pass_time(self, seconds: float, *, caller: bool = False, target: bool = False) -> None:
        """The caller's packets come 5 ms after a tick, the target's 11 ms."""
        for _ in range(round(seconds / FRAME_S)):
            if caller:
                self._send(self.lines.caller, CALLER, self.now_s + 0.005)
            if target:
                self._send(self.lines.target, TARGET, self.now_s + 0.011)
            self.now_s += FRAME_S
            self.lines.tick(self.now_s)

    def _send(self, line: HeardLine, sound: bytes, at_s: float) -> None:
        index = self._sent[id(line)]
        self._sent[id(line)] += 1
        packet = rtp.Packet(NARROWBAND.payload_type, False, index & 0xFFFF, FRAME * index, 7, sound * FRAME)
        line.receive(rtp.build(packet), at_s)

    def close(self) -> tuple[bytes, bytes]:
        """Both sides from where the two were left alone."""
        self.lines.close()
        begin = int(BEFORE_S * 8000)
        return self.stereo[::2][begin:], self.stereo[1::2][begin:]


def test_each_is_on_an_own_side_from_the_moment_when_the_first_packet_came() -> None:
    two = TwoPeople()
    two.pass_time(0.5)
    two.pass_time(3.0, caller=True, target=True)
    left, right = two.close()
    assert left.index(CALLER) / 8 == pytest.approx(505)
    assert right.index(TARGET) / 8 == pytest.approx(511)
    assert set(left) == set(SILENCE + CALLER)
    assert set(right) == set(SILENCE + TARGET)
    assert left.count(CALLER) == right.count(TARGET) == 3 * 8000
    assert len(left) == len(right) == 3.511 * 8000


def test_who_sends_nothing_is_silent_and_shifts_nobody() -> None:
    two = TwoPeople()
    two.pass_time(3.0, target=True)
    two.pass_time(2.0)
    left, right = two.close()
    assert left == SILENCE * len(left)
    assert right.index(TARGET) / 8 == pytest.approx(11)
    assert len(right) / 8000 == pytest.approx(5.0, abs=FRAME_S)


def test_after_a_hold_what_follows_stands_where_it_came() -> None:
    two = TwoPeople()
    two.pass_time(1.0, caller=True, target=True)
    two.pass_time(2.0, target=True)
    two.pass_time(1.0, caller=True, target=True)
    left, right = two.close()
    assert len(left.rstrip(SILENCE)) / 8000 == pytest.approx(4.0, abs=FRAME_S)
    assert left[int(1.5 * 8000) : int(2.9 * 8000)] == SILENCE * int(1.4 * 8000)
    assert right.count(TARGET) == 4 * 8000


def test_a_pause_is_silence_of_its_length() -> None:
    two = TwoPeople()
    two.pass_time(1.0, caller=True, target=True)
    two.lines.pause(True)
    two.pass_time(1.5, caller=True, target=True)
    two.lines.pause(False)
    two.pass_time(1.0, caller=True, target=True)
    left, right = two.close()
    for side, sound in ((left, CALLER), (right, TARGET)):
        assert side[int(1.1 * 8000) : int(2.4 * 8000)] == SILENCE * int(1.3 * 8000)
        assert side.count(sound) / 8000 == pytest.approx(2.0, abs=2 * FRAME_S)
    assert len(left) / 8000 == pytest.approx(3.5, abs=FRAME_S)


@pytest.mark.parametrize(("stood_still_s", "recorded_s"), [(30.0, 30.0), (3600.0, 60.0)])
def test_a_machine_that_stood_still_leaves_a_minute_of_silence_at_most(stood_still_s: float, recorded_s: float) -> None:
    two = TwoPeople()
    two.pass_time(1.0, caller=True, target=True)
    two.now_s += stood_still_s
    two.pass_time(2.0, caller=True, target=True)
    left, right = two.close()
    assert len(left) == len(right)
    assert len(left) / 8000 == pytest.approx(3.0 + recorded_s, abs=0.1)


def test_what_is_no_rtp_is_counted_and_heard_by_nobody() -> None:
    heard: list[bytes] = []
    hear: Callable[[bytes], None] = heard.append
    line = HeardLine(NARROWBAND, hear)
    line.receive(b"\x00", FROM_S)
    assert line.malformed == 1
    assert heard == []
