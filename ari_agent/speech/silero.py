"""Silero's detector of voice (https://github.com/snakers4/silero-vad, MIT: silero_vad.LICENSE), run by onnxruntime.

silero_vad.onnx is `silero_vad_16k_sequence.onnx` of silero-vad 6.2.3: the smallest of that package's models, for 16 kHz
alone, the cheapest to run one window at a time, and equal to the others to the last bit. Its windows are one call's, in
order. A model that takes windows of many calls at once spares a third, and makes every call wait for the others: not
worth it (tests/benchmarks/README.md).

A window needs the last 64 samples before it and the model's memory of the call: 1.3 kB for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.voice_activity import WINDOW_BYTES

MODEL: Final = Path(__file__).with_name("silero_vad.onnx")

_SAMPLES: Final = WINDOW_BYTES // 2
_CONTEXT: Final = 64  # samples
_MEMORY: Final = (1, 1, 128)
_AT_ONCE: Final = 32  # windows: a second
_OUTPUTS: Final = ("speech_probs", "hn", "cn")
_ERRORS_ONLY: Final = 3  # of onnxruntime's severities

_Floats = npt.NDArray[np.float32]


class SileroDetector:
    """The model, loaded once and shared by all calls of a thread: 30 ms, and some 10 MB.

    Raises:
        SpeechUnavailable: onnxruntime is missing, or cannot load the model.
    """

    def __init__(self) -> None:
        try:
            import onnxruntime  # noqa: PLC0415  (an extra: who speaks with audio agents alone needs none of it)
        except ImportError as error:
            raise SpeechUnavailable(
                f"voice activity needs onnxruntime ({error}): install it with pip install 'ari-agent[speech]'"
            ) from None
        options = onnxruntime.SessionOptions()
        # A window is too little work to share: more threads only wait for each other.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(MODEL), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common class of their own
            raise SpeechUnavailable(f"voice activity: onnxruntime cannot load {MODEL.name}: {error}") from None

    def open(self) -> SileroListening:
        """Return a listening for one call, in which the model has heard nothing yet."""
        return SileroListening(self._session)


class SileroListening:
    """The model's memory of one call. Made by `SileroDetector.open`."""

    __slots__ = ("_cell", "_context", "_hidden", "_session")

    def __init__(self, session: Any) -> None:
        self._session = session
        self._hidden: _Floats = np.zeros(_MEMORY, np.float32)
        self._cell: _Floats = np.zeros(_MEMORY, np.float32)
        self._context: _Floats = np.zeros(_CONTEXT, np.float32)

    def hear(self, pcm: bytes) -> Sequence[float]:
        """Return for each window how likely it holds voice, 0..1. pcm: whole windows, in order, without a gap."""
        if len(pcm) == WINDOW_BYTES:
            return self._run(pcm)
        step = _AT_ONCE * WINDOW_BYTES
        return [found for start in range(0, len(pcm), step) for found in self._run(pcm[start : start + step])]

    def _run(self, pcm: bytes) -> Sequence[float]:
        samples = np.frombuffer(pcm, "<i2").reshape(-1, _SAMPLES)
        windows = np.empty((len(samples), _CONTEXT + _SAMPLES), np.float32)
        np.multiply(samples, np.float32(1 / 32768), out=windows[:, _CONTEXT:])
        windows[0, :_CONTEXT] = self._context
        windows[1:, :_CONTEXT] = windows[:-1, -_CONTEXT:]
        self._context = windows[-1, -_CONTEXT:].copy()
        found, self._hidden, self._cell = self._session.run(
            _OUTPUTS, {"input": windows, "h": self._hidden, "c": self._cell}
        )
        probabilities: list[float] = found.tolist()
        return probabilities
