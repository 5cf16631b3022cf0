"""The low-pass filter of the resampler, as a function of time. Pure.

It is 4 ms long where the lower rate is 8 kHz (shorter in proportion where it is higher), flat within 0.5 dB up to
3.4 kHz and 66 dB down from 4 kHz on. It is a sum of cosines over its 4 ms, so it can be sampled at the phases of any
ratio, 441/160 included. The coefficients are the least-squares optimum, reweighted until the ripple was even, with
a stop band that falls with the square of the frequency because its parts fold onto one another. Coefficient k is also
the response at k * 250 Hz, times 500 (times 250 for 0).
"""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

# fmt: off
_COSINES: Final = (
    261.457, 477.827, 519.759, 484.115, 510.774, 495.256, 498.198, 508.376, 485.591, 519.270, 477.706,
    523.039, 478.214, 521.471, 373.076, 76.595, 0.240, 0.027, 0.135, -0.162, 0.154, -0.138,
)
# fmt: on
_SPAN_S: Final = 0.004
_UNITS: Final = 2.0**20


def span_s(from_hz: int, to_hz: int) -> float:
    """Its length; what goes through it comes out half of that later."""
    return _SPAN_S * 8000 / min(from_hz, to_hz)


def history(from_hz: int, to_hz: int) -> int:
    """Input samples before the newest that an output depends on."""
    return ceil(span_s(from_hz, to_hz) * from_hz)


def weights(into_filter_s: Samples, from_hz: int, to_hz: int) -> Samples:
    """What an input sample counts in an output that is so much later: whole multiples of 2**-20, gain 1 in all."""
    span = span_s(from_hz, to_hz)
    angle = 2 * np.pi * (into_filter_s / span - 0.5)
    response = np.zeros_like(angle)
    for number, coefficient in enumerate(_COSINES):
        response += coefficient * np.cos(number * angle)
    inside = (into_filter_s >= 0) & (into_filter_s <= span)
    return np.asarray(np.rint(response * inside * (_SPAN_S / span / from_hz * _UNITS)) / _UNITS)
