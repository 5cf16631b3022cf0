from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.wav_header import without_header

PCM = b"\x01\x02" * 500


def chunk(name: bytes, body: bytes, *, size_bytes: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size_bytes is None else size_bytes) + body + b"\0" * (len(body) % 2)


def wav(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + b"".join(chunks)


def fmt(tag: int = 1, *, channels: int = 1, rate_hz: int = 16000, bits: int = 16) -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, 0, 0, bits))


@pytest.mark.parametrize(
    "file",
    [
        wav(fmt(), chunk(b"data", PCM)),
        wav(fmt(0xFFFE), chunk(b"data", PCM), chunk(b"LIST", b"by")),
        wav(fmt(), chunk(b"LIST", b"odd"), chunk(b"data", PCM, size_bytes=0xFFFFFFFF)),
        wav(fmt(), chunk(b"data", PCM, size_bytes=0)),
        wav(fmt(), chunk(b"data", PCM, size_bytes=9_000_000)),
        wav(chunk(b"fmt ", b"short"), chunk(b"data", PCM)),
    ],
    ids=["plain", "extensible, more behind it", "streamed", "size 0", "begun", "unreadable format"],
)
def test_a_header_is_skipped_and_told(file: bytes) -> None:
    audio, told = without_header(file, encoding="s16le", rate_hz=16000)
    assert audio == PCM
    assert told == "the header of a WAV file was skipped; bare s16le at 16000 Hz is expected"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (fmt(rate_hz=24000), "format 1, 1 channels, 24000 Hz, 16 bits"),
        (fmt(channels=2), "2 channels"),
        (fmt(bits=24), "24 bits"),
        (fmt(7, rate_hz=8000, bits=8), "format 7"),
        (fmt(3, bits=32), "format 3"),
    ],
)
def test_a_file_that_would_be_noise_is_not_played(form: bytes, said: str) -> None:
    audio, told = without_header(wav(form, chunk(b"data", PCM)), encoding="s16le", rate_hz=16000)
    assert audio == b""
    assert said in told


def test_mulaw_has_its_own_tag() -> None:
    file = wav(fmt(7, rate_hz=8000, bits=8), chunk(b"data", PCM))
    assert without_header(file, encoding="mulaw", rate_hz=8000)[0] == PCM
    assert without_header(wav(fmt()), encoding="mulaw", rate_hz=8000)[0] == b""


@given(st.binary() | st.binary().map(lambda tail: b"RIFF1234WAVE" + tail))
def test_no_bytes_crash_it_and_what_is_no_wav_file_stays(payload: bytes) -> None:
    audio, told = without_header(payload, encoding="mulaw", rate_hz=8000)
    assert audio in payload
    if not payload.startswith(b"RIFF"):
        assert (audio, told) == (payload, "")
