"""What callers want, through the tools of an agent with a prompt: Moonshine listens, and rules stand in for its model.

The sentences are spoken by flite: recordings of people who say such things are not at hand. `tests.benchmarks.intents`
speaks a hundred of them in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import pytest_asyncio

from ari_agent.demo.model_server import serve_model
from ari_agent.demo.rule_model import FUNCTIONS, NAME
from tests.fakes.flite import program as flite
from tests.fakes.flite import resampled
from tests.fakes.flite import speech as flite_speech
from tests.fakes.sip_message import first
from tests.fakes.sound import Samples
from tests.integration.stage import Stage, staged

Item = Mapping[str, Any]
"""Of a transcript with tool calls."""

HELLO: Final = "Hello."
ENDS: Final = frozenset({"transfer_call", "end_call"})
"""The tools after which the call is over."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said, by which voice of flite's, and the tool that it should call. digits: those it should press."""

    text: str
    tool: str
    voice: str = "rms"
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a sentence: the user's words as the agent was told of them, and the tools that were called."""

    words: str
    tools: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, items: Sequence[Item]) -> Heard:
        """From a piece of a transcript with tool calls."""
        words = " ".join(item["content"] for item in items if item["role"] == "user")
        calls = [(item["name"], item["arguments"]) for item in items if item["role"] == "tool_call_invocation"]
        return cls(words, calls)

    def is_right(self, sentence: Sentence) -> bool:
        """Whether the tool was called, and no other, with the right digits if there were any."""
        if [name for name, _ in self.tools] != [sentence.tool]:
            return False
        return not sentence.digits or json.loads(self.tools[0][1])["digit"] == sentence.digits


@dataclass(slots=True)
class Shop:
    """A controller whose prompts are answered by rules.

    functions: where the custom tools are. speak: makes the sound of a sentence, at 8 kHz.
    """

    stage: Stage
    functions: str
    speak: Callable[[Sentence], Samples] = field(default_factory=lambda: spoken)

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Any) -> AsyncIterator[Shop]:
        """Open one with its own Asterisk."""
        async with (
            serve_model() as address,
            staged(
                folder,
                SPEECH_TO_TEXT="moonshine",
                TEXT_TO_SPEECH="flite",
                FLITE=flite(),
                LLM_MODEL=NAME,
                LLM_URL=f"{address}/v1",
            ) as stage,
        ):
            yield cls(stage, f"{address}/functions")

    async def number(self) -> str:
        """A number whose agent has a tool for each kind of sentence."""
        prompt = {"begin_message": HELLO, "general_prompt": "Be kind.", "general_tools": self._tools()}
        llm = (await self.stage.controller.post("/create-retell-llm", prompt, expect=201)).json
        engine = {"type": "retell-llm", "llm_id": llm["llm_id"]}
        body = {"response_engine": engine, "voice_id": "flite-slt"}
        agent_id = (await self.stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
        return await self.stage.import_number(agent_id)

    def _tools(self) -> list[dict[str, Any]]:
        transfer = {
            "type": "transfer_call",
            "name": "transfer_call",
            "transfer_destination": {"type": "predefined", "number": "+14155550100"},
            "transfer_option": {"type": "cold_transfer", "cold_transfer_mode": "sip_refer"},
        }
        return [
            {"type": "end_call", "name": "end_call"},
            {"type": "press_digit", "name": "press_digit", "delay_ms": 0},
            transfer,
            *({"type": "custom", "name": name, "url": f"{self.functions}/{name}"} for name in FUNCTIONS),
        ]

    async def talk(self, number: str, sentences: Sequence[Sentence]) -> list[Heard]:
        """One call in which this is said, one after the other; what came of each, up to one that ended the call.

        A sentence has its say once the agent has answered the one before, or has not within 10 s.
        """
        found: list[Heard] = []
        async with self.stage.caller() as caller:
            await caller.call(number)
            started = await self.stage.events.event("call_started", to_number=number)
            call_id = started.call["call_id"]
            await caller.audio.hears()
            count = 1  # the agent's greeting
            for sentence in sentences:
                await caller.audio.hears_silence(packets=40, timeout_s=30)
                if first(caller.received, method="BYE"):
                    break
                caller.audio.say(self.speak(sentence))
                await caller.audio.said()
                with contextlib.suppress(TimeoutError):
                    await caller.audio.hears(since_s=time.monotonic())
                    await caller.audio.hears_silence(packets=40, timeout_s=30)
                if sentence.tool in ENDS:
                    with contextlib.suppress(TimeoutError):
                        await caller.bye()
                items = await self._since(call_id, count)
                found.append(Heard.of(items))
                count += len(items)
        return found

    async def _since(self, call_id: str, count: int) -> Sequence[Item]:
        """The transcript behind its first so many items, once it has an answer or 3 s are over: it is written late."""
        for _ in range(60):
            items: Sequence[Item] = (await self.stage.controller.call(call_id)).get("transcript_with_tool_calls", ())
            if any(item["role"] == "agent" for item in items[count:]):
                break
            await asyncio.sleep(0.05)
        return items[count:]


def spoken(sentence: Sentence) -> Samples:
    """By flite, at 8 kHz."""
    return resampled(flite_speech(sentence.text, sentence.voice), 16000, 8000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Shop]:
    async with Shop.opened(tmp_path_factory.mktemp("shop")) as made:
        yield made


SAID: Final = (
    Sentence("When do you close on Friday?", "opening_hours"),
    Sentence("Is it possible to cancel my visit on Friday?", "cancel_appointment"),
    Sentence("Five five five, zero one nine nine.", "press_digit", digits="5550199"),
    Sentence("Yes, that is correct.", "confirm", "slt"),
    Sentence("Could you repeat that, please?", "repeat_that"),
    Sentence("Thank you, goodbye.", "end_call", "slt"),
)
MISHEARD: Final = 1
"""A machine that stalls spoils what is heard, once or so."""


async def test_what_callers_want_is_done_by_the_tools_of_the_prompt(shop: Shop) -> None:
    heard = await shop.talk(await shop.number(), SAID)
    wrong = [(said.text, one) for said, one in zip(SAID, heard, strict=False) if not one.is_right(said)]
    assert len(wrong) + len(SAID) - len(heard) <= MISHEARD, wrong
