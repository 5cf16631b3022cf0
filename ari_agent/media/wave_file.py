"""WAV files of a call's audio, written while it goes on and so often without an end: their header, and the mix. Pure.

| line         | format tag              | rate   | a second of stereo |
|--------------|-------------------------|--------|--------------------|
| G.711        | 7, mu-law of 8 bit      | 8 kHz  | 16 kB              |
| G.722        | 1, PCM of 16 bit        | 16 kHz | 64 kB              |

The header is always 58 bytes long: RIFF, `fmt ` with an empty extension, `fact`, `data`. Formats other than PCM need
`fact` (RFC 2361 appendix A.10 for mu-law; Microsoft, "Multiple Channel Audio Data and WAVE Files").
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat, mix

HEADER_BYTES: Final = 58
"""The size of every header that WaveFormat writes."""
UNKNOWN_BYTES: Final = 0xFFFFFFFF
"""What stands for the size of the audio while a file is being written; players take all that there is."""

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
_TAGS: Final = {1: LINEAR_16K, 7: ULAW}


@dataclass(frozen=True, slots=True)
class WaveFormat:
    """What a WAV file holds. samples: ULAW or LINEAR_16K. channels: 1 or 2."""

    samples: SampleFormat
    channels: int = 2

    @property
    def block_bytes(self) -> int:
        """Return the size of one sample of all channels."""
        return self.channels * self._sample_bytes

    @property
    def bytes_per_s(self) -> int:
        """Return the size of a second of audio."""
        return self.block_bytes * self.samples.rate_hz

    @property
    def _sample_bytes(self) -> int:
        return self.samples.unit_bytes // self.samples.samples_per_unit

    def header(self, audio_bytes: int = UNKNOWN_BYTES) -> bytes:
        """Return the header in front of so many bytes of audio; a size above what 32 bits hold is told as unknown."""
        is_known = audio_bytes + HEADER_BYTES < UNKNOWN_BYTES
        size = audio_bytes if is_known else UNKNOWN_BYTES
        return _HEADER.pack(
            b"RIFF",
            size + HEADER_BYTES - 8 if is_known else UNKNOWN_BYTES,
            b"WAVE",
            b"fmt ",
            18,
            7 if self.samples is ULAW else 1,
            self.channels,
            self.samples.rate_hz,
            self.bytes_per_s,
            self.block_bytes,
            8 * self._sample_bytes,
            0,  # bytes of extension
            b"fact",
            4,
            size // self.block_bytes if is_known else UNKNOWN_BYTES,
            b"data",
            size,
        )

    def mono(self) -> WaveFormat:
        """Return the format of a file in which all channels are one."""
        return replace(self, channels=1)


def read_header(header: bytes) -> WaveFormat:
    """Return what a file holds whose first bytes WaveFormat.header has written, whatever sizes it tells.

    Raises:
        ValueError: these are other bytes.
    """
    if len(header) >= HEADER_BYTES:
        fields = _HEADER.unpack_from(header)
        samples = _TAGS.get(fields[5])
        if samples is not None and fields[6] in (1, 2):
            found = WaveFormat(samples, fields[6])
            if found.header()[8:46] == header[8:46] and header[:4] == b"RIFF":
                return found
    raise ValueError("the file does not begin with the header of a recording")


def mixed(stereo: bytes, samples: SampleFormat) -> bytes:
    """Return both channels of a piece of a stereo file as one, clipped at full scale. stereo: whole blocks."""
    left, right = np.frombuffer(stereo, "u1" if samples is ULAW else "<u2").reshape(-1, 2).T
    return mix(left.tobytes(), right.tobytes(), samples)
