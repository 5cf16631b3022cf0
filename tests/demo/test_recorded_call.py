"""The recording of the scripted call: right, and wrong in one thing each."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ari_agent.demo.recorded_call import Dialogue, checked_recording
from ari_agent.demo.report import StepFailed
from ari_agent.demo.sounds import Samples, at_rate, silence, speech, to_ulaw

GREETING, QUESTION = speech("greeting"), speech("caller_question")
GREETING_AT, QUESTION_AT = 160, 160 + len(GREETING) + 4000
ECHO_AT = QUESTION_AT + 8240
LENGTH = ECHO_AT + len(QUESTION) + 8000
# The caller's clock began 700 samples before the recording's.
DIALOGUE = Dialogue(GREETING, QUESTION, GREETING_AT + 700, QUESTION_AT + 700, ECHO_AT + 700)


def _channel(*sounds: tuple[Samples, int]) -> Samples:
    channel = silence(LENGTH / 8, 8000)
    for sound, at in sounds:
        channel[at : at + len(sound)] += sound
    return channel


LEFT = _channel((QUESTION, QUESTION_AT))
RIGHT = _channel((GREETING, GREETING_AT), (QUESTION, ECHO_AT))


def wav(*channels: Samples, rate_hz: int = 8000, kind: int = 7) -> bytes:
    """A WAV file of mu-law (7) or 16-bit PCM (1)."""
    interleaved = np.stack(channels, axis=1).reshape(-1)
    data = to_ulaw(interleaved) if kind == 7 else interleaved.astype("<i2").tobytes()
    size = 1 if kind == 7 else 2
    count = len(channels)
    form = struct.pack("<HHIIHHH", kind, count, rate_hz, rate_hz * count * size, count * size, 8 * size, 0)
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body
        for name, body in ((b"fmt ", form), (b"fact", b"1234"), (b"data", data))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


MIXED = wav(LEFT + RIGHT)


def test_voices_on_their_sides_at_their_moments_are_found() -> None:
    told = checked_recording(DIALOGUE, stereo=wav(LEFT, RIGHT), mixed=MIXED)
    assert "20 ms from its start" in told
    assert "+0 ms from where the caller said it" in told
    assert "+0 ms from where the caller heard it" in told


def test_a_wideband_recording_is_read_too() -> None:
    wide = [at_rate(channel, 8000, 16000) for channel in (LEFT, RIGHT, LEFT + RIGHT)]
    stereo, mixed = wav(*wide[:2], rate_hz=16000, kind=1), wav(wide[2], rate_hz=16000, kind=1)
    assert "+0 ms" in checked_recording(DIALOGUE, stereo=stereo, mixed=mixed)


@pytest.mark.parametrize("late_ms", [-40, 40])
def test_a_voice_that_is_a_little_early_or_late_is_where_it_belongs(late_ms: int) -> None:
    left = _channel((QUESTION, QUESTION_AT + 8 * late_ms))
    assert f"{late_ms:+d} ms from where the caller said it" in checked_recording(
        DIALOGUE, stereo=wav(left, RIGHT), mixed=MIXED
    )


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        (RIGHT, LEFT, "the greeting is not in the right channel"),
        (_channel(), RIGHT, "the question is not in the left channel"),
        (_channel((QUESTION[::-1], QUESTION_AT)), RIGHT, "the question is not in the left channel"),
        (LEFT, _channel((GREETING, GREETING_AT)), "the echo of the question is not in the right channel"),
        (_channel((QUESTION, QUESTION_AT), (GREETING, GREETING_AT)), RIGHT, "the greeting is in the left channel, too"),
        (LEFT, _channel((GREETING, GREETING_AT), (QUESTION, QUESTION_AT)), "the question is in the right channel, too"),
        (_channel((QUESTION, QUESTION_AT + 560)), RIGHT, r"the question is \+70 ms from where it belongs"),
        (_channel((QUESTION, QUESTION_AT - 560)), RIGHT, "the question is -70 ms from where it belongs"),
        (LEFT, _channel((GREETING, GREETING_AT), (QUESTION, ECHO_AT - 560)), "the echo of the question is -70 ms"),
        (_channel((QUESTION // 8, QUESTION_AT)), RIGHT, "the question is not in the left channel; .* -18.0 dB"),
    ],
    ids=[
        *("sides swapped", "no caller", "another caller", "no echo", "agent left", "caller right"),
        *("late", "early", "early echo", "faint"),
    ],
)
def test_a_voice_that_is_not_where_it_belongs_fails(left: Samples, right: Samples, said: str) -> None:
    with pytest.raises(StepFailed, match=said):
        checked_recording(DIALOGUE, stereo=wav(left, right), mixed=MIXED)


@pytest.mark.parametrize(
    ("stereo", "mixed", "said"),
    [
        (MIXED, MIXED, "1 and 1 channels"),
        (wav(LEFT, RIGHT), wav(LEFT, RIGHT), "2 and 2 channels"),
        (wav(LEFT, RIGHT), wav(LEFT), "the greeting is not in the mixed channel"),
        (wav(LEFT, RIGHT), wav(np.roll(RIGHT, 800)), r"the greeting in the mixed recording is \+100 ms"),
        (b"<html>", MIXED, "cannot be read: no WAV file"),
    ],
)
def test_files_that_are_not_those_of_a_call_fail(stereo: bytes, mixed: bytes, said: str) -> None:
    with pytest.raises(StepFailed, match=said):
        checked_recording(DIALOGUE, stereo=stereo, mixed=mixed)
