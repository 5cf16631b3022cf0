"""A provider's audio as it arrives, turned into what the bridge plays: s16le, mono, 16 kHz. Pure.

It comes either bare, at a rate that was asked for, or as a WAV file (RIFF, RFC 2361 for its formats), which then says
its rate itself: some servers that are compatible with OpenAI's answer so whatever they are asked for. Chunks may be
cut anywhere, even within a sample or within the header.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ari_agent.media.resampler import HIGHEST_HZ, LOWEST_HZ, Resampler
from ari_agent.speech.synthesizer import SAMPLE_RATE_HZ

_PCM: Final = 1  # WAVE_FORMAT_PCM
_EXTENSIBLE: Final = 0xFFFE  # the format proper then stands in the first two bytes of the SubFormat
_HEADER_LIMIT_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 64 * 1024
_ENDLESS_BYTES: Final = 0x7FFFF000  # what writes to a pipe does not know its size, and says this, more, or 0


class PcmStream:
    """The audio of one text. rate_hz: the rate of bare samples, 8000 to 48000; any other raises ValueError."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._header: bytearray | None = bytearray()  # None once it is known where samples begin
        self._left_bytes: int | None = None  # of a WAV file that says how long it is
        self._resampler: Resampler | None = None
        self._half_sample = b""
        self._any = False
        self._set_rate(rate_hz)

    def feed(self, chunk: bytes) -> bytes:
        """All output that this chunk completes, as whole samples.

        Raises: ValueError, with what is wrong with a WAV file.
        """
        if self._header is None:
            return self._samples(chunk)
        self._header += chunk
        begin = self._first_sample(bytes(self._header))
        if begin is None:
            return b""
        chunk, self._header = bytes(self._header[begin:]), None
        return self._samples(chunk)

    def finish(self) -> bytes:
        """Return the samples that are still inside after the last chunk; half a sample is dropped."""
        rest = b""
        if self._header:  # fewer bytes than would tell a WAV file from bare samples
            rest = b"" if self._header[:4] == b"RIFF" else self._samples(bytes(self._header))
        self._header = None
        if self._resampler is None or not self._any:
            return rest
        # what comes out last is what went in so long before
        silence = bytes(2 * round(2 * self._resampler.delay_ms * self._rate_hz / 1000))
        return rest + self._resampler.process(silence)

    def _set_rate(self, rate_hz: int) -> None:
        if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise ValueError(f"audio at {rate_hz} Hz; expected {LOWEST_HZ} to {HIGHEST_HZ}")
        self._rate_hz = rate_hz
        self._resampler = None if rate_hz == SAMPLE_RATE_HZ else Resampler(rate_hz, SAMPLE_RATE_HZ)

    def _samples(self, chunk: bytes) -> bytes:
        if self._left_bytes is not None:  # chunks of other kinds may follow the audio
            chunk = chunk[: self._left_bytes]
            self._left_bytes -= len(chunk)
        if self._half_sample:
            chunk = self._half_sample + chunk
        whole = len(chunk) & ~1
        chunk, self._half_sample = chunk[:whole], chunk[whole:]
        self._any = self._any or bool(chunk)
        return self._resampler.process(chunk) if self._resampler else chunk

    def _first_sample(self, begun: bytes) -> int | None:
        """Return the offset where the samples begin, or None while that is not known yet. Raises: ValueError."""
        if begun[:4] != b"RIFF"[: len(begun)]:
            return 0
        if len(begun) < 12:
            return None
        if begun[8:12] != b"WAVE":
            raise ValueError("a RIFF file that is no WAVE file")
        at = 12
        while at + 8 <= len(begun):
            name, size = begun[at : at + 4], int.from_bytes(begun[at + 4 : at + 8], "little")
            at += 8
            if name == b"data":
                self._left_bytes = size if 0 < size < _ENDLESS_BYTES else None
                return at
            if name == b"fmt " and len(begun) >= at + min(size, 26):
                self._take_format(begun[at : at + size])
            at += size + size % 2
            if at > _HEADER_LIMIT_BYTES:
                raise ValueError("a WAV file whose audio does not begin within 64 KiB")
        return None

    def _take_format(self, text: bytes) -> None:
        """WAVEFORMAT: format, channels, rate, bytes/s, block, bits; an extensible one has its format further back."""
        code, channels, rate_hz = (int.from_bytes(text[i:j], "little") for i, j in ((0, 2), (2, 4), (4, 8)))
        bits = int.from_bytes(text[14:16], "little")
        if code == _EXTENSIBLE:
            code = int.from_bytes(text[24:26], "little")
        if (code, channels, bits) != (_PCM, 1, 16):
            raise ValueError(f"a WAV file of format {code}, {channels} channels, {bits} bits; expected 1 (PCM), 1, 16")
        self._set_rate(rate_hz)


def file_pieces(wav: bytes) -> Iterator[bytes]:
    """Return the audio of a whole WAV file, as the bridge plays it, in pieces of some seconds.

    Raises:
        ValueError: what is wrong with the file.
    """
    stream = PcmStream(SAMPLE_RATE_HZ)  # the file says the rate itself
    for start in range(0, len(wav), _PIECE_BYTES):
        yield stream.feed(wav[start : start + _PIECE_BYTES])
    if rest := stream.finish():
        yield rest
