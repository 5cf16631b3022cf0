"""What is played in the agent's place sounds the same in every encoding."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.calls.media.announcement import (
    SPEECH_HZ,
    connected_cue,
    duration_s,
    in_encoding,
    kept_in_encoding,
    recording_beep,
    sentence_frames,
)
from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat
from tests.fakes.sound import strongest_tone, tone, ulaw_decode


@pytest.mark.parametrize(
    ("encoding", "rate_hz"), [("mulaw", 8000), ("s16le", 8000), ("s16le", 16000), ("s16le", 24000), ("s16le", 48000)]
)
def test_speech_sounds_the_same_in_every_encoding(encoding: str, rate_hz: int) -> None:
    said = tone(700, 0.5, rate_hz=SPEECH_HZ).astype("<i2").tobytes()
    played = in_encoding(said, encoding=encoding, rate_hz=rate_hz)
    pcm = ulaw_decode(played) if encoding == "mulaw" else np.frombuffer(played, "<i2").astype(np.int16)
    assert len(pcm) / rate_hz == pytest.approx(0.5, abs=0.05)
    heard = strongest_tone(pcm[: rate_hz // 2], rate_hz=rate_hz)
    assert heard.frequency_hz == pytest.approx(700, abs=1)
    assert heard.share > 0.99


@pytest.mark.parametrize("of", [ULAW, LINEAR_16K])
def test_the_tone_of_a_recording_is_of_1400_hz_and_200_ms(of: SampleFormat) -> None:
    frames = recording_beep(of)
    assert [len(frame) for frame in frames] == [160 * of.unit_bytes] * 10
    heard = np.frombuffer(of.to_linear(b"".join(frames)), "<i2").astype(np.int16)
    assert strongest_tone(heard, rate_hz=of.rate_hz).frequency_hz == pytest.approx(1400, abs=5)
    assert abs(int(heard[0])) < 50
    assert abs(int(heard[-1])) < 50


def test_the_cue_is_two_short_notes_that_begin_and_end_softly() -> None:
    cue = np.frombuffer(connected_cue(), "<i2").astype(np.int16)
    assert duration_s(connected_cue()) == pytest.approx(0.24)
    half = len(cue) // 2
    for note, pitch_hz in ((cue[:half], 660), (cue[half:], 880)):
        assert strongest_tone(note, rate_hz=SPEECH_HZ).frequency_hz == pytest.approx(pitch_hz, abs=5)
        assert abs(int(note[0])) < 50
        assert abs(int(note[-1])) < 50


@pytest.mark.parametrize("of", [ULAW, LINEAR_16K])
def test_a_sentence_is_whole_frames_of_the_line_and_made_once(of: SampleFormat) -> None:
    said = tone(700, 0.45, rate_hz=SPEECH_HZ).astype("<i2").tobytes()
    frames = sentence_frames(said, of)
    assert {len(frame) for frame in frames} == {160 * of.unit_bytes}
    assert 23 <= len(frames) <= 25
    heard = np.frombuffer(of.to_linear(b"".join(frames)), "<i2").astype(np.int16)
    assert strongest_tone(heard[: of.rate_hz * 4 // 10], rate_hz=of.rate_hz).frequency_hz == pytest.approx(700, abs=1)
    assert sentence_frames(bytes(said), of) is frames
    assert sentence_frames(b"", of) == ()


def test_what_is_kept_in_an_encoding_is_what_it_would_be_made_anew() -> None:
    said = tone(700, 0.1, rate_hz=SPEECH_HZ).astype("<i2").tobytes()
    kept = kept_in_encoding(said, "mulaw", 8000)
    assert kept == in_encoding(said, encoding="mulaw", rate_hz=8000)
    assert kept_in_encoding(said, "mulaw", 8000) is kept
