"""Streaming conversion between sample rates: a polyphase FIR with 2 ms of delay and aliases 66 dB down.

**The filter** is a low-pass of 4 ms where the lower rate is 8 kHz (shorter in proportion where it is higher), flat
within 0.5 dB up to 3.4 kHz and closed from 4 kHz on. It is given as a function of time, a sum of cosines over its
4 ms, so it can be sampled at the phases of any ratio, 441/160 included. The coefficients are the least-squares optimum,
reweighted until the ripple was even; coefficient k is also the response at k * 250 Hz, times 500 (half that for 0).

**The arithmetic.** With from_hz : to_hz shortened to M : L, every M samples in give L samples out with the same
weights. Some such periods are a block, and its output is its input, and the 4 ms before that, times one matrix: a frame
is one matrix product. Weights are whole multiples of 2**-20, so that in float64 every product and sum is exact and
the output does not depend, not by one bit, on how the input was cut. A block that has come in part gives the outputs
that it can, and is computed again for the others when the rest is there: no sample waits for a block to fill.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.11 and 3.12 announce its move to audioop-lts
    import audioop

Samples = npt.NDArray[np.float64]

LOWEST_HZ: Final = 8000
HIGHEST_HZ: Final = 48000

_SPAN_S: Final = 0.004
# fmt: off
_COSINES: Final = np.array([
    261.457, 477.827, 519.759, 484.115, 510.774, 495.256, 498.198, 508.376, 485.591, 519.270, 477.706,
    523.039, 478.214, 521.471, 373.076, 76.595, 0.240, 0.027, 0.135, -0.162, 0.154, -0.138,
])
# fmt: on
_WEIGHTS_PER_UNIT: Final = 2.0**20
_BLOCK_SAMPLES: Final = 32  # input samples a block at least: fewer make more of the product's rows overlap
_BATCH_BLOCKS: Final = 64  # how much of a long chunk is converted in one go
# Adding it to a float64 leaves the number, rounded to even, in the low bits of the mantissa.
_ROUNDING: Final = 1.5 * 2.0**52


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all resamplers between two rates share; see the module's text."""

    block_in: int
    block_out: int
    history: int  # samples before a block that its output depends on
    weights: Samples  # (history + block_in, block_out)
    gain: float  # the most that a sample can grow by


@lru_cache(maxsize=64)
def _plan(from_hz: int, to_hz: int) -> _Plan:
    shared = gcd(from_hz, to_hz)
    period_in, period_out = from_hz // shared, to_hz // shared
    periods = ceil(_BLOCK_SAMPLES / period_in)
    block_in, block_out = periods * period_in, periods * period_out
    scale = min(from_hz, to_hz) / 8000
    span_s = _SPAN_S / scale
    history = ceil(span_s * from_hz)
    into_filter_s = np.arange(block_out) / to_hz - (np.arange(history + block_in)[:, None] - history) / from_hz
    inside = (into_filter_s >= 0) & (into_filter_s <= span_s)
    turns = (into_filter_s / span_s - 0.5)[..., None] * np.arange(len(_COSINES))
    weights = np.cos(2 * np.pi * turns) @ _COSINES * inside * (scale / from_hz)
    weights = np.rint(weights * _WEIGHTS_PER_UNIT) / _WEIGHTS_PER_UNIT
    return _Plan(block_in, block_out, history, weights, float(np.abs(weights).sum(axis=0).max()))


class Resampler:
    """Converts one stream of s16le from one rate to another; keeps what it needs between chunks.

    Rates: whole numbers of Hz from 8000 to 48000, else ValueError. n input samples in all give
    ceil(n * to_hz / from_hz) samples of output, whatever the chunks. What exceeds full scale is clipped.
    delay_ms: how much later a sound is in the output than in the input.
    """

    __slots__ = (
        "_blocks",
        "_buffer",
        "_given",
        "_half_sample",
        "_integers",
        "_out",
        "_peak",
        "_plan",
        "_sliding",
        "_waiting",
        "_windows",
        "delay_ms",
    )

    def __init__(self, from_hz: int, to_hz: int) -> None:
        for rate_hz in (from_hz, to_hz):
            if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
                raise ValueError(f"sample rate {rate_hz} Hz: expected {LOWEST_HZ} to {HIGHEST_HZ}")
        self._plan = _plan(from_hz, to_hz)
        self.delay_ms = _SPAN_S / 2 * 1000 * 8000 / min(from_hz, to_hz)
        self._buffer = np.zeros(self._plan.history)
        self._reserve(ceil(from_hz // 50 / self._plan.block_in))  # for frames of 20 ms
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next chunk begins a new stream, after silence."""
        self._buffer[:] = 0
        self._waiting = 0  # samples of an unfinished block, right behind the history
        self._given = 0  # how many of that block's outputs have been given already
        self._peak = 0  # the loudest sample of the history and of the unfinished block
        self._half_sample = b""

    def process(self, pcm: bytes) -> bytes:
        """All output that this chunk completes, as s16le. A chunk may be of any length, even end within a sample."""
        if self._half_sample or len(pcm) % 2:
            pcm = self._half_sample + pcm
            whole = len(pcm) & ~1
            pcm, self._half_sample = pcm[:whole], pcm[whole:]
        batch = _BATCH_BLOCKS * self._plan.block_in * 2
        if len(pcm) <= batch:
            return self._convert(pcm)
        return b"".join(self._convert(pcm[start : start + batch]) for start in range(0, len(pcm), batch))

    def _convert(self, pcm: bytes) -> bytes:
        plan, history = self._plan, self._plan.history
        samples = np.frombuffer(pcm, "<i2")
        ready = self._waiting + len(samples)
        blocks = -(-ready // plan.block_in)
        if blocks > self._blocks:
            self._reserve(blocks)
        buffer, windows, out = self._buffer, self._windows, self._out
        buffer[history + self._waiting : history + ready] = samples
        if blocks == self._blocks:
            windows[:] = self._sliding
        else:
            windows, out = windows[:blocks], out[:blocks]
            windows[:] = self._sliding[:blocks]
        np.matmul(windows, plan.weights, out=out)

        peak = audioop.max(pcm, 2)
        loudest = max(peak, self._peak)
        if loudest * plan.gain > 32767:  # else nothing can be beyond full scale
            np.minimum(out, 32767, out=out)
            np.maximum(out, -32768, out=out)
        np.add(out, _ROUNDING, out=out)
        available = -(-ready * plan.block_out // plan.block_in)  # outputs that depend on no sample still to come
        converted = self._integers[self._given : available].astype("<i2").tobytes()

        begun = ready // plan.block_in  # the number of the block that the next chunk goes on with
        start = begun * plan.block_in
        buffer[: history + ready - start] = buffer[start : history + ready]
        self._waiting = ready - start
        self._given = available - begun * plan.block_out
        self._peak = peak if not self._waiting and len(samples) >= history else loudest
        return converted

    def _reserve(self, blocks: int) -> None:
        """Room for so many blocks. What the buffer holds already is kept."""
        plan = self._plan
        buffer = np.zeros(plan.history + blocks * plan.block_in)
        buffer[: len(self._buffer)] = self._buffer
        self._blocks, self._buffer = blocks, buffer
        self._windows = np.empty((blocks, plan.history + plan.block_in))
        self._sliding = sliding_window_view(buffer, plan.history + plan.block_in)[:: plan.block_in]
        self._out = np.empty((blocks, plan.block_out))
        self._integers = self._out.reshape(-1).view(np.int64)
