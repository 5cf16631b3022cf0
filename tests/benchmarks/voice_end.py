"""How far off the end of a voice is told where noise follows it, by kind of noise; and what a turn costs.

    python -m tests.benchmarks.voice_end [--voices FOLDER] [--level -34]

Prints a JSON line for each kind of noise, one for silence, and one for the CPU.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ari_agent.media.sound import Sound
from ari_agent.speech.silero import SileroDetector
from ari_agent.speech.voice_activity import RATE_HZ
from ari_agent.speech.voice_end import since_voice_s
from tests.fakes.noise_after_voice import NOISES, VOICES, noise_of, voice
from tests.fakes.sound import Samples, silence, ulaw_encode

NOISE_S = (0.2, 0.4, 0.8, 1.2)
WITHIN_MS = 100
FRAME = 160


def kept(*said: Samples) -> Sound:
    """The last 2 s, as a phone call keeps them."""
    octets = ulaw_encode(np.concatenate((silence(2.0), *said))[-16000:])
    frames = [octets[start : start + FRAME] for start in range(0, len(octets), FRAME)]
    return Sound(frames, 0.0, is_linear=False, rate_hz=8000)


def sounds(voices: list[Samples], level: float) -> Iterator[tuple[str, float, Sound]]:
    """What follows the voice, for how long, and the whole."""
    for said in voices:
        for kind in NOISES:
            for seconds in NOISE_S:
                yield kind, seconds, kept(said, noise_of(kind, seconds, level=level))
        for seconds in (0.0, 0.02, 0.06):  # what is left of the frames that are looked at together
            yield "silence", seconds, kept(said, silence(seconds))


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, help="folder of WAV files, 8 kHz; those of the tests when left out")
    parser.add_argument("--level", type=float, default=-34.0, help="of the noise, in dBFS")
    arguments = parser.parse_args()
    folders = [arguments.voices] if arguments.voices else [VOICES, VOICES.parent / "audio"]
    voices = [voice(str(path.resolve())) for folder in folders for path in sorted(folder.glob("*_*.wav"))]
    detector = SileroDetector()
    off_ms: dict[str, list[float]] = {}
    missed = 0
    given = list(sounds(voices, arguments.level))
    cpu_s = time.process_time()
    for kind, seconds, sound in given:
        found_s = since_voice_s(sound.backward(RATE_HZ), detector)
        if found_s is None:
            missed += 1
        else:
            off_ms.setdefault(kind, []).append((seconds - found_s) * 1000)
    cpu_s = time.process_time() - cpu_s
    for kind, errors in off_ms.items():
        within = sum(abs(error) <= WITHIN_MS for error in errors) / len(errors)
        spread = {str(share): round(float(np.percentile(errors, share))) for share in (5, 50, 95)}
        print(json.dumps({"behind": kind, "sounds": len(errors), "within_100_ms": round(within, 2), "late_ms": spread}))
    longest = kept(noise_of("rumble", 2.0))
    longest_s = time.process_time()
    for _ in range(100):
        since_voice_s(longest.backward(RATE_HZ), detector)
    longest_s = time.process_time() - longest_s
    cpu_ms = {"turn": round(cpu_s / len(given) * 1000, 2), "two_seconds_of_noise": round(longest_s * 10, 2)}
    print(json.dumps({"voices": len(voices), "missed": missed, "cpu_ms": cpu_ms}))


if __name__ == "__main__":
    main()
