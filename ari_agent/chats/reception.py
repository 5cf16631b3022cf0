"""What happens when a text message begins a chat: number, inbound webhook, agent.

Source: Retell, "Inbound call & SMS webhook" (2026-08). The decision is the one of calls, see `calls.routing`; who is
refused gets no answer, and there is no record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from ari_agent.asterisk.messages import IncomingMessage
from ari_agent.calls.routing import AgentChoice, Refuse, WebhookFailed, decide, draw, number_spellings
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import CallDirection
from ari_agent.contract.chat import Chat, ChatStatus, ChatType
from ari_agent.contract.explain import explain
from ari_agent.contract.inbound import ChatInbound, InboundChatWebhookRequest, InboundWebhookAnswer
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.response_engine import CustomLlmEngine
from ari_agent.errors import AriAgentError, ChatNotStarted, InboundWebhookFailed
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook

log = logging.getLogger(__name__)


class ChatRefused(AriAgentError):
    """The message gets no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class ChatArrival:
    """A chat and the agent that leads it. is_new: it has no record yet."""

    chat: Chat
    agent: Agent
    is_new: bool


class ChatReception:
    """Receives text messages that belong to no chat in progress; one for all.

    dice: uniform in [0, 1), drawn once a chat. now_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        *,
        store: Store,
        inbound_webhook: InboundWebhook,
        dice: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._inbound_webhook = inbound_webhook
        self._dice = dice
        self._now_ms = now_ms

    async def receive(self, message: IncomingMessage, chat_id: str) -> ChatArrival:
        """The chat that the message belongs to: one that an earlier run of this process led, or a new one.

        Raises:
            ChatRefused: nobody answers.
            StoreError: the database is away.
        """
        number = await self._store.phone_numbers.find(number_spellings(message.to_number))
        if number is None:
            raise ChatRefused(f"{message.to_number} is no registered phone number")
        earlier = await self._store.chats.ongoing_between(number.phone_number, number_spellings(message.from_number))
        if earlier:
            agent = await self._store.agents.get(earlier.agent_id, earlier.version)
            if agent:
                return ChatArrival(earlier, agent, is_new=False)
        own = draw(number.inbound_sms_agents or (), self._dice())
        decision = decide(own, await self._ask(number, own, message, chat_id))
        if isinstance(decision, Refuse):
            raise ChatRefused(decision.why)
        agent = await self._agent(decision.agent)
        if decision.override:
            try:
                agent = decision.override.apply(agent)
            except ValidationError as error:
                raise ChatRefused(f"agent_override does not fit agent {agent.agent_id}: {explain(error)}") from None
        check_writes(agent)
        chat = new_chat(
            chat_id=chat_id,
            chat_type=ChatType.SMS,
            agent=agent,
            now_ms=self._now_ms(),
            direction=CallDirection.INBOUND,
            from_number=message.from_number,
            to_number=number.phone_number,
            retell_llm_dynamic_variables=dict(decision.webhook_variables) or None,
            metadata=dict(decision.metadata) if decision.metadata else None,
        )
        return ChatArrival(chat, agent, is_new=True)

    async def _ask(
        self, number: PhoneNumber, own: AgentChoice | None, message: IncomingMessage, chat_id: str
    ) -> InboundWebhookAnswer | WebhookFailed | None:
        if not number.inbound_sms_webhook_url:
            return None
        question = InboundChatWebhookRequest(
            event_timestamp=self._now_ms(),
            chat_inbound=ChatInbound(
                chat_id=chat_id,
                agent_id=own.agent_id if own else None,
                agent_version=own.version if own else None,
                from_number=message.from_number,
                to_number=number.phone_number,
            ),
        )
        try:
            return await self._inbound_webhook.ask_about_chat(number.inbound_sms_webhook_url, question)
        except InboundWebhookFailed as error:
            log.warning("%s", error)
            return WebhookFailed(str(error))

    async def _agent(self, choice: AgentChoice) -> Agent:
        agent = await self._store.agents.get(choice.agent_id, choice.version)
        if agent is None:
            version = "" if choice.version is None else f" version {choice.version}"
            raise ChatRefused(f"agent {choice.agent_id}{version} does not exist")
        return agent


def check_writes(agent: Agent) -> None:
    """Raises ChatNotStarted if the agent is of a kind that writes no text."""
    if not isinstance(agent.response_engine, CustomLlmEngine):
        raise ChatNotStarted(
            f"agent {agent.agent_id} has a response_engine of type {agent.response_engine.type}, which writes no text; "
            "use custom-llm"
        )


def new_chat(*, chat_id: str, chat_type: ChatType, agent: Agent, now_ms: int, **fields: object) -> Chat:
    """The chat object of a chat that begins now. What is None is left out."""
    return Chat.model_validate(
        {
            "chat_id": chat_id,
            "chat_type": chat_type,
            "agent_id": agent.agent_id,
            "version": agent.version,
            "chat_status": ChatStatus.ONGOING,
            "start_timestamp": now_ms,
            "data_storage_setting": agent.data_storage_setting,
            **({"agent_name": agent.agent_name} if agent.agent_name else {}),
            **{name: value for name, value in fields.items() if value is not None},
        }
    )
