"""What answers a call, made of the prompts that a human has spoken for Asterisk.

Debian's `asterisk-core-sounds-en-wav` has them: what is given here is the folder with `hello.wav`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from tests.fakes.sound import Samples, noise, read_wav, silence

Part: TypeAlias = str | float
"""A prompt, or so many seconds of silence."""

HUMANS: Final[dict[str, Sequence[Part]]] = {
    "hello": (0.4, "hello"),
    "hello at once": ("hello",),
    "hello after 1.5 s": (1.5, "hello"),
    "hello after 3 s": (3.0, "hello"),
    "hello, hello": (0.4, "hello", 1.5, "hello"),
    "hello world": (0.4, "hello-world"),
    "no": (0.4, "vm-no"),
    "extension, hello": (0.4, "extension", 0.1, "hello"),
    "sorry, hello": (0.4, "sorry", 0.3, "hello"),
    "thank you": (0.4, "auth-thankyou"),
    "I'm sorry": (0.4, "im-sorry"),
    "one moment please": (0.4, "one-moment-please"),
    "hello, one moment please": (0.4, "hello", 0.2, "one-moment-please"),
    "hello, friends, work": (0.4, "hello", 0.15, "vm-Friends", 0.1, "vm-Work"),
    "hello, then an answer": (0.4, "hello", 2.5, "vm-nobodyavail", 1.5, "demo-thanks"),
}
_TONE: Final[Sequence[Part]] = ("vm-intro", "beep")
MACHINES: Final[dict[str, Sequence[Part]]] = {
    "leave your message": (0.5, *_TONE),
    "extension 42 is unavailable": (0.5, "vm-theperson", "digits/4", "digits/2", "vm-isunavail", 0.3, *_TONE),
    "extension 7 is on the phone": (0.5, "vm-theperson", "digits/7", "vm-isonphone", 0.3, *_TONE),
    "nobody is available": (0.5, "vm-nobodyavail", "beep"),
    "hello, nobody is available": (0.5, "hello", 0.4, "vm-nobodyavail", 0.3, *_TONE),
    "hello, a pause, nobody is available": (0.5, "hello", 1.2, "vm-nobodyavail", 0.3, *_TONE),
    "I'm sorry, a pause, nobody is available": (0.5, "im-sorry", 0.7, "vm-nobodyavail", 0.3, *_TONE),
    "a silent start of 1.5 s": (1.5, "vm-nobodyavail", 0.3, *_TONE),
    "a silent start of 3 s": (3.0, "vm-nobodyavail", 0.3, *_TONE),
    "screens calls": (0.5, "priv-recordintro", "beep"),
    "a menu": (0.5, "basic-pbx-ivr-main"),
    "the beep alone": (0.5, "beep"),
}
LINES: Final = {
    "clean": (0.0, None),
    "12 dB lower": (-12.0, None),
    "noise at -45 dBFS": (0.0, -45.0),
    "noise at -35 dBFS": (0.0, -35.0),
}
"""How much louder the voice is, and the level of the noise behind it."""
_AFTERWARDS_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Greeting:
    """One call's far end. sound: at 8 kHz, with the silence that follows."""

    name: str
    line: str
    is_human: bool
    sound: Samples


def greetings(folder: Path) -> Iterator[Greeting]:
    """Yield each greeting on each line."""
    for is_human, table in ((True, HUMANS), (False, MACHINES)):
        for name, parts in table.items():
            said = np.concatenate([_sound(folder, part) for part in (*parts, _AFTERWARDS_S)])
            for line, (gain_db, noise_dbfs) in LINES.items():
                sound = said * 10 ** (gain_db / 20)
                if noise_dbfs is not None:
                    sound = sound + noise(len(said) / 8000, level_dbfs=noise_dbfs)
                yield Greeting(name, line, is_human, np.clip(sound, -32768, 32767).astype(np.int16))


def every_prompt(folder: Path) -> Iterator[Greeting]:
    """Yield each prompt of 0.5 to 2 s as a human's answer, and each of 4 s or more, with a beep, as a machine's.

    Those of the tables above may be among them; the thresholds were not chosen by the others.
    """
    for path in sorted(folder.glob("*.wav")):
        name = path.stem
        seconds = len(_sound(folder, name)) / 8000
        if name in ("beep", "beeperr", "ascending-2tone", "descending-2tone") or 2 < seconds < 4 or seconds < 0.5:
            continue
        parts = (0.5, name) if seconds <= 2 else (0.5, name, "beep")
        said = np.concatenate([_sound(folder, part) for part in (*parts, _AFTERWARDS_S)])
        yield Greeting(name, "clean", seconds <= 2, said)


def _sound(folder: Path, part: Part) -> Samples:
    if isinstance(part, float):
        return silence(part)
    sound, rate_hz = read_wav(folder / f"{part}.wav")
    if rate_hz != 8000:
        raise ValueError(f"{part}.wav has {rate_hz} Hz, and not 8000")
    return sound
