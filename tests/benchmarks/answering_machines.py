"""How well, and how soon, answering machines are told from humans: by Asterisk's AMD(), and by our own ears.

    apt-get download asterisk-core-sounds-en-wav && dpkg -x asterisk-core-sounds-en-wav_*.deb prompts
    python -m tests.benchmarks.answering_machines prompts/usr/share/asterisk/sounds/en_US_f_Allison

Each greeting is the far end of a call to a real Asterisk, whose dialplan hands it to AMD() and hangs up with a cause
that tells the status. The same sound is then given to a GreetingTap, and what it thinks in the end counts.
Prints a Markdown table, and with --each a line for each call.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ari_agent.calls.media.greeting_listener import Heard
from ari_agent.calls.media.greeting_tap import GreetingTap
from ari_agent.demo.pbx import Pbx
from tests.benchmarks.greetings import Greeting, every_prompt, greetings
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import ulaw_encode
from tests.integration.stage import audio_ports

WAYS: Final = {
    "AMD()": "",
    "AMD() tuned": "5000,2200,500,5500,100,50,9",
}
"""Arguments of AMD(), by a name."""
VERDICTS: Final = {16: "human", 17: "machine", 18: "unknown"}
"""By the cause of the hang-up (Q.850)."""
_AT_ONCE: Final = 10
FRAME_ULAW: Final = 160


@dataclass(frozen=True, slots=True)
class Decision:
    """What was made of a greeting. at_s: how long after the answer."""

    greeting: Greeting
    verdict: str
    at_s: float

    @property
    def is_right(self) -> bool:
        return self.verdict == ("human" if self.greeting.is_human else "machine")


def dialplan() -> str:
    lines = ["[from-trunk](+)"]
    for number, arguments in enumerate(WAYS.values()):
        lines += [
            f"exten = amd{number},1,Answer()",
            f" same = n,AMD({arguments})",
            ' same = n,Hangup(${IF($["${AMDSTATUS}"="HUMAN"]?16:${IF($["${AMDSTATUS}"="MACHINE"]?17:18)})})',
        ]
    return "\n".join(lines)


async def ask(pbx: Pbx, extension: str, greeting: Greeting, turns: asyncio.Semaphore) -> Decision:
    async with turns, SipCaller(pbx=(pbx.bind, pbx.sip_port)) as caller:
        caller.audio.say(greeting.sound)
        await caller.call(extension)
        began_s = time.monotonic()
        bye = await caller.bye(timeout_s=15)
        cause = re.search(r"cause=(\d+)", bye.need("Reason"))
        assert cause is not None
        return Decision(greeting, VERDICTS[int(cause[1])], time.monotonic() - began_s)


async def measure(calls: Sequence[Greeting]) -> Mapping[str, Sequence[Decision]]:
    turns = asyncio.Semaphore(_AT_ONCE)
    async with Pbx(sip_port=0, tls_port=0, ari_port=0, rtp_ports=audio_ports(), extensions=dialplan()) as pbx:
        return {
            name: await asyncio.gather(*(ask(pbx, f"amd{number}", each, turns) for each in calls))
            for number, name in enumerate(WAYS)
        }


def listen(greeting: Greeting) -> Decision:
    told: dict[Heard, float] = {}
    now_s = 0.0
    done: list[bool] = []
    tap = GreetingTap(
        encoding="mulaw",
        rate_hz=8000,
        tell=lambda what: told.__setitem__(what, now_s),
        end=lambda: done.append(True),
    )
    audio = ulaw_encode(greeting.sound)
    for start in range(0, len(audio) - FRAME_ULAW + 1, FRAME_ULAW):
        now_s = (start + FRAME_ULAW) / 8000
        tap.hear(audio[start : start + FRAME_ULAW])
        if done:
            break
    for answerer in (Heard.MACHINE, Heard.HUMAN):
        if answerer in told:
            return Decision(greeting, answerer.value, told[answerer])
    return Decision(greeting, "unknown", now_s)


def row(name: str, decisions: Iterable[Decision]) -> str:
    cells = [name]
    for is_human in (True, False):
        some = [each for each in decisions if each.greeting.is_human == is_human]
        times_s = sorted(each.at_s for each in some if each.is_right)
        median_s, slowest_s = times_s[len(times_s) // 2], times_s[-1]
        unknown = sum(each.verdict == "unknown" for each in some)
        wrong = len(some) - len(times_s) - unknown
        cells += [f"{len(times_s)} of {len(some)}", str(wrong), str(unknown), f"{median_s:.1f} / {slowest_s:.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with hello.wav")
    parser.add_argument("--every-prompt", action="store_true", help="take each prompt by itself, short ones as humans")
    parser.add_argument("--each", action="store_true", help="show each call")
    arguments = parser.parse_args()
    calls = list((every_prompt if arguments.every_prompt else greetings)(arguments.folder))
    measured = {**asyncio.run(measure(calls)), "own ears": list(map(listen, calls))}
    print(
        "| | humans: right | taken for machines | unknown | known after, s: median / slowest "
        "| machines: right | taken for humans | unknown | known after |"
    )
    print("|---" * 9 + "|")
    for name, decisions in measured.items():
        if arguments.each:
            for each in decisions:
                kind = "human" if each.greeting.is_human else "machine"
                mark = "" if each.is_right else "WRONG"
                what = f"{each.greeting.name:40} {each.greeting.line:18}"
                print(f"{name:12} {kind:8} {what} {each.verdict:8} {each.at_s:5.2f} {mark}")
        print(row(name, decisions))


if __name__ == "__main__":
    main()
