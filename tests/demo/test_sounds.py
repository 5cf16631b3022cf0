"""Tones, speech and mu-law of the demo."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.demo import sounds
from ari_agent.demo.measure import level_dbfs, tone_dbfs


# ITU-T G.711 table 2a: decision and output values of the positive half, in 16 bits.
@pytest.mark.parametrize(
    ("code", "value"),
    [
        (0xFF, 0),
        (0xFE, 8),
        (0xEF, 132),
        (0xDF, 396),
        (0xCF, 924),
        (0xBF, 1980),
        (0x9F, 8316),
        (0x8F, 16764),
        (0x80, 32124),
    ],
)
def test_mulaw_has_the_values_of_the_standard(code: int, value: int) -> None:
    assert sounds.from_ulaw(bytes([code, code & 0x7F])).tolist() == [value, -value]
    assert sounds.to_ulaw(np.array([value], np.int16)) == bytes([code])


def test_mulaw_loses_no_more_than_its_step() -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    loop = sounds.from_ulaw(sounds.to_ulaw(samples)).astype(np.int32)
    step = np.maximum(8, (np.abs(samples.astype(np.int32)) + 132) / 16)
    assert np.all(np.abs(loop - samples)[644:] <= step[644:])
    assert loop[0] == -32124


def test_a_tone_has_its_frequency_length_and_level() -> None:
    tone = sounds.tone(1000, 500, 8000)
    assert len(tone) == 4000
    assert tone_dbfs(tone, 1000, 8000) == pytest.approx(-15, abs=0.3)
    assert tone_dbfs(tone, 1300, 8000) < -50


def test_a_melody_is_its_notes_in_order() -> None:
    notes = sounds.melody((500, 900), 200, 8000)
    assert tone_dbfs(notes[:1600], 500, 8000) > -17 > -40 > tone_dbfs(notes[:1600], 900, 8000)
    assert tone_dbfs(notes[1600:], 900, 8000) > -17


@pytest.mark.parametrize(
    "name", ["greeting", "operator", "caller_question", "caller_goodbye", "caller_help", "caller_bye"]
)
def test_every_recording_is_there_and_speaks(name: str) -> None:
    speech = sounds.speech(name)
    assert 1 < len(speech) / 8000 < 6
    assert -35 < level_dbfs(speech) < -10


@pytest.mark.parametrize("rate_hz", [16000, 24000, 44100, 48000])
def test_another_rate_keeps_length_and_level(rate_hz: int) -> None:
    speech = sounds.speech("caller_question", rate_hz)
    assert len(speech) / rate_hz == pytest.approx(3.02, abs=0.001)
    assert level_dbfs(speech) == pytest.approx(level_dbfs(sounds.speech("caller_question")), abs=1.0)
