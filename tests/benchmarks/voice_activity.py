"""What it costs to know where the voices of many calls begin and end: all of them in one thread, as on the event loop.

    python -m tests.benchmarks.voice_activity [--calls 100] [--seconds 20]

Feeds every call 20 ms of speech in turn, as fast as that goes, and prints a JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
import wave
from pathlib import Path

import numpy as np

from ari_agent.media.resampler import Resampler
from ari_agent.speech.silero import SileroDetector
from ari_agent.speech.voice_activity import VoiceActivity

SPEECH = Path(__file__).parents[1] / "data" / "speech" / "rms_barge.wav"
PIECE_BYTES = 640
PIECES_A_SECOND = 50
WINDOWS_A_SECOND = 31.25
A_WINDOW_US = 20  # what takes longer completed a window


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20, help="of audio for each call")
    arguments = parser.parse_args()
    with wave.open(str(SPEECH)) as file:
        pcm = Resampler(8000, 16000).process(file.readframes(file.getnframes()))
    pieces = [pcm[start : start + PIECE_BYTES] for start in range(0, len(pcm) - PIECE_BYTES, PIECE_BYTES)]

    began_s = time.perf_counter()
    detector = SileroDetector()
    load_s = time.perf_counter() - began_s
    calls = [VoiceActivity(detector, silence_ms=300) for _ in range(arguments.calls)]
    blocks_us: list[float] = []
    changes = 0
    cpu_s = time.process_time()
    for turn in range(arguments.seconds * PIECES_A_SECOND):
        for number, call in enumerate(calls):
            piece = pieces[(turn + number * 7) % len(pieces)]
            start_ns = time.perf_counter_ns()
            changes += len(call.feed(piece))
            blocks_us.append((time.perf_counter_ns() - start_ns) / 1000)
    cpu_s = time.process_time() - cpu_s

    blocks = np.array(blocks_us)
    windows = blocks[blocks > A_WINDOW_US]
    call_s = arguments.calls * arguments.seconds
    print(
        json.dumps(
            {
                "calls": arguments.calls,
                "load_ms": round(load_s * 1000),
                "cpu_us_for_a_second_of_a_call": round(cpu_s * 1e6 / call_s),
                "cores_for_100_calls": round(cpu_s / call_s * 100, 3),
                "window_us": {share: round(float(np.percentile(windows, share)), 1) for share in (50, 99)},
                "no_window_us": round(float(np.median(blocks[blocks <= A_WINDOW_US])), 2),
                "changes": changes,
            }
        )
    )


if __name__ == "__main__":
    main()
