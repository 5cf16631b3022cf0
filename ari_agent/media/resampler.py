"""Streaming conversion between sample rates: a polyphase FIR with 2 ms of delay and aliases 66 dB down (lowpass.py).

With from_hz : to_hz shortened to M : L, every M samples in give L samples out with the same weights. Some such periods
are a block, and its output is its input, and the 4 ms before that, times one matrix: a frame is one matrix product.
Weights are whole multiples of 2**-20, so that in float64 every product and sum is exact and the output does not
depend, not by one bit, on how the input was cut. A block that has come in part gives the outputs that it can, and is
computed again for the others when the rest is there: no sample waits for a block to fill.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ari_agent.media import lowpass
from ari_agent.media.lowpass import Samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.11 and 3.12 announce its move to audioop-lts
    import audioop

LOWEST_HZ: Final = 8000
HIGHEST_HZ: Final = 48000

_BLOCK_SAMPLES: Final = 32  # input samples a block at least: fewer make more of the product's rows overlap
_LARGEST_MATRIX: Final = 500_000  # weights: 4 MB, shared by all calls of that rate
_PHASES: Final = 4096
_BATCH_BYTES: Final = 16_384  # how much of a long chunk is converted in one go
# Adding it to a float64 leaves the number, rounded to even, in the low bits of the mantissa.
_ROUNDING: Final = 1.5 * 2.0**52


class Resampler:
    """Converts one stream of s16le from one rate to another; keeps what it needs between chunks.

    Rates: whole numbers of Hz from 8000 to 48000, else ValueError. n input samples in all give
    ceil(n * to_hz / from_hz) samples of output, whatever the chunks. What exceeds full scale is clipped.
    delay_ms: how much later a sound is in the output than in the input.
    """

    _converter: _Periodic | _OddRatio
    __slots__ = ("_converter", "_half_sample", "_rates_hz", "delay_ms")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        for rate_hz in (from_hz, to_hz):
            if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
                raise ValueError(f"sample rate {rate_hz} Hz: expected {LOWEST_HZ} to {HIGHEST_HZ}")
        self._rates_hz = from_hz, to_hz
        self.delay_ms = lowpass.span_s(from_hz, to_hz) / 2 * 1000
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next chunk begins a new stream, after silence."""
        plan = _plan(*self._rates_hz)
        self._converter = _Periodic(plan, self._rates_hz[0] // 50) if plan else _OddRatio(*self._rates_hz)
        self._half_sample = b""

    def process(self, pcm: bytes) -> bytes:
        """All output that this chunk completes, as s16le. A chunk may be of any length, even end within a sample."""
        if self._half_sample or len(pcm) % 2:
            pcm = self._half_sample + pcm
            whole = len(pcm) & ~1
            pcm, self._half_sample = pcm[:whole], pcm[whole:]
        if len(pcm) <= _BATCH_BYTES:
            return self._converter.convert(pcm)
        return b"".join(
            self._converter.convert(pcm[start : start + _BATCH_BYTES]) for start in range(0, len(pcm), _BATCH_BYTES)
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all calls between two rates share; see the module's text."""

    block_in: int
    block_out: int
    history: int  # samples before a block that its output depends on
    weights: Samples  # (history + block_in, block_out)
    gain: float  # the most that a sample can grow by


@lru_cache(maxsize=64)
def _plan(from_hz: int, to_hz: int) -> _Plan | None:
    """None where the ratio has no short period."""
    shared = gcd(from_hz, to_hz)
    period_in, period_out = from_hz // shared, to_hz // shared
    periods = ceil(_BLOCK_SAMPLES / period_in)
    block_in, block_out = periods * period_in, periods * period_out
    history = lowpass.history(from_hz, to_hz)
    if (history + block_in) * block_out > _LARGEST_MATRIX:
        return None
    into_filter_s = np.arange(block_out) / to_hz - (np.arange(history + block_in)[:, None] - history) / from_hz
    weights = lowpass.weights(into_filter_s, from_hz, to_hz)
    return _Plan(block_in, block_out, history, weights, float(np.abs(weights).sum(axis=0).max()))


class _Periodic:
    """The fast way: blocks times a matrix."""

    __slots__ = (
        "_blocks",
        "_buffer",
        "_given",
        "_integers",
        "_out",
        "_peak",
        "_plan",
        "_sliding",
        "_waiting",
        "_windows",
    )

    def __init__(self, plan: _Plan, usual_samples: int) -> None:
        self._plan = plan
        self._buffer = np.zeros(plan.history)
        self._waiting = 0  # samples of an unfinished block, right behind the history
        self._given = 0  # how many of that block's outputs have been given already
        self._peak = 0  # the loudest sample of the history and of the unfinished block
        self._reserve(ceil(usual_samples / plan.block_in))

    def convert(self, pcm: bytes) -> bytes:
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
        converted: bytes = self._integers[self._given : available].astype("<i2").tobytes()

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


@lru_cache(maxsize=16)
def _phases(from_hz: int, to_hz: int) -> Samples:
    """For each phase that an output can have between two input samples: the weights, oldest sample first."""
    history = lowpass.history(from_hz, to_hz)
    into_filter_s = (np.arange(_PHASES)[:, None] / _PHASES + history - np.arange(history + 1)) / from_hz
    return lowpass.weights(into_filter_s, from_hz, to_hz)


class _OddRatio:
    """The slow way, for ratios without a short period (8000 : 12345): every output by one of 4096 phases."""

    __slots__ = ("_buffer", "_from_hz", "_given", "_taken", "_to_hz")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._buffer = np.zeros(lowpass.history(from_hz, to_hz))
        self._taken = self._given = 0  # samples in and out of the current second

    def convert(self, pcm: bytes) -> bytes:
        if not pcm:
            return b""
        samples = np.frombuffer(pcm, "<i2")
        history = len(self._buffer)
        buffer = np.concatenate((self._buffer, samples))
        ready = self._taken + len(samples)
        available = -(-ready * self._to_hz // self._from_hz)
        at = np.arange(self._given, available) * self._from_hz  # in units of 1 / to_hz of an input sample
        phases = _phases(self._from_hz, self._to_hz)[at % self._to_hz * _PHASES // self._to_hz]
        windows = sliding_window_view(buffer, history + 1)[at // self._to_hz - self._taken]
        out = np.einsum("ij,ij->i", windows, phases)
        self._buffer = buffer[len(samples) :]
        seconds = ready // self._from_hz
        self._taken, self._given = ready - seconds * self._from_hz, available - seconds * self._to_hz
        converted: bytes = np.rint(np.clip(out, -32768, 32767)).astype("<i2").tobytes()
        return converted
