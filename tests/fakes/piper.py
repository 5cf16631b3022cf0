#!/usr/bin/env python3
"""Pretends to be the program piper, of which it has the options, the files, the log and one bad habit; it hums.

A text of which it makes no sound ends it, as "..." ends piper-tts 1.8; here it is one without a letter of ASCII. In
the folder of its model are `started`, to which each process adds its id and its options, and `hangs`, after whose text
it does nothing more.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
import time
import wave
from array import array
from pathlib import Path

RATE_HZ = 22050


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--length_scale", type=float, default=1.0)
    given = parser.parse_args()
    with (given.model.parent / "started").open("a") as started:
        environment = sorted(os.environ)
        print(json.dumps({"pid": os.getpid(), "argv": sys.argv[1:], "environment": environment}), file=started)
    if not given.model.read_bytes():
        raise ValueError(f"{given.model.name} is no model")
    for line in sys.stdin:
        text = re.sub(r"\[\[.*?\]\]", "", line).strip()  # those are phonemes, and not heard here
        if not any(letter.isascii() and letter.isalnum() for letter in text):
            raise ValueError("# channels not specified")
        hangs = given.model.parent / "hangs"
        if hangs.exists() and hangs.read_text() == text:
            time.sleep(60)
        hertz = 110 + 10 * (len(given.model.stem) % 10)
        length = int(len(text) * 0.07 * given.length_scale * RATE_HZ)
        hum = array("h", (int(8000 * math.sin(2 * math.pi * hertz * n / RATE_HZ)) for n in range(length)))
        path = given.output_dir / f"{time.monotonic_ns()}.wav"
        with wave.open(str(path), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE_HZ)
            wav.writeframes(hum.tobytes())
        print("INFO:__main__:Wrote", path, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
