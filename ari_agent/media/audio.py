"""Audio as bytes: mu-law, byte order, levels, fades. Pure.

A-law is nowhere here: Asterisk converts it, and every other codec of a phone, to the codec of our line.

Linear audio is mono, signed 16 bit, little-endian ("s16le") unless a name says otherwise.
`audioop` (in C, part of Python until 3.12, the package audioop-lts after it) is three to thirteen times as fast
as a numpy table on frames of 20 ms.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.11 and 3.12 announce its move to audioop-lts
    import audioop

FRAME_MS: Final = 20
FRAME_UNITS: Final = 160
"""One frame in units of 1/8000 s; in G.711 also its samples and its bytes."""
ULAW_SILENCE: Final = 0xFF  # positive zero, ITU-T G.711 table 2
ULAW_SILENCE_FRAME: Final = bytes([ULAW_SILENCE]) * FRAME_UNITS
SILENCE_DBFS: Final = -96.0  # what `level_dbfs` calls digital silence; below one step of 16 bits


def ulaw_to_linear(ulaw: bytes) -> bytes:
    """Decode mu-law (ITU-T G.711) to s16le: two bytes of output for each byte."""
    return audioop.ulaw2lin(ulaw, 2)


def linear_to_ulaw(pcm: bytes) -> bytes:
    """Encode s16le as mu-law, one byte a sample. ValueError when `pcm` is not a whole number of samples."""
    return audioop.lin2ulaw(_whole(pcm), 2)


def swap_bytes(pcm: bytes) -> bytes:
    """Swap the byte order of 16-bit samples, for example s16le to L16 (RFC 3551 section 4.5.11).

    ValueError on half a sample.
    """
    return audioop.byteswap(_whole(pcm), 2)


def rms(pcm: bytes) -> int:
    """Return the root mean square of s16le, 0 to 32768. audioop.error on half a sample."""
    return audioop.rms(pcm, 2)


def level_dbfs(pcm: bytes) -> float:
    """Return the RMS level of s16le in dB relative to full scale; digital silence is SILENCE_DBFS.

    A full-scale square wave is 0, a full-scale sine -3.0. ValueError when `pcm` is not a whole number of samples.
    """
    amplitude = rms(_whole(pcm))
    return 20 * math.log10(amplitude / 32768) if amplitude else SILENCE_DBFS


_QUIET_AMPLITUDE: Final = 36  # -59 dBFS: a quiet line, the pauses of a synthesised voice


def is_quiet_linear(pcm: bytes) -> bool:
    """Return whether every sample of s16le is within -59 dBFS, so that nobody misses the frame when it is left out."""
    return audioop.max(pcm, 2) <= _QUIET_AMPLITUDE


_QUIET_ULAW: Final = bytes(code for code in range(256) if is_quiet_linear(ulaw_to_linear(bytes([code]))))


def is_quiet_ulaw(ulaw: bytes) -> bool:
    """Return whether every mu-law sample is within -59 dBFS, so that nobody misses the frame when it is left out."""
    return not ulaw.translate(None, _QUIET_ULAW)


def reverse(pcm: bytes) -> bytes:
    """Return s16le from its end to its beginning. ValueError when `pcm` is not a whole number of samples."""
    return audioop.reverse(_whole(pcm), 2)


RateState: TypeAlias = tuple[int, tuple[tuple[int, int], ...]]
"""What `at_rate` has to know of the pieces before."""


def at_rate(pcm: bytes, from_hz: int, to_hz: int, state: RateState | None = None) -> tuple[bytes, RateState | None]:
    """Return s16le at another sample rate, and the state for its next piece; a new stream begins with None.

    By straight lines between samples, without a filter: for a model that listens, in any thread. What people hear goes
    through a Resampler, which belongs to one thread. ValueError when `pcm` is not a whole number of samples.
    """
    if from_hz == to_hz:
        return _whole(pcm), state
    return audioop.ratecv(_whole(pcm), 2, 1, from_hz, to_hz, state)


def amplify(pcm: bytes, factor: float) -> bytes:
    """Multiply s16le by `factor`, clipping at full scale. ValueError when `pcm` is not a whole number of samples."""
    return audioop.mul(_whole(pcm), 2, factor)


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """How the audio of a line is kept between its wire and the agent: mu-law, or linear.

    A unit is 1/8000 s, that of RTP's timestamps for G.711 and G.722. to_linear, from_linear: conversions to and from
    s16le. is_quiet: whether nobody misses a piece of this audio when it is left out. silence: one unit of an idle line.
    samples_per_unit: 1 at 8 kHz, 2 at 16 kHz.
    """

    to_linear: Callable[[bytes], bytes]
    from_linear: Callable[[bytes], bytes]
    is_quiet: Callable[[bytes], bool]
    silence: bytes
    samples_per_unit: int = 1

    @property
    def unit_bytes(self) -> int:
        """Return how many bytes one unit has."""
        return len(self.silence)

    @property
    def rate_hz(self) -> int:
        """Return the sample rate: 8000 or 16000 Hz."""
        return 8000 * self.samples_per_unit


ULAW: Final = SampleFormat(ulaw_to_linear, linear_to_ulaw, is_quiet_ulaw, bytes([ULAW_SILENCE]))
LINEAR_16K: Final = SampleFormat(bytes, bytes, is_quiet_linear, bytes(4), samples_per_unit=2)
"""s16le at 16 kHz."""


def mix(first: bytes, second: bytes, of: SampleFormat = ULAW) -> bytes:
    """Return the sum of two pieces of equal length, clipped at full scale. ValueError when the lengths differ."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} bytes cannot be mixed with {len(second)}")
    return of.from_linear(audioop.add(of.to_linear(first), of.to_linear(second), 2))


def fade_out(audio: bytes, of: SampleFormat = ULAW, *, over_units: int = 40) -> bytes:
    """Return the same audio with its last `over_units` falling to silence, so that its end does not click.

    over_units: the default of 40 is 5 ms. Shorter audio is faded from its beginning.
    """
    samples = _samples_of(audio, of)
    over = min(over_units * of.samples_per_unit, len(samples))
    samples[len(samples) - over :] *= _falling(over)
    return of.from_linear(np.rint(samples).astype("<i2").tobytes())


def crossfade(old: bytes, new: bytes, of: SampleFormat = ULAW, *, over_units: int = FRAME_UNITS) -> bytes:
    """Return `new` with its beginning mixed into the fading beginning of `old`.

    over_units: length of the mix, at most; it is as short as the shorter of the two. The length is that of `new`.
    """
    over_bytes = min(over_units, len(old) // of.unit_bytes, len(new) // of.unit_bytes) * of.unit_bytes
    earlier, later = _samples_of(old[:over_bytes], of), _samples_of(new[:over_bytes], of)
    weight = _falling(len(later))
    mixed = earlier * weight + later * (1 - weight)
    return of.from_linear(np.rint(mixed).astype("<i2").tobytes()) + new[over_bytes:]


def _falling(count: int) -> npt.NDArray[np.float64]:
    return np.arange(count, 0, -1) / (count + 1)


def _samples_of(audio: bytes, of: SampleFormat) -> npt.NDArray[np.float64]:
    return np.frombuffer(of.to_linear(audio), "<i2").astype(np.float64)


def _whole(pcm: bytes) -> bytes:
    if len(pcm) % 2:
        raise ValueError(f"{len(pcm)} bytes are not a whole number of 16-bit samples")
    return pcm
