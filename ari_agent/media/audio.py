"""Audio as bytes: G.711 in both laws, byte order, levels, fades. Pure.

Linear audio is mono, signed 16 bit, little-endian ("s16le") unless a name says otherwise.
`audioop` (in C, part of Python until 3.12, the package audioop-lts after it) is three to thirteen times as fast
as a numpy table on frames of 20 ms.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.11 and 3.12 announce its move to audioop-lts
    import audioop

FRAME_MS: Final = 20
FRAME_SAMPLES: Final = 160  # one frame at 8 kHz; in G.711 also its bytes
ULAW_SILENCE: Final = 0xFF  # positive zero, ITU-T G.711 table 2
ALAW_SILENCE: Final = 0xD5  # the smallest positive step: A-law has no zero
ULAW_SILENCE_FRAME: Final = bytes([ULAW_SILENCE]) * FRAME_SAMPLES
SILENCE_DBFS: Final = -96.0  # what `level_dbfs` calls digital silence; below one step of 16 bits


def ulaw_to_linear(ulaw: bytes) -> bytes:
    """mu-law bytes as s16le: two bytes for each."""
    return audioop.ulaw2lin(ulaw, 2)


def linear_to_ulaw(pcm: bytes) -> bytes:
    """s16le as mu-law. Whole samples only: half a sample raises ValueError."""
    return audioop.lin2ulaw(_whole(pcm), 2)


def alaw_to_linear(alaw: bytes) -> bytes:
    """A-law bytes as s16le: two bytes for each."""
    return audioop.alaw2lin(alaw, 2)


def linear_to_alaw(pcm: bytes) -> bytes:
    """s16le as A-law. Whole samples only: half a sample raises ValueError."""
    return audioop.lin2alaw(_whole(pcm), 2)


def swap_bytes(pcm: bytes) -> bytes:
    """s16le as s16be (what RTP calls L16, RFC 3551 section 4.5.11) and back. Whole samples only."""
    return audioop.byteswap(_whole(pcm), 2)


def level_dbfs(pcm: bytes) -> float:
    """RMS level of s16le against full scale: a full-scale square wave is 0, a sine -3.0; silence SILENCE_DBFS."""
    rms = audioop.rms(_whole(pcm), 2)
    return 20 * math.log10(rms / 32768) if rms else SILENCE_DBFS


# The codes of samples within 36 steps of zero (-59 dBFS): a quiet line, the pauses of a synthesised voice.
_QUIET_ULAW: Final = bytes(code for code in range(256) if audioop.max(audioop.ulaw2lin(bytes([code]), 2), 2) <= 36)


def is_quiet_ulaw(ulaw: bytes) -> bool:
    """Whether every sample is within -59 dBFS, so that nobody misses the frame when it is left out."""
    return not ulaw.translate(None, _QUIET_ULAW)


def amplify(pcm: bytes, factor: float) -> bytes:
    """s16le made louder (factor above 1) or quieter; what exceeds full scale is clipped. Whole samples only."""
    return audioop.mul(_whole(pcm), 2, factor)


@dataclass(frozen=True, slots=True)
class Law:
    """One of the two laws of G.711. silence: the byte of an idle line."""

    to_linear: Callable[[bytes], bytes]
    from_linear: Callable[[bytes], bytes]
    silence: int


ULAW: Final = Law(ulaw_to_linear, linear_to_ulaw, ULAW_SILENCE)
ALAW: Final = Law(alaw_to_linear, linear_to_alaw, ALAW_SILENCE)


def fade_out(audio: bytes, law: Law = ULAW, *, over_samples: int = 40) -> bytes:
    """The same audio with its last `over_samples` (40: 5 ms) falling to silence: no click where sound stops."""
    samples = _samples_of(audio, law)
    over = min(over_samples, len(samples))
    samples[len(samples) - over :] *= _falling(over)
    return law.from_linear(np.rint(samples).astype("<i2").tobytes())


def crossfade(old: bytes, new: bytes, law: Law = ULAW, *, over_samples: int = FRAME_SAMPLES) -> bytes:
    """`new` with its beginning faded in while that of `old` fades out, over as many samples as both have."""
    over = min(over_samples, len(old), len(new))
    weight = _falling(over)
    mixed = _samples_of(old[:over], law) * weight + _samples_of(new[:over], law) * (1 - weight)
    return law.from_linear(np.rint(mixed).astype("<i2").tobytes()) + new[over:]


def _falling(count: int) -> npt.NDArray[np.float64]:
    return np.arange(count, 0, -1) / (count + 1)


def _samples_of(audio: bytes, law: Law) -> npt.NDArray[np.float64]:
    return np.frombuffer(law.to_linear(audio), "<i2").astype(np.float64)


def _whole(pcm: bytes) -> bytes:
    if len(pcm) % 2:
        raise ValueError(f"{len(pcm)} bytes are not a whole number of 16-bit samples")
    return pcm
