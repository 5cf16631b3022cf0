"""Text messages as Asterisk hands them over, and numbers whose texts are answered."""

from __future__ import annotations

import itertools
from typing import Any, Final

from ari_agent.asterisk.events import TextMessageReceived
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.chat import Chat
from ari_agent.contract.chat_agent import ChatAgentCreate
from ari_agent.contract.phone_number import PhoneNumberImport, PhoneNumberUpdate
from ari_agent.store.store import Store

NUMBER: Final = "+14152000001"
USER: Final = "+14155550100"
NOW_MS: Final = 1_760_000_000_000
_count = itertools.count(1)


def text_from(user: str, body: str, *, size: int | None = None) -> TextMessageReceived:
    """A text to the number. size: as its sender declared it."""
    variables = {
        "PJSIP_RECVADDR": "192.0.2.7:5060",
        "PJSIP_TRANSPORT": "udp",
        "Call-ID": f"call-{next(_count)}",
        "Content-Length": str(len(body.encode()) if size is None else size),
    }
    message = {"from": f"<sip:{user}@h>", "to": f"pjsip:{NUMBER}@pbx", "body": body, "variables": variables}
    endpoint = {"technology": "PJSIP", "resource": "carrier", "state": "online"}
    return TextMessageReceived.model_validate({"endpoint": endpoint, "message": message})


async def a_number(store: Store, **fields: Any) -> None:
    """Register the number; fields: as an update gives them."""
    number = PhoneNumberImport.model_validate({"phone_number": NUMBER, "termination_uri": "sip.example.com"})
    await store.phone_numbers.create(number.number(now_ms=NOW_MS))
    await store.phone_numbers.update(NUMBER, PhoneNumberUpdate.model_validate(fields))


async def an_agent(store: Store, engine: dict[str, object], **fields: Any) -> str:
    """The id of an agent of calls."""
    wanted = AgentCreate.model_validate({"response_engine": engine, "voice_id": "none", **fields})
    return (await store.agents.create(wanted)).agent_id


async def a_chat_agent(store: Store, engine: dict[str, object], **fields: Any) -> str:
    """The id of a chat agent."""
    return (await store.agents.create(ChatAgentCreate.model_validate({"response_engine": engine, **fields}))).agent_id


def bound(agent_id: str) -> dict[str, Any]:
    """Of a number: who answers texts to it."""
    return {"inbound_sms_agents": [{"agent_id": agent_id, "weight": 1}]}


async def the_chats(store: Store) -> list[Chat]:
    """All, the oldest first."""
    return list((await store.chats.list(ascending=True)).chats)


def written(chat: Chat) -> list[str]:
    """What both sides wrote."""
    return [item.content for item in chat.message_with_tool_calls or () if item.role in ("user", "agent")]
