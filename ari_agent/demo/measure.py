"""Measures what was heard: level, the place of one sound in another, the strength of a tone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ari_agent.demo.sounds import Samples

SILENCE_DBFS = -96.0
SAME_SOUND: Final = 0.85
"""Correlation from which a sound counts as the same.

The same sound is at 1.00, with a frame lost each half second at 0.9, with its second half missing at 0.75, backwards at
0.2.
"""
NOT_HEARD: Final = 0.5
"""Correlation up to which a sound was not heard."""
GAIN_LIMIT_DB: Final = 3.0
"""How much louder or fainter the same sound may be."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a sound was found in a recording.

    correlation: normalised, 1.0 = the same shape, 0 = unrelated. offset: in samples, where it begins in the recording.
    gain_db: how much louder it is there than the original.
    """

    correlation: float
    offset: int
    gain_db: float

    @property
    def is_same_sound(self) -> bool:
        """Return whether the sound was found, whole and about as loud as it was."""
        return self.correlation >= SAME_SOUND and abs(self.gain_db) <= GAIN_LIMIT_DB


def level_dbfs(samples: Samples) -> float:
    """Return the RMS level in dB relative to a full-scale square wave; SILENCE_DBFS for nothing at all."""
    if not len(samples):
        return SILENCE_DBFS
    rms = float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))
    return max(SILENCE_DBFS, 20 * float(np.log10(rms / 32768))) if rms else SILENCE_DBFS


def find(sound: Samples, recording: Samples) -> Match:
    """Return the place in the recording that resembles the sound most, by normalised cross-correlation."""
    count = len(sound)
    if not count or len(recording) < count:
        return Match(0.0, 0, SILENCE_DBFS)
    needle, hay = sound.astype(np.float64), recording.astype(np.float64)
    size = 1 << (len(hay) + count - 1).bit_length()
    products = np.fft.irfft(np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size)), size)
    products = products[: len(hay) - count + 1]
    energies = np.concatenate(([0.0], np.cumsum(hay * hay)))
    energies = energies[count:] - energies[:-count]
    needle_energy = float(needle @ needle)
    # A stretch of near silence correlates with anything: it is taken to have at least 1 % of the needle's energy.
    floor = max(needle_energy * 0.01, 1.0)
    scores = products / np.sqrt(np.maximum(energies, floor) * max(needle_energy, 1.0))
    offset = int(np.argmax(scores))
    energy = float(energies[offset])
    gain_db = 10 * float(np.log10(energy / needle_energy)) if energy > 0 and needle_energy > 0 else SILENCE_DBFS
    return Match(float(scores[offset]), offset, gain_db)


def find_in_pieces(sound: Samples, recording: Samples, *, piece: int = 3200, slack: int = 1600) -> Match:
    """Find a sound that may have been stretched a little on its way.

    A frame that a busy machine lost or repeated shifts all that follows, and the whole no longer correlates although
    every word was heard. So each piece (samples) is looked for round its place, up to slack samples away, and the
    result is the average of all pieces that carry sound, weighted by their energy. offset: where the sound begins.
    """
    whole = find(sound, recording)
    if not whole.correlation:
        return whole
    energy = correlation = heard_energy = 0.0
    silent = 0.05 * piece * float(np.mean(np.square(sound.astype(np.float64))))
    for start in range(0, len(sound) - piece + 1, piece):
        part = sound[start : start + piece].astype(np.float64)
        part_energy = float(part @ part)
        if part_energy < silent:
            continue
        begin = max(0, whole.offset + start - slack)
        match = find(sound[start : start + piece], recording[begin : begin + piece + 2 * slack])
        energy += part_energy
        correlation += part_energy * match.correlation
        heard_energy += part_energy * 10 ** (match.gain_db / 10)
    if not energy or correlation / energy <= whole.correlation:
        return whole
    gain_db = 10 * float(np.log10(max(heard_energy / energy, 1e-9)))
    return Match(correlation / energy, whole.offset, gain_db)


def tone_dbfs(samples: Samples, frequency_hz: float, rate_hz: int) -> float:
    """Return the level of one frequency (a single DFT bin, as in Goertzel's algorithm), as RMS dBFS."""
    if not len(samples):
        return SILENCE_DBFS
    angles = 2j * np.pi * frequency_hz / rate_hz * np.arange(len(samples))
    amplitude = 2 * abs(complex(np.mean(samples * np.exp(-angles))))
    return max(SILENCE_DBFS, 20 * float(np.log10(amplitude / np.sqrt(2) / 32768))) if amplitude else SILENCE_DBFS
