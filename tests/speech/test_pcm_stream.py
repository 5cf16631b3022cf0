"""A provider's audio, however it is cut."""

from __future__ import annotations

import struct
import wave
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.pcm_stream import PcmStream
from tests.fakes.sound import tone

RATES = st.sampled_from([16000, 24000, 22050, 8000, 48000])


def wav(pcm: bytes, rate_hz: int, *, channels: int = 1, before: bytes = b"", after: bytes = b"") -> bytes:
    """A file with other chunks before and after the audio."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate_hz, 2 * channels * rate_hz, 2 * channels, 16)
    body = b"WAVE" + before + form + b"data" + struct.pack("<I", len(pcm)) + pcm + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """In chunks of these sizes, the last one taking the rest."""
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


def converted(stream: PcmStream, chunks: list[bytes]) -> bytes:
    pieces = [stream.feed(chunk) for chunk in chunks]
    assert all(len(piece) % 2 == 0 for piece in pieces)
    return b"".join(pieces) + stream.finish()


@given(RATES, st.lists(st.integers(0, 700), max_size=12), st.booleans())
def test_where_the_audio_is_cut_does_not_show(rate_hz: int, sizes: list[int], in_a_file: bool) -> None:
    pcm = tone(440, 0.05, rate_hz=rate_hz).tobytes()
    data = wav(pcm, rate_hz, before=b"LIST\x05\x00\x00\x00INFO!\x00", after=b"LIST\x04\x00\x00\x00\x7f\x7f\x7f\x7f")
    chunks = cut(data if in_a_file else pcm, sizes)
    assert converted(PcmStream(24000 if in_a_file else rate_hz), chunks) == converted(PcmStream(rate_hz), [pcm])


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_whatever_comes_is_samples_or_a_clear_error(chunks: list[bytes]) -> None:
    for begin in (b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVE", b"RIFF\x00\x00\x00\x00WAVEfmt "):
        try:
            converted(PcmStream(24000), [begin, *chunks])
        except ValueError as error:
            assert "expected" in str(error) or "WAV" in str(error)


@pytest.mark.parametrize("rate_hz", [16000, 24000, 22050])
def test_a_tone_stays_the_tone_to_its_last_millisecond(rate_hz: int) -> None:
    heard = np.frombuffer(converted(PcmStream(rate_hz), [tone(440, 0.5, rate_hz=rate_hz).tobytes()]), "<i2")
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 16000 / len(heard) == pytest.approx(440, abs=2)
    assert len(heard) == pytest.approx(8000, abs=40)


def test_what_the_wave_module_writes_is_read() -> None:
    pcm = tone(440, 0.1, rate_hz=16000).tobytes()
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(pcm)
    assert converted(PcmStream(24000), [file.getvalue()]) == pcm


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (wav(b"", 16000, channels=2), "2 channels"),
        (wav(b"", 96000), "audio at 96000 Hz; expected 8000 to 48000"),
        (wav(b"", 16000).replace(b"\x01\x00\x01\x00", b"\x07\x00\x01\x00"), "format 7"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "no WAVE file"),
        (b"RIFF\x00\x00\x00\x00WAVELIST\x00\x00\x01\x00" + bytes(70000), "within 64 KiB"),
    ],
)
def test_a_file_that_cannot_be_played_says_why(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        converted(PcmStream(24000), [data])


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVE", b"\x01"])
def test_nothing_is_nothing(data: bytes) -> None:
    assert converted(PcmStream(24000), [data]) == b""


@pytest.mark.parametrize(("code", "plays"), [(1, True), (3, False)])
def test_an_extensible_file_has_its_format_further_back(code: int, plays: bool) -> None:
    pcm = tone(440, 0.1, rate_hz=16000).tobytes()
    form = struct.pack("<HHIIHH", 0xFFFE, 1, 16000, 32000, 2, 16) + struct.pack("<HHIH14x", 22, 16, 4, code)
    file = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(pcm)) + pcm
    stream = PcmStream(8000)  # the file says another rate, and is right
    if plays:
        assert stream.feed(file) + stream.finish() == pcm
    else:
        with pytest.raises(ValueError, match="a WAV file of format 3"):
            stream.feed(file)
