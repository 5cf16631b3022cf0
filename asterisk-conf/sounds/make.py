#!/usr/bin/env python3
"""Makes the two sound files of this folder again, from speech on standard input (Debian's `espeak-ng`, and numpy):

    espeak-ng -v en-us -s 145 --stdout "We are sorry, we cannot take your call at the moment. Please try again later." |
        .venv/bin/python asterisk-conf/sounds/make.py

Run by hand only; what it makes is committed. Both files are 8 kHz mono 16-bit WAV, the one form that Asterisk's
format_wav reads.
"""

from __future__ import annotations

import io
import sys
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
RATE_HZ = 8000
SPEECH_PEAK = 0.5
MUSIC_PEAK = 0.15

# A quiet loop of four broken chords, each note in hertz; 0.4 s a note, so 9.6 s in all.
CHORDS_HZ = (
    (261.6, 329.6, 392.0, 523.3, 392.0, 329.6),
    (220.0, 261.6, 329.6, 440.0, 329.6, 261.6),
    (174.6, 220.0, 261.6, 349.2, 261.6, 220.0),
    (196.0, 246.9, 293.7, 392.0, 293.7, 246.9),
)
NOTE_S = 0.4


def speech(spoken: bytes) -> NDArray[np.float64]:
    """A WAV file of speech, brought to RATE_HZ by a windowed-sinc low pass and linear interpolation."""
    with wave.open(io.BytesIO(spoken)) as wav:
        rate_hz = wav.getframerate()
        # espeak-ng streams to stdout and so announces an endless file: read what is there.
        pcm = np.frombuffer(wav.readframes(len(spoken) // 2), dtype="<i2").astype(np.float64)
    taps = np.arange(-64, 65)
    low_pass = np.sinc(taps * 2 * 3400 / rate_hz) * np.hamming(taps.size)
    filtered = np.convolve(pcm, low_pass / low_pass.sum(), mode="same")
    at = np.arange(0, filtered.size, rate_hz / RATE_HZ)
    return np.interp(at, np.arange(filtered.size), filtered)


def music() -> NDArray[np.float64]:
    """The loop: plucked notes that ring on into the next, and past the end into the beginning."""
    note = round(NOTE_S * RATE_HZ)
    pitches = [pitch for chord in CHORDS_HZ for pitch in chord]
    loop = np.zeros(note * len(pitches))
    ringing_s = np.arange(3 * note) / RATE_HZ
    for index, pitch_hz in enumerate(pitches):
        tone = sum(np.sin(2 * np.pi * pitch_hz * k * ringing_s) / k**2 for k in (1, 2, 3))
        pluck = tone * np.exp(-3.5 * ringing_s) * np.minimum(1, ringing_s / 0.01)
        loop[(index * note + np.arange(pluck.size)) % loop.size] += pluck
    return loop


def write(path: Path, samples: NDArray[np.float64], *, peak: float) -> None:
    """Write samples, scaled to a peak of `peak` of full scale."""
    pcm = np.round(samples / np.abs(samples).max() * peak * 32767).astype("<i2")
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes(pcm.tobytes())


if __name__ == "__main__":
    write(FOLDER / "unavailable.wav", speech(sys.stdin.buffer.read()), peak=SPEECH_PEAK)
    write(FOLDER / "hold" / "calm.wav", music(), peak=MUSIC_PEAK)
