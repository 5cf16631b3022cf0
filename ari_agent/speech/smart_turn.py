"""Smart Turn (https://github.com/pipecat-ai/smart-turn, BSD): hears whether a caller is done. For worker processes.

The models of version 3 take the last 8 s of a caller's audio as Whisper does: 80 bands of mel (Slaney's) each 10 ms, in
decibels, of the audio brought to one loudness. They tell the probability that the turn is over, by the melody of the
voice, where the words alone may sound complete. One judgement costs 60 to 100 ms of a core.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.recognizer import BYTES_PER_MS, RATE_HZ

WINDOW_MS: Final = 8_000
_DONE: Final = 0.5
_INPUT: Final = "input_features"
_FFT, _HOP, _BANDS = 400, 160, 80  # samples: 25 and 10 ms
_FLOOR: Final = 1e-10
_RANGE: Final = 8.0  # powers of ten below the loudest
_LINEAR_HZ: Final = 200 / 3  # a mel, below 1 kHz
_LOG_FROM_MEL: Final = 15.0
_LOG_STEP: Final = np.log(6.4) / 27

_Floats = npt.NDArray[np.float64]


class SmartTurn:
    """A model, loaded once for all callers of a process.

    Raises:
        SpeechUnavailable: onnxruntime is missing, or the file is no such model.
    """

    def __init__(self, file: Path) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SpeechUnavailable(
                f"Smart Turn needs onnxruntime ({error}): install it with pip install 'ari-agent[speech]'"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
            self.is_done(bytes(BYTES_PER_MS * 100))
        except Exception as error:  # onnxruntime's exceptions have no common class of their own
            raise SpeechUnavailable(f"ARI_AGENT_SMART_TURN_MODEL={file} is no Smart Turn model: {error}") from None

    def is_done(self, pcm: bytes) -> bool:
        """Return whether the caller is done after this audio, of whose end the model hears 8 s. See Decoder.feed."""
        (probability,) = self._session.run(None, {_INPUT: features(pcm)[None]})
        return float(probability.reshape(-1)[0]) > _DONE


def features(pcm: bytes) -> npt.NDArray[np.float32]:
    """Return 80 bands by 800 steps of 10 ms of the last 8 s of the audio, silence before it where it is shorter."""
    samples = np.zeros(WINDOW_MS * RATE_HZ // 1000, np.float32)
    heard = np.frombuffer(pcm, np.dtype("<i2"))[-len(samples) :].astype(np.float32) / 32768
    samples[len(samples) - len(heard) :] = heard
    samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    around = np.pad(samples.astype(np.float64), _FFT // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(around, _FFT)[::_HOP][:-1]
    power = np.abs(np.fft.rfft(windows * np.hanning(_FFT + 1)[:-1], axis=-1)) ** 2
    levels = np.log10(np.maximum(_FLOOR, power @ _FILTERS)).T
    heard_of: npt.NDArray[np.float32] = ((np.maximum(levels, levels.max() - _RANGE) + 4) / 4).astype(np.float32)
    return heard_of


def _hz_of(mel: _Floats) -> _Floats:
    hz: _Floats = np.where(mel < _LOG_FROM_MEL, mel * _LINEAR_HZ, 1000 * np.exp(_LOG_STEP * (mel - _LOG_FROM_MEL)))
    return hz


def _filters() -> _Floats:
    """Return the share that each frequency of the transform has in each band: triangles of the same area."""
    highest_mel = _LOG_FROM_MEL + np.log(RATE_HZ / 2 / 1000) / _LOG_STEP
    edges_hz = _hz_of(np.linspace(0, highest_mel, _BANDS + 2))
    low, middle, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    hz = np.linspace(0, RATE_HZ / 2, _FFT // 2 + 1)[:, None]
    triangles = np.maximum(0, np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)))
    shares: _Floats = triangles * 2 / (high - low)
    return shares


_FILTERS: Final = _filters()
