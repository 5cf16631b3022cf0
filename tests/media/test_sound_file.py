"""Sound files as operators bring them."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media.audio import ULAW
from ari_agent.media.sound_file import SOUND_HZ, read_sound
from ari_agent.media.wave_file import WaveFormat
from tests.fakes.sound import strongest_tone, tone


def wav(pcm: bytes, *, rate_hz: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm)
    return file.getvalue()


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16_000, 44_100, 48_000])
def test_a_sound_of_any_rate_sounds_the_same(rate_hz: int) -> None:
    pcm = read_sound(wav(tone(700, 1.0, rate_hz=rate_hz).astype("<i2").tobytes(), rate_hz=rate_hz), longest_s=60)
    heard = np.frombuffer(pcm, "<i2").astype(np.int16)
    assert len(heard) / SOUND_HZ == pytest.approx(1.0, abs=0.05)
    assert strongest_tone(heard[:SOUND_HZ], rate_hz=SOUND_HZ).frequency_hz == pytest.approx(700, abs=1)


def test_what_editors_put_in_front_of_the_audio_is_passed_over() -> None:
    file = wav(b"\1\2" * 800)
    extra = b"LIST" + struct.pack("<I", 4) + b"INFO"
    file = file[:4] + struct.pack("<I", len(file) + len(extra) - 8) + file[8:36] + extra + file[36:]
    assert read_sound(file, longest_s=60) == b"\1\2" * 800


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (b"", "16-bit PCM, one channel, 8000 to 48000 Hz; reading it failed"),
        (b"ID3\4 an mp3", "reading it failed"),
        (WaveFormat(ULAW, 1).header(800) + bytes(800), "reading it failed: unknown format: 7"),
        (wav(bytes(1600))[:30], "reading it failed"),
        (wav(bytes(1600), channels=2), "it has 2 channels of 16 bit, 16000 Hz"),
        (wav(bytes(1600), width=1), "it has 1 channels of 8 bit"),
        (wav(bytes(1600), rate_hz=6000), "6000 Hz"),
        (wav(bytes(1600), rate_hz=96_000), "96000 Hz"),
        (wav(b""), "it lasts 0.0 s"),
        (wav(bytes(2 * 16_000 * 3)), "at most 2 s; it lasts 3.0 s"),
    ],
)
def test_other_files_are_refused_in_words(file: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_sound(file, longest_s=2)


@given(st.binary(max_size=200), st.integers(0, 80))
def test_no_bytes_do_harm(noise: bytes, keep: int) -> None:
    for file in (noise, wav(bytes(64))[:keep] + noise):
        try:
            read_sound(file, longest_s=60)
        except ValueError:
            continue
