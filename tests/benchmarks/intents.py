"""How often callers get what they want: ten kinds of wishes, through the tools of an agent with a prompt.

    python -m tests.benchmarks.intents [--callers 2] [--show] [--piper PROGRAM VOICE.onnx]

A hundred sentences, ten of each kind, go through a real Asterisk to Moonshine; the rules of the demo
(`ari_agent/demo/rule_model.py`) stand in for the model and call its tools. A sentence is right if the record has the
call of its tool and no other, with the right digits. The voices are synthetic: four of flite's, by turns (rms, slt,
awb, kal16), or one of Piper's. The rules are key words of English that were not fitted to what was heard.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tests.fakes.flite import resampled
from tests.fakes.sound import Samples
from tests.integration.test_spoken_intents import ENDS, Heard, Sentence, Shop

VOICES: Final = ("rms", "slt", "awb", "kal16")
SENTENCES: Final[Mapping[str, Sequence[str]]] = {
    "opening_hours": (
        "What are your opening hours?",
        "When do you open tomorrow?",
        "What time do you close today?",
        "Are you open on Sunday?",
        "Can you tell me the opening hours of your store on Sunday?",
        "How late are you open this evening?",
        "I would like to know your business hours.",
        "Is the shop still open?",
        "At what time do you close on Saturdays?",
        "Please tell me your hours.",
    ),
    "book_appointment": (
        "I would like to book an appointment.",
        "Can I make an appointment for next week?",
        "I need an appointment on Monday morning.",
        "I want to reserve a table for two.",
        "Could you book me a room for Friday night?",
        "I would like to make a reservation, please.",
        "Please schedule a visit for Tuesday.",
        "Do you have a free appointment this afternoon?",
        "Can I book a haircut for Thursday?",
        "My daughter needs an appointment with the dentist.",
    ),
    "cancel_appointment": (
        "Please cancel my appointment.",
        "I want to cancel my reservation.",
        "I have to cancel for tomorrow.",
        "Can you cancel my booking?",
        "I need to cancel the meeting on Wednesday.",
        "I am calling to cancel.",
        "We would like to cancel our table.",
        "Is it possible to cancel my visit on Friday?",
        "I am afraid that I must cancel the appointment.",
        "Cancel it, please.",
    ),
    "order_status": (
        "Where is my order?",
        "My order has not arrived, and I want to know where it is.",
        "Has my package been sent?",
        "When will my parcel arrive?",
        "I am calling about a delivery.",
        "What is the status of my order?",
        "Can you track my package?",
        "I ordered a book two weeks ago.",
        "My delivery is late.",
        "Did you ship my order yesterday?",
    ),
    "transfer_call": (
        "Transfer me to an agent.",
        "I want to speak to a human.",
        "Can I talk to a real person?",
        "Please connect me to the manager.",
        "Let me speak with a representative.",
        "Operator, please.",
        "Is there somebody that I can talk to?",
        "I would rather talk to a person.",
        "Could you transfer me, please?",
        "Give me a human being.",
    ),
    "press_digit": (
        "My number is four two seven one.",
        "The code is nine zero three five.",
        "It is one two three four five six.",
        "My customer number is seven seven eight two one.",
        "Three five nine.",
        "The order number is two four six eight.",
        "Five five five, zero one nine nine.",
        "My pin is eight one zero six.",
        "Please enter six four two.",
        "That would be one nine eight four.",
    ),
    "confirm": (
        "Yes.",
        "Yes, please.",
        "Yes, that is correct.",
        "That is right.",
        "Of course.",
        "Sure, go ahead.",
        "Yes, I would like that.",
        "Absolutely.",
        "Yeah, that works for me.",
        "Exactly.",
    ),
    "decline": (
        "No.",
        "No, thank you.",
        "No, that is wrong.",
        "I do not want that.",
        "No, not today.",
        "That is not what I meant.",
        "No, I am fine.",
        "Certainly not.",
        "No, thanks.",
        "That is incorrect.",
    ),
    "repeat_that": (
        "Repeat that.",
        "Could you repeat that, please?",
        "Can you say that again?",
        "Pardon me?",
        "What did you say?",
        "Please say it again.",
        "Once again, please.",
        "I did not hear you, please repeat it.",
        "Would you repeat the last sentence?",
        "Sorry, could you say that once more?",
    ),
    "end_call": (
        "Goodbye.",
        "Thank you, goodbye.",
        "Bye.",
        "That is all, thank you.",
        "Okay, bye bye.",
        "Thanks for your help, goodbye.",
        "You can hang up now.",
        "I have to go, bye.",
        "Nothing else, thank you.",
        "Have a nice day, goodbye.",
    ),
}
DIGITS: Final = ("4271", "9035", "123456", "77821", "359", "2468", "5550199", "8106", "642", "1984")


def calls() -> list[list[Sentence]]:
    """Twenty calls with five sentences each, of five kinds; one that ends its call stands last in it."""
    going_on = [tool for tool in SENTENCES if tool not in ENDS]
    made = []
    for turn in range(10):
        for half, last in enumerate(sorted(ENDS)):
            tools = [*going_on[half::2], last]
            made.append([_sentence(tool, turn, VOICES[(turn + at) % 4]) for at, tool in enumerate(tools)])
    return made


def _sentence(tool: str, turn: int, voice: str) -> Sentence:
    return Sentence(SENTENCES[tool][turn], tool, voice, DIGITS[turn] if tool == "press_digit" else "")


def speak_by_piper(program: str, voice: str) -> Callable[[Sentence], Samples]:
    """All sentences, made beforehand, so that nothing but the calls takes time."""
    rate_hz = json.loads(Path(f"{voice}.json").read_text())["audio"]["sample_rate"]
    made = {}
    for sentence in (sentence for call in calls() for sentence in call):
        command = [program, "--model", voice, "--output-raw"]
        raw = subprocess.run(command, input=sentence.text.encode(), capture_output=True, check=True).stdout
        made[sentence.text] = resampled(np.frombuffer(raw, "<i2"), rate_hz, 8000)
    return lambda sentence: made[sentence.text]


async def measure(callers: int, *, show: bool, piper: Sequence[str] | None) -> None:
    """So many callers at a time, until all was said. What a call that ended too soon left is said in another one.

    piper: the program and the voice that speak in place of flite's.
    """
    left = calls()
    speak = speak_by_piper(*piper) if piper else None
    right: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        async with Shop.opened(Path(folder)) as shop:
            shop.speak = speak or shop.speak

            async def caller() -> None:
                while left:
                    sentences = left.pop(0)
                    heard = await shop.talk(await shop.number(), sentences) or [Heard("", ())]
                    if rest := sentences[len(heard) :]:
                        left.append(rest)
                    for sentence, one in zip(sentences, heard, strict=False):
                        _count(sentence, one)

            def _count(sentence: Sentence, heard: Heard) -> None:
                is_right = heard.is_right(sentence)
                right[sentence.tool] += is_right
                right[sentence.voice] += is_right
                if show or not is_right:
                    mark = "+" if is_right else "-"
                    print(f"{mark} {sentence.tool} {sentence.voice}: {sentence.text} | {heard.words} {heard.tools}")

            await asyncio.gather(*(caller() for _ in range(callers)))
    print(f"{sum(right[tool] for tool in SENTENCES)} of 100 right", dict(right), flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print every sentence, and not only those that went wrong")
    parser.add_argument("--piper", nargs=2, metavar=("PROGRAM", "VOICE.onnx"), help="who speaks, in place of flite")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.callers, show=arguments.show, piper=arguments.piper))


if __name__ == "__main__":
    main()
