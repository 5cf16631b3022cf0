"""Callers behind whose voice something else is heard: at 8 kHz, with the moment at which the voice ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.fakes.sound import Samples, level_dbfs, noise, read_wav

RATE_HZ: Final = 8000
VOICES: Final = Path(__file__).parents[1] / "data" / "speech"
LOUD_DBFS: Final = -37.0  # of a sine of full scale; -40 dBFS as the product counts
_FRAME: Final = 160


def voice(name: str) -> Samples:
    """An utterance of tests/data/speech, or a path, up to the end of its last loud frame."""
    pcm, rate_hz = read_wav(VOICES / name)
    assert rate_hz == RATE_HZ
    loud = [start for start in range(0, len(pcm), _FRAME) if level_dbfs(pcm[start : start + _FRAME]) > LOUD_DBFS]
    return pcm[: loud[-1] + _FRAME]


def _seconds(count: int) -> NDArray[np.float64]:
    return np.arange(count) / RATE_HZ


def _hiss(count: int) -> NDArray[np.float64]:
    return noise(count / RATE_HZ).astype(float)


def _rumble(count: int) -> NDArray[np.float64]:
    walk = np.cumsum(_hiss(count))
    return walk - np.convolve(walk, np.ones(400) / 400, "same")


def _typing(count: int) -> NDArray[np.float64]:
    clicks = np.exp(-(np.arange(count) % 1300) / 60) * (np.arange(count) % 1300 < 240)
    return _hiss(count) * (clicks + 0.02)


def _music(count: int) -> NDArray[np.float64]:
    at_s = _seconds(count)
    chord = [np.sin(2 * np.pi * hz * at_s) * (1 + np.sin(4 * np.pi * at_s + hz)) for hz in (220, 277, 330, 440)]
    summed: NDArray[np.float64] = np.array(chord).sum(axis=0)
    return summed


def _keys(count: int) -> NDArray[np.float64]:
    at_s = _seconds(count)
    pressed: NDArray[np.float64] = (np.sin(2 * np.pi * 697 * at_s) + np.sin(2 * np.pi * 1209 * at_s)) * (
        at_s % 0.3 < 0.2
    )  # a 1
    return pressed


def _breath(count: int) -> NDArray[np.float64]:
    return np.convolve(_hiss(count), (1, -0.9), "same") * np.hanning(count)


NOISES: Final[Mapping[str, Callable[[int], NDArray[np.float64]]]] = {
    "hiss": _hiss,
    "rumble": _rumble,
    "typing": _typing,
    "music": _music,
    "keys": _keys,
    "breath": _breath,
}


def noise_of(kind: str, seconds: float, *, level: float = -30.0) -> Samples:
    """One of NOISES. level: of its mean square, in dBFS of a square wave, as the product counts."""
    made = NOISES[kind](round(seconds * RATE_HZ))
    made *= 32768 * 10 ** (level / 20) / np.sqrt(np.mean(made**2))
    return np.rint(np.clip(made, -32768, 32767)).astype(np.int16)
