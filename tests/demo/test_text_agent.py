"""The demo's text agent over a real websocket, with `websockets` as its caller; what it writes is read by ari-agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from ari_agent.agents import llm
from ari_agent.agents.llm import (
    Action,
    EndCall,
    LlmAgentConfig,
    LlmConfig,
    LlmMessage,
    LlmPong,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
    PressDigits,
    TransferTo,
    parse_llm_message,
)
from ari_agent.demo.text_agent import ABILITIES, STORY, answer_to, serve_text_agent

PERSON = "+15550100002"


class Caller:
    """ari-agent's side. told: everything the agent wrote."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.told: list[LlmMessage] = []

    async def take(self) -> LlmMessage:
        message = parse_llm_message(await asyncio.wait_for(self.websocket.recv(), 5))
        self.told.append(message)
        return message

    async def answer(self, response_id: int) -> tuple[str, LlmResponse]:
        """The whole of an answer, and its last piece."""
        text = ""
        while True:
            message = await self.take()
            if isinstance(message, LlmResponse) and message.response_id == response_id:
                text += message.content
                if message.content_complete:
                    return text, message

    async def ask(self, response_id: int, heard: str) -> tuple[str, LlmResponse]:
        transcript = [{"role": "agent", "content": "Hello?"}, {"role": "user", "content": heard}]
        await self.websocket.send(llm.response_required(response_id, transcript))
        return await self.answer(response_id)


@asynccontextmanager
async def a_caller(path: str = "/llm/call_1", *, word_pause_s: float = 0.0) -> AsyncIterator[Caller]:
    async with serve_text_agent("127.0.0.1", 0, transfer_to=PERSON, word_pause_s=word_pause_s) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}{path}") as websocket:
            yield Caller(websocket)


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with a_caller() as caller:
        yield caller


async def test_it_says_what_it_wants_and_greets_by_name(caller: Caller) -> None:
    assert await caller.take() == LlmConfig(auto_reconnect=True, call_details=True, transcript_with_tool_calls=True)
    call = {"call_id": "call_1", "retell_llm_dynamic_variables": {"customer_name": "Ada"}}
    await caller.websocket.send(llm.call_details(call))
    text, _ = await caller.answer(0)
    assert text == "Hello Ada, this is the demo agent. How can I help you?"
    await caller.websocket.send(llm.ping(5))
    assert await caller.take() == LlmPong()


@pytest.mark.parametrize(
    ("heard", "answer", "action"),
    [
        ("Transfer me to a person, please!", "One moment, I am transferring you.", TransferTo(PERSON)),
        ("operator", "One moment, I am transferring you.", TransferTo(PERSON)),
        ("goodbye", "Goodbye, and thank you for calling.", EndCall()),
        ("press five", "I press five.", PressDigits("5")),
        ("press 9", "I press nine.", PressDigits("9")),
        ("no thank you", "That is a no.", None),
        ("repeat that", "Hello?", None),
        ("I know nothing", "I understood: I know nothing", None),
        ("(unintelligible audio)", "Sorry, I did not understand that.", None),
    ],
)
async def test_it_does_what_it_is_asked(caller: Caller, heard: str, answer: str, action: Action | None) -> None:
    text, last = await caller.ask(1, heard)
    assert (text, last.action) == (answer, action)


async def test_it_uses_a_tool(caller: Caller) -> None:
    assert (await caller.ask(1, "help"))[0] == ABILITIES
    invocation, result = (one for one in caller.told if isinstance(one, LlmToolInvocation | LlmToolResult))
    assert invocation.tool_call_id == result.tool_call_id


async def test_it_changes_how_it_listens(caller: Caller) -> None:
    await caller.ask(1, "wait stop i have a question")
    assert LlmAgentConfig(responsiveness=0.5) in caller.told


async def test_what_nobody_may_interrupt_is_protected_from_its_first_word(caller: Caller) -> None:
    await caller.ask(1, "read me the terms")
    assert all(piece.no_interruption_allowed for piece in caller.told if isinstance(piece, LlmResponse))


async def test_a_newer_request_stops_the_older_answer() -> None:
    async with a_caller(word_pause_s=30.0) as caller:
        for response_id, heard in ((1, "tell me a story"), (2, "goodbye")):
            await caller.websocket.send(llm.response_required(response_id, [{"role": "user", "content": heard}]))
        while not (isinstance(message := await caller.take(), LlmResponse) and message.response_id == 2):
            assert not isinstance(message, LlmResponse) or message.content in STORY
    assert not any(isinstance(piece, LlmResponse) and piece.content_complete for piece in caller.told)


async def test_a_reminder_is_a_question(caller: Caller) -> None:
    await caller.websocket.send(llm.reminder_required(1, []))
    assert (await caller.answer(1))[0] == "Are you still there?"


@pytest.mark.parametrize(("path", "text", "code"), [("/twilio", None, 1008), ("/llm/call_1", "{", 1007)])
async def test_what_is_wrong_is_told(path: str, text: str | None, code: int) -> None:
    async with a_caller(path) as caller:
        if text is not None:
            await caller.websocket.send(text)
        await asyncio.wait_for(caller.websocket.wait_closed(), 5)
        assert caller.websocket.close_code == code


async def test_messages_of_no_meaning_are_passed_over(caller: Caller) -> None:
    strange: list[Any] = [[], {}, {"interaction_type": "shout"}, {"interaction_type": "response_required"}]
    for message in strange:
        await caller.websocket.send(json.dumps(message))
    assert (await caller.ask(3, "yes"))[0] == "That is a yes."


def test_silence_is_not_understood() -> None:
    assert answer_to("").text == "Sorry, I did not understand that."
    assert answer_to("repeat that").text == "I have not said anything yet."
