"""G.722 (ITU-T, 64 kbit/s): wideband speech of 50 to 7000 Hz in the bytes that narrowband G.711 takes. Pure.

20 ms are 160 bytes and 320 samples at 16 kHz. The clock of its RTP is 8000 Hz all the same, by history (RFC 3551
section 4.5.2), so that one byte is one unit of its timestamps, as with G.711. Each stream has a state: its pieces must
come in order. The coding itself is that of libg722.
"""

from __future__ import annotations

from array import array
from typing import Final

from G722 import G722

_RATE_HZ: Final = 16_000
_BITS_PER_S: Final = 64_000


class G722Decoder:
    """Decodes one stream."""

    __slots__ = ("_coder",)

    def __init__(self) -> None:
        self._coder = G722(_RATE_HZ, _BITS_PER_S)

    def decode(self, payload: bytes) -> bytes:
        """Return the next piece of the stream as s16le at 16 kHz: four bytes for each byte."""
        decoded: array[int] = self._coder.decode(payload)
        return decoded.tobytes()


class G722Encoder:
    """Encodes one stream."""

    __slots__ = ("_coder",)

    def __init__(self) -> None:
        self._coder = G722(_RATE_HZ, _BITS_PER_S)

    def encode(self, pcm: bytes) -> bytes:
        """Return the next piece of the stream: a byte for every two samples of s16le at 16 kHz.

        Raises:
            ValueError: `pcm` is not a whole number of such pairs.
        """
        if len(pcm) % 4:
            raise ValueError(f"{len(pcm)} bytes are not a whole number of pairs of 16-bit samples")
        encoded: bytes = self._coder.encode(array("h", pcm))
        return encoded
