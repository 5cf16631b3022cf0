from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ari_agent.calls.web.web_recording import WebRecording, recorded_format
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat

MULAW = AudioFormat(audio_websocket_protocol="web", audio_encoding="mulaw", sample_rate=8000)
SILENCE = b"\xff"


class Tape:
    """A recorded web call in mu-law, its clock set by hand. `talk` has the user speak in real time."""

    def __init__(self, *, agent_only: bool = False) -> None:
        self.stereo = b""
        self.now_s = 50.0
        self.recording = WebRecording(self._write, MULAW, agent_only=agent_only, start_s=self.now_s)

    def _write(self, stereo: bytes) -> None:
        self.stereo += stereo

    def talk(self, seconds: float, sound: bytes = b"u", *, muted: bool = False) -> None:
        for _ in range(round(seconds / 0.1)):
            self.now_s += 0.1
            self.recording.hear(sound * 800, self.now_s, muted=muted)
            self.recording.flush(self.now_s)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.5)):
            self.now_s += 0.5
            self.recording.flush(self.now_s)

    def close(self) -> tuple[bytes, bytes]:
        self.recording.close(self.now_s)
        return self.stereo[::2], self.stereo[1::2]


def runs(channel: bytes) -> list[tuple[str, float]]:
    """What a channel holds in turn, silence as `-`, each with its length in seconds."""
    found: list[tuple[str, int]] = []
    for code in channel:
        name = "-" if code == 0xFF else chr(code)
        count = found.pop()[1] + 1 if found and found[-1][0] == name else 1
        found.append((name, count))
    return [(name, round(count / 8000, 2)) for name, count in found]


def test_the_user_is_left_and_the_agent_stands_where_it_is_heard() -> None:
    tape = Tape()
    tape.talk(1.0)
    tape.recording.play(b"a" * 4000, tape.now_s)
    tape.recording.play(b"b" * 4000, tape.now_s + 0.5)
    tape.recording.play(b"c" * 4000, tape.now_s + 2.0)
    tape.talk(3.0)
    left, right = tape.close()
    assert runs(left) == [("u", 4.0)]
    assert runs(right) == [("-", 1.0), ("a", 0.5), ("b", 0.5), ("-", 1.0), ("c", 0.5), ("-", 0.5)]


def test_what_is_cleared_was_never_heard() -> None:
    tape = Tape()
    tape.recording.play(b"a" * 16000, tape.now_s)
    tape.talk(0.5)
    tape.recording.clear(tape.now_s)
    tape.recording.play(b"b" * 4000, tape.now_s)
    tape.talk(1.0)
    assert runs(tape.close()[1]) == [("a", 0.5), ("b", 0.5), ("-", 0.5)]


def test_a_user_who_sends_nothing_is_silent_for_as_long() -> None:
    tape = Tape()
    tape.wait(3.0)
    tape.talk(1.0)
    tape.wait(2.0)
    tape.talk(1.0, b"v")
    assert runs(tape.close()[0]) == [("-", 3.0), ("u", 1.0), ("-", 2.0), ("v", 1.0)]


def test_a_stall_of_the_network_leaves_no_gap_behind() -> None:
    tape = Tape()
    tape.talk(1.0)
    tape.now_s += 0.6
    for sound in (b"v", b"w", b"x", b"y", b"z", b"u"):
        tape.recording.hear(sound * 800, tape.now_s)
    tape.talk(1.0, b"u")
    left = tape.close()[0]
    assert [name for name, _ in runs(left) if name != "-"] == ["u", "v", "w", "x", "y", "z", "u"]
    assert runs(left)[-1][0] == "u"
    assert sum(seconds for name, seconds in runs(left) if name == "-") <= 0.01
    assert len(left) == 2.6 * 8000


def test_a_burst_after_a_gap_does_not_shift_what_follows() -> None:
    tape = Tape()
    tape.talk(1.0)
    tape.wait(3.0)
    tape.recording.hear(b"w" * 24000, tape.now_s)  # what the network had held back
    tape.talk(4.0, b"x")
    left, _ = tape.close()
    assert len(left) == 8 * 8000
    assert runs(left)[-1][0] == "x"
    assert runs(left)[-1][1] == pytest.approx(4.0, abs=0.21)


def test_what_both_have_said_is_given_away_at_once() -> None:
    tape = Tape()
    tape.recording.play(b"a" * 16000, tape.now_s)
    tape.talk(1.5)
    assert runs(tape.stereo[::2]) == [("u", 1.5)]
    assert runs(tape.stereo[1::2]) == [("a", 1.5)]
    tape.recording.clear(tape.now_s)
    tape.wait(0.5)  # what the user says meanwhile may be on its way
    assert len(tape.stereo) == 2 * 1.5 * 8000


def test_silence_before_what_was_late_waits_for_a_second_and_no_longer() -> None:
    tape = Tape()
    tape.talk(1.0)
    tape.now_s += 0.6
    tape.talk(0.4, b"v")
    assert runs(tape.stereo[::2]) == [("u", 1.0)]
    tape.talk(0.7, b"w")
    assert runs(tape.stereo[::2]) == [("u", 1.0), ("-", 0.6), ("v", 0.4), ("w", 0.7)]


def test_a_muted_user_is_silent() -> None:
    tape = Tape()
    tape.talk(1.0, muted=True)
    tape.talk(1.0)
    assert runs(tape.close()[0]) == [("-", 1.0), ("u", 1.0)]


def test_a_pause_is_silence_of_both() -> None:
    tape = Tape()
    tape.recording.play(b"a" * 40000, tape.now_s)
    tape.talk(1.0)
    tape.recording.pause(True, tape.now_s)
    tape.talk(2.0, b"4")
    tape.recording.pause(False, tape.now_s)
    tape.talk(1.0)
    left, right = tape.close()
    assert runs(left) == [("u", 1.0), ("-", 2.0), ("u", 1.0)]
    assert runs(right) == [("a", 1.0), ("-", 2.0), ("a", 1.0)]


def test_the_agent_alone_is_recorded_where_that_is_set() -> None:
    tape = Tape(agent_only=True)
    tape.recording.play(b"a" * 8000, tape.now_s)
    tape.talk(1.0)
    left, right = tape.close()
    assert (runs(left), runs(right)) == ([("-", 1.0)], [("a", 1.0)])


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "wanted"),
    [("mulaw", 8000, ULAW), ("s16le", 8000, ULAW), ("s16le", 16000, LINEAR_16K), ("s16le", 48000, LINEAR_16K)],
)
def test_audio_is_converted_to_the_format_of_the_recording(encoding: Any, rate_hz: int, wanted: SampleFormat) -> None:
    audio = AudioFormat(audio_websocket_protocol="web", audio_encoding=encoding, sample_rate=rate_hz)
    assert recorded_format(audio) is wanted
    written: list[bytes] = []
    recording = WebRecording(written.append, audio, agent_only=False, start_s=0.0)
    second = np.full(rate_hz, 8000, "<i2").tobytes() if encoding == "s16le" else b"\x9f" * 8000
    recording.hear(second, 1.0)
    recording.play(second, 0.0)
    recording.close(1.0)
    recording.close(1.0)
    stereo = wanted.to_linear(b"".join(written))
    assert len(b"".join(written)) == 2 * 8000 * wanted.unit_bytes
    assert np.median(np.frombuffer(stereo, "<i2")) == pytest.approx(8000, rel=0.1)


def test_of_a_gap_that_is_given_away_only_the_rest_goes_again() -> None:
    tape = Tape()
    tape.talk(1.0)
    tape.now_s += 0.9
    tape.recording.hear(b"v" * 800, tape.now_s)
    tape.now_s += 0.8
    tape.recording.flush(tape.now_s)
    for _ in range(16):
        tape.recording.hear(b"w" * 777, tape.now_s)
    tape.talk(2.0)
    left = tape.close()[0]
    assert [name for name, _ in runs(left)] == ["u", "-", "v", "w", "u"]
    assert len(left) == pytest.approx(4.7 * 8000)


def test_one_that_is_stopped_ends_there() -> None:
    tape = Tape()
    tape.talk(1.0)
    tape.recording.stop(tape.now_s)
    tape.talk(1.0, b"v")
    assert runs(tape.close()[0]) == [("u", 1.0)]
