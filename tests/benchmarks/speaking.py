"""How soon and for how much CPU a provider on this machine speaks.

    python -m tests.benchmarks.speaking flite
    python -m tests.benchmarks.speaking piper --program /opt/piper/bin/piper --voices /opt/piper/voices
    python -m tests.benchmarks.speaking wyoming --url tcp://127.0.0.1:10200      # without CPU: it is another's process

Sentences as a text agent says them, of 12 to 90 characters, five times each and one after the other; then as many
callers as `--callers` says ask for one each at the same moment. The audio comes at 16 kHz, as the bridge takes it.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ari_agent.speech.attempts import Patience
from ari_agent.speech.flite_synthesizer import FliteSynthesizer
from ari_agent.speech.piper_synthesizer import PiperSynthesizer
from ari_agent.speech.synthesizer import Synthesizer, Voice
from ari_agent.speech.wyoming_synthesizer import WyomingSynthesizer

_TEXTS: Final = (
    "Hello there.",
    "Sure, one moment please.",
    "Thank you for calling, how can I help you today?",
    "I have found your booking for Tuesday at half past seven, for two people, by the window.",
)
_ROUNDS: Final = 5
_PATIENT: Final = Patience(first_audio_s=60, stall_s=60)
_MAKERS: Final[Mapping[str, Callable[[argparse.Namespace], Synthesizer]]] = {
    "flite": lambda given: FliteSynthesizer(program=given.program or "flite", patience=_PATIENT),
    "piper": lambda given: PiperSynthesizer(
        program=given.program or "piper", voices=given.voices, patience=_PATIENT, start_timeout_s=120
    ),
    "wyoming": lambda given: WyomingSynthesizer(url=given.url, patience=_PATIENT),
}


def _cpu_s() -> float:
    """Return the CPU time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _spoken(synthesizer: Synthesizer, text: str) -> tuple[float, float]:
    """Return the seconds to the first audio, and the seconds of audio."""
    began_s, first_s, size = time.monotonic(), 0.0, 0
    async for spoken in synthesizer.speak(text, Voice()):
        size += len(spoken.pcm)
        if size and not first_s:
            first_s = time.monotonic() - began_s
    return first_s, size / 32000


async def _measure(given: argparse.Namespace) -> None:
    make = _MAKERS[given.provider]
    idle, before_s = make(given), _cpu_s()
    await idle.start()
    await idle.close()
    start_s = _cpu_s() - before_s
    synthesizer, audio_s = make(given), 0.0
    before_s = _cpu_s()
    await synthesizer.start()
    for text in _TEXTS:
        found = [await _spoken(synthesizer, text) for _ in range(_ROUNDS)]
        firsts_ms = sorted(first_s * 1000 for first_s, _ in found)
        audio_s += sum(seconds for _, seconds in found)
        print(
            f"{len(text):3} characters, {found[0][1]:.1f} s of speech: first audio after "
            f"{statistics.median(firsts_ms):.0f} ms, {firsts_ms[-1]:.0f} at most"
        )
    await synthesizer.close()
    cpu_s = _cpu_s() - before_s - start_s
    print(f"CPU: {start_s * 1000:.0f} ms for the start, {cpu_s / audio_s * 1000:.0f} ms for a second of speech")
    synthesizer = make(given)
    await synthesizer.start()
    firsts = await asyncio.gather(*(_spoken(synthesizer, _TEXTS[2]) for _ in range(given.callers)))
    firsts_ms = sorted(first_s * 1000 for first_s, _ in firsts)
    print(f"{given.callers} at once: {statistics.median(firsts_ms):.0f} ms, {firsts_ms[-1]:.0f} at most")
    await synthesizer.close()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("provider", choices=_MAKERS)
    parser.add_argument("--program", help="name or path of flite or piper")
    parser.add_argument("--voices", type=Path, help="folder with piper's voices")
    parser.add_argument("--url", default="tcp://127.0.0.1:10200", help="of the Wyoming server")
    parser.add_argument("--callers", type=int, default=8)
    asyncio.run(_measure(parser.parse_args()))


if __name__ == "__main__":
    main()
