from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.wav_header import without_header
from ari_agent.media.audio import LINEAR_16K, ULAW, linear_to_ulaw, mix, ulaw_to_linear
from ari_agent.media.wave_file import HEADER_BYTES, UNKNOWN_BYTES, WaveFormat, mixed, read_header

FORMATS = [WaveFormat(samples, channels) for samples in (ULAW, LINEAR_16K) for channels in (1, 2)]


@pytest.mark.parametrize("of", FORMATS)
@pytest.mark.parametrize("audio_bytes", [0, 4000, UNKNOWN_BYTES])
def test_a_header_reads_back(of: WaveFormat, audio_bytes: int) -> None:
    header = of.header(audio_bytes)
    assert len(header) == HEADER_BYTES
    assert read_header(header + b"audio") == of


def test_pcm_is_what_the_standard_library_reads() -> None:
    audio = bytes(range(200)) * 32
    with wave.open(io.BytesIO(WaveFormat(LINEAR_16K).header(len(audio)) + audio)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 16000)
        assert file.readframes(file.getnframes()) == audio


def test_mu_law_is_described_as_rfc_2361_does() -> None:
    header = WaveFormat(ULAW).header(16000)
    assert header[:4] + header[8:16] == b"RIFFWAVEfmt "
    assert struct.unpack_from("<I", header, 4) == (16000 + HEADER_BYTES - 8,)
    # tag, channels, rate, bytes a second, bytes a block, bits, extension
    assert struct.unpack_from("<HHIIHHH", header, 20) == (7, 2, 8000, 16000, 2, 8, 0)
    assert struct.unpack_from("<4sII4sI", header, 38) == (b"fact", 4, 8000, b"data", 16000)


def test_a_file_without_an_end_is_read_to_its_end() -> None:
    audio = b"\x12" * 400
    assert without_header(WaveFormat(ULAW, 1).header() + audio, encoding="mulaw", rate_hz=8000)[0] == audio


def test_a_size_that_32_bits_do_not_hold_is_told_as_unknown() -> None:
    assert WaveFormat(ULAW).header(2**32 - 40) == WaveFormat(ULAW).header(UNKNOWN_BYTES) == WaveFormat(ULAW).header()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        WaveFormat(ULAW).header()[:-1],
        b"RIFX" + WaveFormat(ULAW).header()[4:],
        WaveFormat(ULAW).header()[:20] + b"\x06" + WaveFormat(ULAW).header()[21:],
        WaveFormat(ULAW).header()[:22] + b"\x03" + WaveFormat(ULAW).header()[23:],
        WaveFormat(ULAW).header()[:24] + bytes(4) + WaveFormat(ULAW).header()[28:],
    ],
)
def test_other_bytes_are_no_header(header: bytes) -> None:
    with pytest.raises(ValueError, match="header of a recording"):
        read_header(header)


@given(st.binary(max_size=100))
def test_no_bytes_crash_the_reader(header: bytes) -> None:
    try:
        read_header(header)
    except ValueError:
        return


def test_the_mix_is_the_sum_of_both_channels() -> None:
    stereo = np.array([[1000, 200], [-5, 5], [30000, 30000], [-30000, -30000]], "<i2")
    assert np.frombuffer(mixed(stereo.tobytes(), LINEAR_16K), "<i2").tolist() == [1200, 0, 32767, -32768]


def test_mu_law_is_mixed_as_sound() -> None:
    left, right = (
        linear_to_ulaw(np.array([8000, 0], "<i2").tobytes()),
        linear_to_ulaw(np.array([0, 400], "<i2").tobytes()),
    )
    stereo = bytes([left[0], right[0], left[1], right[1]])
    assert mixed(stereo, ULAW) == mix(left, right) == bytes([left[0], right[1]])
    assert np.frombuffer(ulaw_to_linear(mixed(stereo, ULAW)), "<i2").tolist() == pytest.approx([8000, 400], rel=0.03)


def test_pieces_of_different_lengths_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="cannot be mixed"):
        mix(bytes(2), bytes(3))
