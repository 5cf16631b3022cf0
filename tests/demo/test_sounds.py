"""Tones, speech and mu-law of the demo."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ari_agent.demo import sounds
from ari_agent.demo.measure import level_dbfs, tone_dbfs
from ari_agent.demo.sounds import channels_of_wav, to_ulaw, tone


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


MU_LAW = struct.pack("<HHIIHH", 7, 2, 8000, 16000, 2, 8)


def _wav(**chunks: bytes) -> bytes:
    body = b"".join(name.ljust(4).encode() + struct.pack("<I", len(chunk)) + chunk for name, chunk in chunks.items())
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def test_the_channels_of_a_wav_file_are_told_apart() -> None:
    one, other = tone(400, 20, 8000), tone(700, 20, 8000)
    both = to_ulaw(np.stack([one, other], axis=1).reshape(-1))
    rate_hz, channels = channels_of_wav(_wav(fmt=MU_LAW, LIST=b"by us", data=both).replace(b"by us", b"by us\0"))
    assert rate_hz == 8000
    assert [to_ulaw(channel) for channel in channels] == [to_ulaw(one), to_ulaw(other)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no WAV file: it begins with b''"),
        (b"<html><body></body></html>", "no WAV file"),
        (_wav(fmt=MU_LAW, data=bytes(100))[:-1], "99 bytes, 100 were announced"),
        (_wav(fmt=MU_LAW), "has the chunks fmt and data"),
        (_wav(data=bytes(100)), "has the chunks fmt and data"),
        (_wav(fmt=struct.pack("<HHIIHH", 6, 2, 8000, 16000, 2, 8), data=bytes(100)), "format 6 of 8 bits"),
        (_wav(fmt=MU_LAW, data=bytes(99)), "99 samples are not the same number for each of 2 channels"),
    ],
)
def test_what_is_no_wav_file_of_ours_is_told(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        channels_of_wav(data)
