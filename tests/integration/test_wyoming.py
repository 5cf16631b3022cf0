"""A text agent on the phone by a Wyoming server that listens and speaks, and what a server that fails leads to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.fakes.llm_server import LlmServer
from tests.fakes.wyoming_server import WyomingFake, wyoming_server
from tests.integration.stage import Stage, staged
from tests.integration.test_text_agent import GREETING, answering, connected, llms, opening, speech

__all__ = ["llms"]  # the fixture

VOICE = {"voice_id": "wyoming-rms"}


@dataclass(slots=True)
class House:
    """A controller, and the server that it listens and speaks with."""

    stage: Stage
    server: WyomingFake


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[House]:
    async with (
        wyoming_server() as server,
        staged(
            tmp_path_factory.mktemp("wyoming"),
            SPEECH_TO_TEXT="wyoming",
            TEXT_TO_SPEECH="wyoming",
            WYOMING_STT_URL=server.url,
            WYOMING_TTS_URL=server.url,
        ) as stage,
    ):
        yield House(stage, server)


async def test_a_conversation(house: House, llms: LlmServer) -> None:
    agent = llms.agent(answering({"content": "Very well. Goodbye!", "end_call": True}), opening=opening())
    async with connected(house.stage, agent, fields=VOICE) as talk:
        await talk.caller.audio.hears()
        await talk.spoken(GREETING)
        talk.caller.audio.say(speech("rms_yes"))
        await talk.caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(talk.call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == f"Agent: {GREETING}\nUser: yes\nAgent: Very well. Goodbye!\n"


@pytest.mark.parametrize(("fails", "reason"), [("hearing", "error_asr"), ("speaking", "error_retell")])
async def test_a_server_that_fails_ends_the_call_and_says_why(
    fails: str,
    reason: str,
    house: House,
    llms: LlmServer,
) -> None:
    agent = llms.agent(opening=opening(f"Are you there, {fails}?"))
    if fails == "speaking":
        house.server.faults.extend(["garbage", "error"])
    async with connected(house.stage, agent, fields=VOICE) as talk:
        if fails == "hearing":
            await talk.caller.audio.hears()
            house.server.faults.extend(["garbage", "cut"])
            talk.caller.audio.say(speech("rms_yes"))
        await talk.caller.bye(timeout_s=30)
    house.server.faults.clear()
    record = await house.stage.controller.ended_call(talk.call_id)
    assert record["disconnection_reason"] == reason
