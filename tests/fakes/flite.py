"""Real speech for the fakes: CMU Flite, this machine's or the one that docker/install.sh unpacks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

INSTALL = Path(__file__).parents[2] / "docker" / "install.sh"


@cache
def program() -> str:
    """Its path."""
    found = shutil.which("flite")
    if found:
        return found
    if shutil.which("apt-get") is None:
        pytest.skip("the program flite is not there, and this machine has no apt-get to unpack it with")
    done = subprocess.run([str(INSTALL), "flite"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@cache
def speech(text: str, voice: str = "slt") -> NDArray[np.int16]:
    """The text, at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run([program(), "-voice", voice, "-t", text, "-o", str(path)], check=True, stdin=subprocess.DEVNULL)
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
            return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def resampled(samples: NDArray[np.int16], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    """By a Fourier transform of all of it: nothing of the product's is in it."""
    length = round(len(samples) * to_hz / from_hz)
    spectrum = np.fft.rfft(samples)
    wanted = np.zeros(length // 2 + 1, complex)
    shared = min(len(spectrum), len(wanted))
    wanted[:shared] = spectrum[:shared]
    made = np.fft.irfft(wanted, length) * length / len(samples)
    return np.rint(np.clip(made, -32768, 32767)).astype("<i2")
