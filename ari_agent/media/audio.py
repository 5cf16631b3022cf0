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
    """Decode mu-law (ITU-T G.711) to s16le: two bytes of output for each byte."""
    return audioop.ulaw2lin(ulaw, 2)


def linear_to_ulaw(pcm: bytes) -> bytes:
    """Encode s16le as mu-law, one byte a sample. ValueError when `pcm` is not a whole number of samples."""
    return audioop.lin2ulaw(_whole(pcm), 2)


def alaw_to_linear(alaw: bytes) -> bytes:
    """Decode A-law (ITU-T G.711) to s16le: two bytes of output for each byte."""
    return audioop.alaw2lin(alaw, 2)


def linear_to_alaw(pcm: bytes) -> bytes:
    """Encode s16le as A-law, one byte a sample. ValueError when `pcm` is not a whole number of samples."""
    return audioop.lin2alaw(_whole(pcm), 2)


def swap_bytes(pcm: bytes) -> bytes:
    """Swap the byte order of 16-bit samples, for example s16le to L16 (RFC 3551 section 4.5.11).

    ValueError on half a sample.
    """
    return audioop.byteswap(_whole(pcm), 2)


def level_dbfs(pcm: bytes) -> float:
    """Return the RMS level of s16le in dB relative to full scale; digital silence is SILENCE_DBFS.

    A full-scale square wave is 0, a full-scale sine -3.0. ValueError when `pcm` is not a whole number of samples.
    """
    rms = audioop.rms(_whole(pcm), 2)
    return 20 * math.log10(rms / 32768) if rms else SILENCE_DBFS


# The codes of samples within 36 steps of zero (-59 dBFS): a quiet line, the pauses of a synthesised voice.
_QUIET_ULAW: Final = bytes(code for code in range(256) if audioop.max(audioop.ulaw2lin(bytes([code]), 2), 2) <= 36)


def is_quiet_ulaw(ulaw: bytes) -> bool:
    """Return whether every mu-law sample is within -59 dBFS, so that nobody misses the frame when it is left out."""
    return not ulaw.translate(None, _QUIET_ULAW)


def amplify(pcm: bytes, factor: float) -> bytes:
    """Multiply s16le by `factor`, clipping at full scale. ValueError when `pcm` is not a whole number of samples."""
    return audioop.mul(_whole(pcm), 2, factor)


@dataclass(frozen=True, slots=True)
class Law:
    """One of the two companding laws of G.711, as conversions to and from s16le. silence: the byte of an idle line."""

    to_linear: Callable[[bytes], bytes]
    from_linear: Callable[[bytes], bytes]
    silence: int


ULAW: Final = Law(ulaw_to_linear, linear_to_ulaw, ULAW_SILENCE)
ALAW: Final = Law(alaw_to_linear, linear_to_alaw, ALAW_SILENCE)


def fade_out(audio: bytes, law: Law = ULAW, *, over_samples: int = 40) -> bytes:
    """Return the same audio with its last `over_samples` falling to silence, so that its end does not click.

    over_samples: at 8 kHz; the default of 40 is 5 ms. Shorter audio is faded from its beginning.
    """
    samples = _samples_of(audio, law)
    over = min(over_samples, len(samples))
    samples[len(samples) - over :] *= _falling(over)
    return law.from_linear(np.rint(samples).astype("<i2").tobytes())


def crossfade(old: bytes, new: bytes, law: Law = ULAW, *, over_samples: int = FRAME_SAMPLES) -> bytes:
    """Return `new` with its beginning mixed into the fading beginning of `old`.

    over_samples: length of the mix, at most; it is as short as the shorter of the two. The length is that of `new`.
    """
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
