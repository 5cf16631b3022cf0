#!/usr/bin/env python3
"""Makes the sound files of this folder again: the music, and the message from speech on standard input.

    .venv/bin/python asterisk-conf/sounds/make.py music
    espeak-ng -v en-us -s 145 --stdout "We are sorry, we cannot take your call at the moment. Please try again later." |
        .venv/bin/python asterisk-conf/sounds/make.py message

Run by hand only, with numpy; what it makes is committed, and ours, as the rest of the product. All files are 8 kHz mono
16-bit WAV, the one form that Asterisk's format_wav reads. Music loops without a click: every note that rings beyond the
end goes on at the beginning.
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

# Slow chords over a deep root, 5 s each, so 20 s in all.
PADS_HZ = (
    (110.0, 220.0, 261.6, 329.6, 493.9),
    (87.3, 174.6, 261.6, 349.2, 440.0),
    (130.8, 196.0, 261.6, 329.6, 392.0),
    (98.0, 196.0, 246.9, 293.7, 440.0),
)
PAD_S = 5.0

# 120 beats a minute, a chord for each bar of four: 10 bars, so 20 s in all. A chord is its root and three notes above.
BEAT_S = 0.5
BARS_HZ = (
    (130.8, 523.3, 659.3, 784.0),
    (98.0, 493.9, 587.3, 784.0),
    (110.0, 523.3, 659.3, 880.0),
    (87.3, 523.3, 698.5, 880.0),
    (98.0, 493.9, 587.3, 784.0),
)


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


def relaxing() -> NDArray[np.float64]:
    """Chords that swell and fade into each other, each voice a little out of tune with itself."""
    length = round(PAD_S * RATE_HZ)
    loop = np.zeros(length * len(PADS_HZ))
    # Two chords are heard at any time, and the squares of their loudness add up to one: it never goes down.
    swell = np.sin(np.pi * np.arange(2 * length) / (2 * length))
    time_s = np.arange(2 * length) / RATE_HZ
    for index, chord in enumerate(PADS_HZ):
        voices = sum(
            np.sin(2 * np.pi * pitch_hz * detune * time_s) / (1 + voice / 2)
            for voice, pitch_hz in enumerate(chord)
            for detune in (1.0, 1.003)
        )
        loop[(index * length + np.arange(2 * length)) % loop.size] += voices * swell
    return loop


def uplifting() -> NDArray[np.float64]:
    """A drum on each beat, a brush between, a bass and a quick arpeggio over a soft chord."""
    beat = round(BEAT_S * RATE_HZ)
    bars = (*BARS_HZ, *BARS_HZ)
    loop = np.zeros(4 * beat * len(bars))

    def add(at: int, sound: NDArray[np.float64], level: float) -> None:
        loop[(at + np.arange(sound.size)) % loop.size] += level * sound

    drum_s = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    drum = np.sin(2 * np.pi * (60 * drum_s + 8 * (1 - np.exp(-12 * drum_s)))) * np.exp(-14 * drum_s)
    brush = np.random.default_rng(7).uniform(-1, 1, drum_s.size) * np.exp(-40 * drum_s)
    for number, (root_hz, *chord) in enumerate(bars):
        bar = 4 * number * beat
        long_s = np.arange(5 * beat) / RATE_HZ
        edge = np.minimum(1, np.minimum(long_s, long_s[::-1]) / BEAT_S)
        add(bar, sum(np.sin(np.pi * pitch_hz * long_s) for pitch_hz in chord) * edge, 0.12)
        for step in range(8):
            at = bar + step * beat // 2
            add(at, drum if step % 2 == 0 else brush, 0.9 if step % 2 == 0 else 0.25)
            add(at, _plucked(root_hz, 0.4, decay=6), 0.35)
            add(at, _plucked(chord[step % 3], 0.5, decay=7), 0.3)
    return loop


def _plucked(pitch_hz: float, seconds: float, *, decay: float) -> NDArray[np.float64]:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tone = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k**2 for k in (1, 2, 3))
    faded: NDArray[np.float64] = tone * np.exp(-decay * time_s) * np.minimum(1, time_s / 0.01)
    return faded * np.minimum(1, (seconds - time_s) / 0.02)


def write(path: Path, samples: NDArray[np.float64], *, peak: float) -> None:
    """Write samples, scaled to a peak of `peak` of full scale."""
    pcm = np.round(samples / np.abs(samples).max() * peak * 32767).astype("<i2")
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes(pcm.tobytes())


MUSIC = {
    "hold/calm": (music, MUSIC_PEAK),
    "relaxing_sound/relaxing_sound": (relaxing, MUSIC_PEAK),
    "uplifting_beats/uplifting_beats": (uplifting, MUSIC_PEAK),
}
"""Which file is made by what, and how loud it is."""


if __name__ == "__main__":
    if sys.argv[1:] == ["message"]:
        write(FOLDER / "unavailable.wav", speech(sys.stdin.buffer.read()), peak=SPEECH_PEAK)
    elif sys.argv[1:] == ["music"]:
        for name, (make, peak) in MUSIC.items():
            write(FOLDER / f"{name}.wav", make(), peak=peak)
    else:
        sys.exit("make.py music, or make.py message with speech on standard input")
