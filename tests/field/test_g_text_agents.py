"""What text agents write, which voices they name, and how their callers talk, in calls over the audio websocket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ari_agent.store.store import Store
from tests.api.test_web_text_agents import GREETING, Deaf, Tones, registered, speaking_house
from tests.fakes.llm_server import LlmServer, Message, until
from tests.fakes.web_client import WebFrontEnd


@pytest.fixture
async def llms() -> AsyncIterator[LlmServer]:
    """Text agents."""
    async with LlmServer() as server:
        yield server


@pytest.mark.parametrize(
    "answer",
    [
        {"response_id": "0", "content": GREETING, "content_complete": True},
        {"response_id": 0.0, "content": GREETING, "content_complete": True},
        {"response_id": 0, "content": GREETING},
        {"response_id": 0, "content": GREETING, "content_complete": "true", "end_call": "false"},
    ],
    ids=["response_id-text", "response_id-1.0", "content_complete-left-out", "end_call-false-text"],
)
async def test_an_answer_with_other_types_than_documented_is_spoken(
    store: Store, llms: LlmServer, answer: Message
) -> None:
    agent = llms.agent(opening=({"response_id": 0, "content": None, "content_complete": False}, answer))
    async with speaking_house(store, Deaf(), Tones()) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)):
            await until(lambda: bool(agent.talks) and any(GREETING in str(message) for message in agent.talks[0].heard))
        record = await house.ended(call_id)
    assert record["transcript"] == f"Agent: {GREETING}\n"
    assert record["disconnection_reason"] == "user_hangup"
