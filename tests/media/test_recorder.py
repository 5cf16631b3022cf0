from __future__ import annotations

import pytest

from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat, mix
from ari_agent.media.recorder import HeardParty, Recorder

SILENCE = b"\xff"


class Tape:
    """What a recorder has given away, channel by channel. A sample of the line is one unit here: mu-law."""

    def __init__(self, *, agent_only: bool = False) -> None:
        self.stereo = b""
        self.recorder = Recorder(self._write, agent_only=agent_only)

    def _write(self, stereo: bytes) -> None:
        self.stereo += stereo

    @property
    def left(self) -> bytes:
        return self.stereo[::2]

    @property
    def right(self) -> bytes:
        return self.stereo[1::2]

    def hear(self, caller: bytes, agent: bytes) -> None:
        self.recorder.hear_caller(caller)
        self.recorder.hear_agent(agent)


def test_the_caller_is_left_and_the_agent_right() -> None:
    tape = Tape()
    tape.hear(b"c" * 320, b"a" * 320)
    tape.recorder.flush(320)
    assert (tape.left, tape.right) == (b"c" * 320, b"a" * 320)


def test_a_hole_on_the_agents_side_is_filled_where_its_end_is_told() -> None:
    tape = Tape()
    tape.hear(b"c" * 320, b"a" * 160)
    tape.recorder.flush(320, 320)
    assert (tape.left, tape.right) == (b"c" * 320, SILENCE * 160 + b"a" * 160)


def test_wide_samples_stay_whole() -> None:
    written: list[bytes] = []
    recorder = Recorder(written.append, of=LINEAR_16K)
    recorder.hear_caller(b"\x01\x02" * 320)
    recorder.hear_agent(b"\x83\x84" * 320)
    recorder.flush(160)
    assert b"".join(written) == b"\x01\x02\x83\x84" * 320


def test_what_only_one_side_has_waits_for_the_other() -> None:
    tape = Tape()
    tape.hear(b"c" * 480, b"a" * 160)
    tape.recorder.flush(480)
    assert (tape.left, tape.right) == (b"c" * 160, b"a" * 160)
    tape.recorder.hear_agent(b"b" * 320)
    tape.recorder.flush(480)
    assert (tape.left, tape.right) == (b"c" * 480, b"a" * 160 + b"b" * 320)


def test_what_the_caller_said_late_stands_late() -> None:
    tape = Tape()
    tape.hear(b"c" * 160, b"a" * 800)
    tape.recorder.flush(800)
    assert tape.left == SILENCE * 640 + b"c" * 160


def test_a_gap_stands_in_front_of_what_was_heard_since_the_last_time() -> None:
    tape = Tape()
    tape.hear(b"c" * 160, b"a" * 480)
    tape.recorder.flush(160)
    tape.recorder.hear_caller(b"d" * 160)
    tape.recorder.flush(480)
    assert tape.left == b"c" * 160 + SILENCE * 160 + b"d" * 160


@pytest.mark.parametrize("end", [161, 159, 153, 167])
def test_rounding_is_no_gap(end: int) -> None:
    tape = Tape()
    tape.hear(b"c" * 160, b"a" * 160)
    tape.recorder.flush(end)
    assert tape.left == b"c" * 160


def test_time_without_frames_is_silence_of_the_agent() -> None:
    tape = Tape()
    tape.recorder.hear_agent(b"a" * 160)
    tape.recorder.pass_time(40)
    tape.recorder.hear_agent(b"b" * 160)
    tape.recorder.flush(None)
    assert tape.right == b"a" * 160 + SILENCE * 40 + b"b" * 160
    assert tape.left == SILENCE * 360
    assert tape.recorder.agent_end == 360


@pytest.mark.parametrize(("caller", "agent"), [(200, 160), (160, 200), (0, 200), (200, 0), (0, 0)])
def test_at_its_end_the_shorter_side_is_silent(caller: int, agent: int) -> None:
    tape = Tape()
    tape.hear(b"c" * caller, b"a" * agent)
    tape.recorder.close(caller)
    assert tape.left == (b"c" * caller).ljust(max(caller, agent), SILENCE)
    assert tape.right == (b"a" * agent).ljust(max(caller, agent), SILENCE)


def test_a_pause_is_silence_of_the_same_length() -> None:
    tape = Tape()
    tape.hear(b"c" * 160, b"a" * 160)
    tape.recorder.flush(160)
    tape.recorder.pause(True)
    tape.hear(b"4" * 320, b"2" * 320)
    tape.recorder.flush(480)
    tape.recorder.pause(False)
    tape.hear(b"d" * 160, b"b" * 160)
    tape.recorder.flush(640)
    assert tape.left == b"c" * 160 + SILENCE * 320 + b"d" * 160
    assert tape.right == b"a" * 160 + SILENCE * 320 + b"b" * 160


def test_what_waits_when_a_pause_begins_or_ends_is_silent_too() -> None:
    tape = Tape()
    tape.hear(b"4" * 160, b"a" * 80)
    tape.recorder.flush(160)
    tape.recorder.pause(True)
    tape.hear(b"4" * 160, b"2" * 160)
    tape.recorder.flush(320)
    tape.recorder.pause(False)
    tape.recorder.hear_agent(b"b" * 80)
    tape.recorder.flush(320)
    assert tape.left == b"4" * 80 + SILENCE * 240
    assert tape.right == b"a" * 80 + SILENCE * 160 + b"b" * 80


def test_the_agent_alone_is_recorded_where_that_is_set() -> None:
    tape = Tape(agent_only=True)
    tape.hear(b"c" * 160, b"a" * 160)
    tape.recorder.flush(160)
    tape.recorder.heard_is(HeardParty.TARGET)
    tape.hear(b"t" * 160, b"b" * 160)
    tape.recorder.flush(320)
    assert tape.left == SILENCE * 320
    assert tape.right == b"a" * 160 + b"b" * 160


def test_the_target_of_a_transfer_is_on_the_agents_side() -> None:
    tape = Tape()
    tape.recorder.heard_is(HeardParty.TARGET)
    tape.hear(b"\x20" * 160, b"\xa5" * 160)
    tape.recorder.flush(160)
    tape.recorder.heard_is(HeardParty.CALLER)
    tape.hear(b"c" * 160, b"a" * 160)
    tape.recorder.flush(320)
    assert tape.left == SILENCE * 160 + b"c" * 160
    assert tape.right == mix(b"\x20", b"\xa5") * 160 + b"a" * 160


@pytest.mark.parametrize("of", [ULAW, LINEAR_16K])
def test_no_half_sample_is_given_away(of: SampleFormat) -> None:
    written: list[bytes] = []
    recorder = Recorder(written.append, of=of)
    recorder.hear_caller(of.silence * 10 + of.silence[:1])
    recorder.hear_agent(of.silence * 20)
    recorder.flush(10)
    assert len(b"".join(written)) % (2 * of.unit_bytes) == 0
