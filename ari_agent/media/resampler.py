"""Streaming conversion between sample rates: a polyphase FIR with 2 ms of delay and aliases 66 dB down. Pure.

With from_hz : to_hz shortened to M : L, every M samples in give L samples out with the same weights. Some such periods
are a block, and its output is its input, and the 4 ms before that, times one matrix: a frame is one matrix product.
Weights are whole multiples of 2**-20, so that in float64 every product and sum is exact and the output does not
depend, not by one bit, on how the input was cut. A block that has come in part gives the outputs that it can, and is
computed again for the others when the rest is there: no sample waits for a block to fill.

Of a frame's time, numpy's calls are more than its arithmetic. So each call's own state is a few bytes, and the arrays
are made once and shared by all calls between two rates: all resamplers belong to one thread.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
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

_BLOCK_SAMPLES: Final = 16  # of the lower rate, a block at least: fewer make more of the product's rows overlap
_LARGEST_MATRIX: Final = 500_000  # weights: 4 MB, shared by all calls of that rate
_PHASES: Final = 4096
_BATCH_BYTES: Final = 16_384  # how much of a long chunk is converted in one go
_KEPT_BLOCKS: Final = 64  # longer chunks are rare, and their arrays are made for them alone
_S16LE: Final = np.dtype("<i2")
# A float64 from 2**20 to 2**21 has its units in bits 32 and up. Added to a sample as the last input of its block, this
# puts the sample there, rounded to the nearest: bits 32..47 are the sample as a signed integer.
_ROUNDING: Final = 1.5 * 2.0**20 + 0.5
_LOWEST: Final = np.array(_ROUNDING - 32768)  # as arrays, which numpy need not make of them each time
_HIGHEST: Final = np.array(_ROUNDING + 32767)
_SAMPLE_WORD: Final = 2  # of the four 16-bit words of a float64


class Resampler:
    """Converts one stream of s16le from one rate to another; keeps what it needs between chunks.

    Rates: whole numbers of Hz from 8000 to 48000, else ValueError. n input samples in all give
    ceil(n * to_hz / from_hz) samples of output, whatever the chunks. What exceeds full scale is clipped.
    delay_ms: how much later a sound is in the output than in the input.
    """

    __slots__ = ("_convert", "_half_sample", "_rates_hz", "delay_ms")

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
        self._convert = _Periodic(plan).convert if plan else _OddRatio(*self._rates_hz).convert
        self._half_sample = b""

    def process(self, pcm: bytes) -> bytes:
        """All output that this chunk completes, as s16le. A chunk may be of any length, even end within a sample."""
        if self._half_sample or len(pcm) % 2:
            pcm = self._half_sample + pcm
            whole = len(pcm) & ~1
            pcm, self._half_sample = pcm[:whole], pcm[whole:]
        if len(pcm) <= _BATCH_BYTES:
            convert = self._convert
            return convert(pcm)
        return b"".join(self._convert(pcm[start : start + _BATCH_BYTES]) for start in range(0, len(pcm), _BATCH_BYTES))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all calls between two rates share; see the module's text."""

    block_in: int
    block_out: int
    history: int  # samples before a block that its output depends on
    weights: Samples  # (history + block_in + 1, block_out); the last row is for the rounding
    harmless: int  # no output of samples up to this is beyond full scale
    usual_blocks: int  # in a frame of 20 ms
    benches: dict[int, _Bench] = field(default_factory=dict)

    def bench(self, blocks: int) -> _Bench:
        """The arrays for so many blocks."""
        bench = self.benches.get(blocks)
        if bench is None:
            bench = _Bench(self, blocks)
            if blocks <= _KEPT_BLOCKS:
                self.benches[blocks] = bench
        return bench


@lru_cache(maxsize=64)
def _plan(from_hz: int, to_hz: int) -> _Plan | None:
    """None where the ratio has no short period."""
    shared = gcd(from_hz, to_hz)
    period_in, period_out = from_hz // shared, to_hz // shared
    periods = ceil(_BLOCK_SAMPLES / min(period_in, period_out))
    block_in, block_out = periods * period_in, periods * period_out
    history = lowpass.history(from_hz, to_hz)
    if (history + block_in) * block_out > _LARGEST_MATRIX:
        return None
    into_filter_s = np.arange(block_out) / to_hz - (np.arange(history + block_in)[:, None] - history) / from_hz
    weights = lowpass.weights(into_filter_s, from_hz, to_hz)
    gain = float(np.abs(weights).sum(axis=0).max())
    weights = np.vstack((weights, np.full(block_out, _ROUNDING)))
    return _Plan(block_in, block_out, history, weights, int(32767 / gain), ceil(from_hz / 50 / block_in))


class _Bench:
    """The arrays for some blocks. Nothing stays in them from one chunk to the next."""

    __slots__ = ("_harmless", "_inputs", "_multiply", "_samples", "_shape", "_strides", "_sums", "_weights", "_words")

    def __init__(self, plan: _Plan, blocks: int) -> None:
        span = plan.history + plan.block_in
        windows = np.ones((blocks, span + 1))
        self._inputs = windows[:, :span]
        self._multiply = windows.dot
        self._weights, self._harmless = plan.weights, plan.harmless
        self._shape, self._strides = (blocks, span), (2 * plan.block_in, 2)
        self._sums = np.empty((blocks, plan.block_out))
        self._words = self._sums.reshape(-1).view(_S16LE)[_SAMPLE_WORD::4]
        self._samples = np.empty(blocks * plan.block_out, _S16LE)

    def convert(self, pcm: bytes) -> bytes:
        """The output of the blocks in `pcm`, which begins with the history before them."""
        # Each block with its history, one block on from row to row, straight from the bytes.
        self._inputs[...] = np.ndarray(self._shape, _S16LE, pcm, 0, self._strides)
        sums = self._sums
        multiply = self._multiply
        multiply(self._weights, sums)
        if audioop.max(pcm, 2) > self._harmless:
            sums.clip(_LOWEST, _HIGHEST, out=sums)
        samples = self._samples
        samples[...] = self._words
        converted: bytes = samples.tobytes()
        return converted


class _Periodic:
    """The fast way: blocks times a matrix."""

    __slots__ = ("_given", "_past", "_plan", "_usual_bench", "_usual_bytes", "_waiting")

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._past = bytes(2 * plan.history)  # what the next output depends on, and then an unfinished block
        self._waiting = 0  # samples of that block
        self._given = 0  # how many of that block's outputs have been given already
        self._usual_bytes = 2 * plan.usual_blocks * plan.block_in
        self._usual_bench = plan.bench(plan.usual_blocks)

    def convert(self, pcm: bytes) -> bytes:
        joined = self._past + pcm
        if len(pcm) == self._usual_bytes and not self._waiting:  # nearly always: whole blocks
            self._past = joined[self._usual_bytes :]
            return self._usual_bench.convert(joined)
        return self._convert_odd(joined)

    def _convert_odd(self, joined: bytes) -> bytes:
        """What begins or ends within a block."""
        plan = self._plan
        ready = len(joined) // 2 - plan.history
        begun, self._waiting = divmod(ready, plan.block_in)  # the number of the block that the next chunk goes on with
        blocks = begun + bool(self._waiting)
        available = -(-ready * plan.block_out // plan.block_in)  # outputs that depend on no sample still to come
        given, self._given = self._given, available - begun * plan.block_out
        self._past = joined[2 * begun * plan.block_in :]
        if not blocks:
            return b""
        padded = joined.ljust(2 * (plan.history + blocks * plan.block_in), b"\0")
        return plan.bench(blocks).convert(padded)[2 * given : 2 * available]


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
