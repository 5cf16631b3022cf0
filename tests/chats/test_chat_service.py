"""The service without an Asterisk: chats that fall silent, and what cannot be begun."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.chat import ChatCompletionCreate, ChatCreate, SmsChatCreate
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.errors import AsteriskUnreachable, ChatNotOngoing, NoAgentBound, UnknownAsset, UnservedAgent
from ari_agent.store.store import Store
from tests.api.pens import Pens, chat_service
from tests.fakes.llm_server import LlmServer, until

NUMBER = "+14152000001"
NOW_MS = 1_760_000_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db", now_ms=lambda: NOW_MS)
    await opened.open()
    number = PhoneNumberImport.model_validate({"phone_number": NUMBER, "termination_uri": "sip.example.com"})
    await opened.phone_numbers.create(number.number(now_ms=NOW_MS))
    yield opened
    await opened.close()


async def agent_id(store: Store, engine: dict[str, object]) -> str:
    wanted = AgentCreate.model_validate({"response_engine": engine, "voice_id": "none"})
    return (await store.agents.create(wanted)).agent_id


async def test_a_silent_chat_ends(store: Store) -> None:
    opening = {"response_id": 0, "content": "Hi", "content_complete": True}
    async with LlmServer() as llms, chat_service(store, Pens(), now_ms=NOW_MS, silence_ms=300) as service:
        chat = await service.create(ChatCreate(agent_id=await agent_id(store, llms.agent(opening=(opening,)).engine)))
        await until(lambda: not service.live())
        found = await store.chats.get(chat.chat_id)
        assert found is not None
        assert found.chat_status == "ended"
        with pytest.raises(ChatNotOngoing):
            await service.complete(ChatCompletionCreate(chat_id=chat.chat_id, content="hello?"))


async def test_the_agent_writes_first_through_the_trunk(store: Store) -> None:
    opening = {"response_id": 0, "content": "Hi", "content_complete": True}
    pens = Pens()
    async with LlmServer() as llms, chat_service(store, pens, now_ms=NOW_MS) as service:
        override = await agent_id(store, llms.agent(opening=(opening,)).engine)
        await service.create_sms_chat(
            SmsChatCreate(from_number=NUMBER, to_number="+14155550100", override_agent_id=override)
        )
        await until(lambda: bool(pens.sent))
    ((destination, text),) = pens.sent
    assert text == "Hi"
    assert destination.to == "pjsip:ari_agent-trunk-14152000001/sip:+14155550100@sip.example.com;transport=tcp"


async def test_what_cannot_be_is_refused(store: Store) -> None:
    pens = Pens(can_send=False)
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        speaks = await agent_id(store, {"type": "audio-websocket", "audio_websocket_url": "wss://h/"})
        writes = await agent_id(store, {"type": "custom-llm", "llm_websocket_url": "wss://h/"})
        with pytest.raises(UnservedAgent, match="audio-websocket, which writes no text"):
            await service.create(ChatCreate(agent_id=speaks))
        with pytest.raises(UnknownAsset):
            await service.create(ChatCreate(agent_id="agent_unknown"))
        with pytest.raises(NoAgentBound, match="no agent for text messages"):
            await service.create_sms_chat(SmsChatCreate(from_number=NUMBER, to_number="+14155550100"))
        with pytest.raises(AsteriskUnreachable):
            await service.create_sms_chat(
                SmsChatCreate(from_number=NUMBER, to_number="+14155550100", override_agent_id=writes)
            )
        with pytest.raises(UnknownAsset):
            await service.end("chat_unknown")
