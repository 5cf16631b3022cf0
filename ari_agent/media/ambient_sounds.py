"""The sounds of places that an agent's `ambient_sound` names, synthesised: no recording of anybody. Pure.

    coffee-shop        eight voices nearby, a cup now and then
    convention-hall    sixteen voices in a hall that echoes for 1.6 s
    call-center        six voices further off, typing, a telephone that rings elsewhere
    summer-outdoor     cicadas, a little wind
    mountain-outdoor   two birds, wind
    static-noise       noise, evenly over the band of a telephone

The voices say nothing: each is a pitch that wanders, through the resonances of vowels that change with each syllable,
so that several of them are a murmur without words. Everything is laid on a ring, so that the end leads into the
beginning, and comes out the same each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ari_agent.media.audio import SampleFormat

RATE_HZ: Final = 16_000
"""The sample rate at which the sounds are made."""
LOOP_S: Final = 24
"""After so many seconds a sound begins anew."""
LEVEL_DBFS: Final = -40.0
"""The RMS level of each sound, some 20 dB below speech."""

_KEPT: Final = 16  # the longest take 0.8 MB
_SIZE: Final = LOOP_S * RATE_HZ
_LOWEST_HZ: Final = 120.0
_HIGHEST_HZ: Final = 3400.0  # of a telephone: what is above it would be lost on most lines
_VOWELS_HZ: Final = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"""The first three resonances of the vowels in father, bet, beet, bought and boot (Peterson and Barney, 1952)."""
_VOWEL_SIZE: Final = 8192  # samples that a syllable and what it rings on for fit into

_Samples: TypeAlias = npt.NDArray[np.float64]


def _response(resonances_hz: Sequence[float]) -> _Samples:
    heard_hz = np.fft.rfftfreq(_VOWEL_SIZE, 1 / RATE_HZ)
    response = np.zeros(len(heard_hz))
    for resonance_hz, width_hz, strength in zip(resonances_hz, (90, 120, 180), (1.0, 0.8, 0.6), strict=True):
        response += strength / (1 + ((heard_hz - resonance_hz) / width_hz) ** 2)
    return response


_RESPONSES: Final = tuple(
    _response([size * resonance_hz for resonance_hz in vowel_hz])
    for vowel_hz in _VOWELS_HZ
    for size in (0.95, 1.1)  # of the throats of men and women
)


@lru_cache(maxsize=_KEPT)
def ambient_sound(name: str, of: SampleFormat, volume: float) -> bytes:
    """Return LOOP_S of a sound in the format of a line, to be played again and again; the latest come from memory.

    The first time a sound takes up to a second of a core. name: one of AMBIENT_SOUNDS, otherwise KeyError. volume:
    multiplies the sound, which has LEVEL_DBFS at 1.
    """
    size = LOOP_S * of.rate_hz
    samples = np.fft.irfft(_spectrum(name)[: size // 2 + 1], size)
    samples *= volume * 10 ** (LEVEL_DBFS / 20) / _rms(samples)
    return of.from_linear(np.rint(samples * 32767).astype("<i2").tobytes())


@cache
def _spectrum(name: str) -> npt.NDArray[np.complex128]:
    spectrum = np.fft.rfft(AMBIENT_SOUNDS[name](np.random.default_rng(len(name))))
    heard_hz = np.fft.rfftfreq(_SIZE, 1 / RATE_HZ)
    spectrum[(heard_hz < _LOWEST_HZ) | (heard_hz > _HIGHEST_HZ)] = 0
    return spectrum


def _coffee_shop(dice: np.random.Generator) -> _Samples:
    sound = _murmur(dice, voices=8) + 0.15 * _noise(dice, slope=-1.0)
    for at in dice.integers(0, _SIZE, 9):
        pitches_hz = dice.uniform(1900, 3300, 3)
        _lay(sound, at, 0.9 * _ringing(pitches_hz, lasts_s=0.12) * dice.uniform(0.4, 1.0))
    return sound


def _convention_hall(dice: np.random.Generator) -> _Samples:
    echo = np.zeros(_SIZE)
    times_s = np.arange(int(1.6 * RATE_HZ)) / RATE_HZ
    echo[: len(times_s)] = dice.normal(size=len(times_s)) * 10 ** (-3 * times_s / 1.6)
    echo[0] = 8.0
    return np.fft.irfft(np.fft.rfft(_murmur(dice, voices=16)) * np.fft.rfft(echo), _SIZE)


def _call_center(dice: np.random.Generator) -> _Samples:
    sound = _murmur(dice, voices=6) + 0.3 * _noise(dice, slope=-0.5)
    for begin in dice.integers(0, _SIZE, 10):
        keys = begin + np.cumsum(dice.integers(1200, 4000, 14))
        for at in keys:
            _lay(sound, at, dice.normal(size=160) * np.exp(-np.arange(160) / 40) * dice.uniform(0.5, 1.2))
    ring = np.tile(_tones((440, 480), lasts_s=1.0) * _edges(RATE_HZ, over=400), 2)
    for at in (5 * RATE_HZ, 17 * RATE_HZ):
        _lay(sound, at, 0.12 * ring)
    return sound


def _summer_outdoor(dice: np.random.Generator) -> _Samples:
    times_s = np.arange(_SIZE) / RATE_HZ
    sound = 0.5 * _noise(dice, slope=-1.0)
    for cycles, beats in ((3, 2000), (5, 2300)):  # whole numbers to the ring: swells, and pulses of the song
        song = _noise(dice, slope=0.0, lowest_hz=2500, highest_hz=3300)
        swell = (0.5 - 0.5 * np.cos(2 * np.pi * cycles * times_s / LOOP_S)) ** 2
        sound += song * swell * (0.6 + 0.4 * np.sin(2 * np.pi * beats * times_s / LOOP_S))
    return sound


def _mountain_outdoor(dice: np.random.Generator) -> _Samples:
    sound = 0.8 * _noise(dice, slope=-1.0)
    for at in dice.integers(0, _SIZE, 9):
        low_hz, high_hz = dice.uniform(1700, 2300), dice.uniform(2500, 3300)
        size = int(dice.uniform(0.07, 0.16) * RATE_HZ)
        sweep_hz = np.linspace(low_hz, high_hz, size) if dice.random() < 0.5 else np.linspace(high_hz, low_hz, size)
        note = np.sin(2 * np.pi * np.cumsum(sweep_hz) / RATE_HZ) * np.hanning(size)
        for number in range(int(dice.integers(3, 7))):
            _lay(sound, at + number * int(size * 1.6), 2.0 * note)
    return sound


def _static_noise(dice: np.random.Generator) -> _Samples:
    return _noise(dice, slope=0.0)


AMBIENT_SOUNDS: Final[Mapping[str, Callable[[np.random.Generator], _Samples]]] = {
    "coffee-shop": _coffee_shop,
    "convention-hall": _convention_hall,
    "summer-outdoor": _summer_outdoor,
    "mountain-outdoor": _mountain_outdoor,
    "static-noise": _static_noise,
    "call-center": _call_center,
}
"""What makes each sound: Retell's names of them (Create Agent, `ambient_sound`)."""


def _noise(
    dice: np.random.Generator, *, slope: float, lowest_hz: float = _LOWEST_HZ, highest_hz: float = _HIGHEST_HZ
) -> _Samples:
    """Return noise of RMS 1 whose amplitude follows the frequency to the power of slope."""
    heard_hz = np.fft.rfftfreq(_SIZE, 1 / RATE_HZ)
    amplitude = np.where((heard_hz >= lowest_hz) & (heard_hz <= highest_hz), np.maximum(heard_hz, 1.0) ** slope, 0.0)
    noise = np.fft.irfft(amplitude * np.exp(2j * np.pi * dice.random(len(heard_hz))), _SIZE)
    return noise / _rms(noise)


def _murmur(dice: np.random.Generator, *, voices: int) -> _Samples:
    """Return so many voices together, of RMS 1."""
    sound = np.zeros(_SIZE)
    for _ in range(voices):
        _speak(sound, dice, pitch_hz=float(dice.uniform(95, 230)), loudness=float(dice.uniform(0.4, 1.0)))
    return sound / _rms(sound)


def _speak(sound: _Samples, dice: np.random.Generator, *, pitch_hz: float, loudness: float) -> None:
    """Add one voice: phrases of syllables, and pauses between them."""
    at = int(dice.integers(0, _SIZE))
    end = at + _SIZE
    while at < end:
        for _ in range(int(dice.integers(4, 14))):
            size = int(dice.uniform(0.11, 0.26) * RATE_HZ)
            slide = np.linspace(dice.uniform(0.85, 1.2), dice.uniform(0.8, 1.15), size)
            _lay(sound, at, loudness * dice.uniform(0.4, 1.0) * _syllable(dice, pitch_hz * slide))
            at += int(size * dice.uniform(0.75, 1.0))
        at += int(dice.uniform(0.3, 1.4) * RATE_HZ)


def _syllable(dice: np.random.Generator, pitch_hz: _Samples) -> _Samples:
    """Return a vowel, with some breath in front of it."""
    size = len(pitch_hz)
    cycles = np.cumsum(pitch_hz) / RATE_HZ
    source = 2 * (cycles % 1.0) - 1 + 0.15 * dice.normal(size=size)
    response = _RESPONSES[dice.integers(len(_RESPONSES))]
    vowel = np.fft.irfft(np.fft.rfft(source, _VOWEL_SIZE) * response, _VOWEL_SIZE)[:size] * np.hanning(size)
    return vowel / _rms(vowel)


def _ringing(pitches_hz: npt.ArrayLike, *, lasts_s: float) -> _Samples:
    """Return tones that are struck and die away: by 60 dB in six times lasts_s."""
    struck = _tones(pitches_hz, lasts_s=6 * lasts_s)
    return struck * np.exp(-np.arange(len(struck)) / (lasts_s * RATE_HZ))


def _tones(pitches_hz: npt.ArrayLike, *, lasts_s: float) -> _Samples:
    times_s = np.arange(int(lasts_s * RATE_HZ)) / RATE_HZ
    tones: _Samples = np.sin(2 * np.pi * np.outer(np.asarray(pitches_hz), times_s)).sum(axis=0)
    return tones


def _edges(size: int, *, over: int) -> _Samples:
    """Return a loudness of 1 that rises from 0 at its beginning and falls to it at its end."""
    return np.minimum(1.0, np.minimum(np.arange(size), np.arange(size)[::-1]) / over)


def _lay(ring: _Samples, at: int, sound: _Samples) -> None:
    """Add a sound to the ring, from this place on."""
    ring[(int(at) + np.arange(len(sound))) % len(ring)] += sound


def _rms(samples: _Samples) -> float:
    return float(np.sqrt(np.mean(samples**2)))
