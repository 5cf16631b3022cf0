"""Chats for an API without an Asterisk: everything is real but the sending, which is only written down."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from ari_agent.asterisk.messages import MessageDestination
from ari_agent.chats.chat_router import ChatRouter
from ari_agent.chats.chat_service import ChatService
from ari_agent.chats.dependencies import Analyses, ChatDependencies
from ari_agent.chats.notices import Notices
from ari_agent.pii.personal_data import FindMore
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.routing.agent_choice import PROMPT_AGENTS, TEXT_AGENTS
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook
from tests.fakes.llm_server import until

_services_made = itertools.count(1)  # a service after another makes no id twice


@dataclass
class Pens:
    """Takes messages. can_send: Asterisk is within reach."""

    can_send: bool = True
    sent: list[tuple[MessageDestination, str]] = field(default_factory=list)

    async def send(self, destination: MessageDestination, body: str) -> None:
        """Write down a message."""
        self.sent.append((destination, body))

    async def sent_by_now(self, count: int) -> None:
        """Wait until that many were sent."""
        await until(lambda: len(self.sent) >= count)


@asynccontextmanager
async def chat_service(
    store: Store,
    pens: Pens,
    *,
    now_ms: int,
    silence_ms: int = 3_600_000,
    notices: Notices | None = None,
    account_webhook_url: str | None = None,
    analyses: Analyses | None = None,
    find_more: FindMore | None = None,
    prompts: PromptAgents | None = None,
) -> AsyncIterator[ChatService]:
    """A service that writes with these."""
    ids = itertools.count(next(_services_made) * 1000)
    async with aiohttp.ClientSession() as http:
        service = ChatService(
            ChatDependencies(
                store=store,
                http=http,
                send=pens.send,
                now_ms=lambda: now_ms,
                new_message_id=lambda: f"message_{next(ids)}",
                account_webhook_url=account_webhook_url,
                notices=notices or Notices(),
                silence_ms=silence_ms,
                retry_after_s=0.01,
                analyses=analyses,
                find_more=find_more,
                prompts=prompts,
            ),
            ChatRouter(
                store=store,
                inbound_webhook=InboundWebhook(http, "key", now_ms=lambda: now_ms),
                dice=lambda: 0.0,
                now_ms=lambda: now_ms,
                serves=PROMPT_AGENTS if prompts else TEXT_AGENTS,
            ),
            app="ari_agent",
            can_send=lambda: pens.can_send,
            dice=lambda: 0.0,
            new_chat_id=lambda: f"chat_{next(ids)}",
        )
        yield service
        await service.close()
