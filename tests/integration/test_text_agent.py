"""Text agents on the phone: a caller who speaks and listens, a server that reads and writes, and all between them real.

The recognizer is the built-in grammar (pocketsphinx), the voice flite.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmAgent, LlmServer, LlmTalk, Message, Script, until
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import Samples, read_wav
from tests.integration.stage import Stage, staged

SPEECH: Final = Path(__file__).parents[1] / "data" / "speech"
GREETING: Final = "Hello, how can I help you?"
LONG: Final = "I will now tell you a very long story about a telephone. It rang and rang and rang, and nobody came."


def speech(name: str) -> Samples:
    """Of a caller, 8 kHz."""
    return read_wav(SPEECH / f"{name}.wav")[0]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def talking(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A controller with ears and a voice."""
    folder = tmp_path_factory.mktemp("talking")
    async with staged(folder, SPEECH_TO_TEXT="grammar", TEXT_TO_SPEECH="flite", FLITE=flite()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def llms() -> AsyncIterator[LlmServer]:
    """Text agents."""
    async with LlmServer() as server:
        yield server


@dataclass(slots=True)
class Talk:
    """A call that is up, its two ends."""

    stage: Stage
    caller: SipCaller
    llm: LlmTalk
    call_id: str

    def told(self, kind: str) -> list[Message]:
        """What the agent's server was told."""
        return [message for message in self.llm.heard if message["interaction_type"] == kind]

    async def asked(self, times: int = 1) -> Message:
        """Until the agent was asked so often."""
        await until(lambda: len(self.told("response_required")) >= times)
        return self.told("response_required")[times - 1]

    def last_said(self) -> tuple[str, str]:
        """The last utterance of the newest transcript."""
        utterance = [message for message in self.llm.heard if message.get("transcript")][-1]["transcript"][-1]
        return utterance["role"], utterance["content"]

    async def spoken(self, text: str) -> None:
        """Until the agent is known to have said this."""
        await until(lambda: any(text in _agents(message) for message in self.llm.heard))


def _agents(message: Message) -> str:
    said = (utterance["content"] for utterance in message.get("transcript", ()) if utterance["role"] == "agent")
    return " ".join(said)


@asynccontextmanager
async def connected(stage: Stage, agent: LlmAgent, *, fields: Mapping[str, Any] | None = None) -> AsyncIterator[Talk]:
    """A caller through to this agent."""
    body = {"response_engine": agent.engine, "voice_id": "flite-slt", **(fields or {})}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    dialled = await stage.import_number(agent_id)
    async with stage.caller() as caller:
        await caller.call(dialled)
        await until(lambda: bool(agent.talks))
        call_id = agent.talks[0].path.rsplit("/", 1)[1]
        await stage.begun(call_id)
        yield Talk(stage, caller, agent.talks[0], call_id)


def opening(text: str = GREETING) -> tuple[Message, ...]:
    """The begin message."""
    return ({"response_type": "response", "response_id": 0, "content": text, "content_complete": True},)


def answering(*answers: Mapping[str, Any]) -> Script:
    """One answer after the other, then nothing more."""
    left = list(answers)

    async def answer(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required" and left:
            given = dict(left.pop(0))
            await talk.respond(message["response_id"], given.pop("content", ""), **given)

    return answer


async def test_a_conversation(talking: Stage, llms: LlmServer) -> None:
    agent = llms.agent(answering({"content": "Very well. Goodbye!", "end_call": True}), opening=opening())
    async with connected(talking, agent) as talk:
        await talk.caller.audio.hears()
        await talk.spoken(GREETING)
        talk.caller.audio.say(speech("rms_yes"))
        asked = await talk.asked()
        said = [(utterance["role"], utterance["content"]) for utterance in asked["transcript"]]
        assert said == [("agent", GREETING), ("user", "yes")]
        before_s = talk.caller.audio.heard[-1].time_s
        await talk.caller.audio.hears(since_s=before_s)
        await talk.caller.bye()
    record = await talking.controller.ended_call(talk.call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == f"Agent: {GREETING}\nUser: yes\nAgent: Very well. Goodbye!\n"
    for stretch in ("e2e", "asr", "llm", "tts"):
        assert record["latency"][stretch]["num"] >= 1, record["latency"]
    print(record["latency"])
