"""How well and how fast speech is understood on this machine: words wrong, and CPU for an utterance.

    apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-en
    python -m tests.benchmarks.recognition [--utterances 100] [--sounds /usr/share] [--model FOLDER] [--show]

The prompts of Asterisk (human speech, CC-BY-SA-3.0) go through mu-law at 8 kHz and back to 16 kHz, as a caller's voice
does, and are compared with their texts: what Asterisk's `core-sounds-en.txt` says of them, without punctuation, in
lower case. Prompts of 2 to 6 s whose text has no digits and no remarks in brackets are used.
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
import statistics
import time
import wave
from collections.abc import Iterator
from pathlib import Path

from ari_agent.media.audio import linear_to_ulaw, ulaw_to_linear
from ari_agent.media.resampler import Resampler
from ari_agent.speech.moonshine_decoder import MoonshineModel
from ari_agent.speech.moonshine_recognizer import packaged_model

_SILENCE = bytes(2 * 16000 * 3 // 10)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--sounds", type=Path, default=Path("/usr/share"), help="where the packages' share/ is")
    parser.add_argument("--model", type=Path, default=packaged_model(), help="folder; the package's without it")
    parser.add_argument("--show", action="store_true", help="print what was heard wrong")
    return parser.parse_args()


def prompts(share: Path) -> Iterator[tuple[Path, str]]:
    with gzip.open(share / "doc/asterisk-core-sounds-en/core-sounds-en.txt.gz", "rt") as lines:
        texts = dict(line.strip().split(": ", 1) for line in lines if ": " in line and not line.startswith(";"))
    (folder,) = (share / "asterisk/sounds").glob("en_US*")
    for path in sorted(folder.rglob("*.wav")):
        text = texts.get(str(path.relative_to(folder).with_suffix("")), "")
        with wave.open(str(path)) as sound:
            seconds = sound.getnframes() / sound.getframerate()
        if 2 <= seconds <= 6 and text and not re.search(r"[\[(<\d]", text):
            yield path, text


def _over_the_line(path: Path) -> bytes:
    with wave.open(str(path)) as sound:
        narrow = ulaw_to_linear(linear_to_ulaw(sound.readframes(sound.getnframes())))
    return _SILENCE + Resampler(8000, 16000).process(narrow) + _SILENCE


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def word_errors(said: list[str], heard: list[str]) -> int:
    """How many words must be changed, added or left out: the edit distance."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(said, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(heard, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (word != other))
    return row[-1]


def main() -> None:
    """Entry point."""
    arguments = _arguments()
    model = MoonshineModel(arguments.model)
    chosen = list(prompts(arguments.sounds))
    random.Random(1).shuffle(chosen)
    words = errors = 0
    took_s: list[float] = []
    for path, text in chosen[: arguments.utterances]:
        pcm = _over_the_line(path)
        began_s = time.process_time()
        heard = model.text(pcm)
        took_s.append(time.process_time() - began_s)
        wrong = word_errors(words_of(text), words_of(heard or ""))
        words, errors = words + len(words_of(text)), errors + wrong
        if wrong and arguments.show:
            print(f"{wrong}  {text}\n   {heard}")
    print(
        f"{len(took_s)} utterances, {words} words, {errors / words:.1%} wrong; "
        f"CPU {statistics.mean(took_s) * 1000:.0f} ms each, {max(took_s) * 1000:.0f} ms at most"
    )


if __name__ == "__main__":
    main()
