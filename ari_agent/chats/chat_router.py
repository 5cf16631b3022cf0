"""Routes a text message that begins a chat: number, inbound webhook, agent.

The decision is the one of calls, see routing/inbound_decision.py. Whoever is refused gets no answer, and there is no
record.

Source: Retell, "Inbound call & SMS webhook" (2026-08).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ari_agent.asterisk.messages import IncomingMessage
from ari_agent.contract.call import CallDirection
from ari_agent.contract.chat import Chat, ChatStatus, ChatType
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.inbound import ChatInbound, InboundChatWebhookRequest, InboundWebhookAnswer
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import AgentNotUsable, AriAgentError, InboundWebhookFailed, UnknownAgent
from ari_agent.routing.ab_weights import draw
from ari_agent.routing.agent_choice import TEXT_AGENTS, AgentChoice, Serves, agent_tag, prepare_for_text
from ari_agent.routing.caller_country import refused_country
from ari_agent.routing.dialled_number import dialled_candidates
from ari_agent.routing.inbound_decision import Connect, Refuse, WebhookFailed, decide, next_best
from ari_agent.routing.system_variables import ChatVariables
from ari_agent.routing.variables import render_url
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook

log = logging.getLogger(__name__)


class ChatRefused(AriAgentError):
    """The text message gets no answer; the error says why."""


class ChatRouter:
    """Decides who answers text messages that belong to no chat in progress; one object serves the whole controller.

    dice: returns a number that is uniform in [0, 1), asked once a chat. now_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        *,
        store: Store,
        inbound_webhook: InboundWebhook,
        dice: Callable[[], float],
        now_ms: Callable[[], int],
        serves: Serves = TEXT_AGENTS,
    ) -> None:
        """serves: which kinds of agents can write texts here."""
        self._serves = serves
        self._store = store
        self._inbound_webhook = inbound_webhook
        self._dice = dice
        self._now_ms = now_ms

    async def number_of(self, message: IncomingMessage) -> PhoneNumber:
        """Find the number that the message is for.

        Raises:
            ChatRefused: nobody answers there, or not to this sender.
            StoreError: the database is away.
        """
        _, number = await self._store.phone_numbers.dialled(dialled_candidates(extension=message.to_number))
        if number is None:
            raise ChatRefused(f"{message.to_number} is no registered phone number")
        if refusal := refused_country(message.from_number, number):
            raise ChatRefused(refusal.why)
        return number

    async def receive(self, message: IncomingMessage, number: PhoneNumber, chat_id: str) -> tuple[Chat, AnyAgent]:
        """Return a new chat, and the agent that leads it.

        Raises:
            ChatRefused, UnknownAgent, AgentNotUsable: nobody answers.
            StoreError: the database is away.
        """
        own = draw(number.inbound_sms_agents or (), self._dice())
        decision = decide(own, await self._ask(number, own, message, chat_id))
        if isinstance(decision, Refuse):
            raise ChatRefused(decision.why)
        agent, decision = await self._agent(decision, chat_id)
        chat = new_chat(
            chat_id=chat_id,
            chat_type=ChatType.SMS,
            agent=agent,
            chosen=decision.agent,
            now_ms=self._now_ms(),
            direction=CallDirection.INBOUND,
            from_number=message.from_number,
            to_number=number.phone_number,
            retell_llm_dynamic_variables=dict(decision.webhook_variables) or None,
            metadata=dict(decision.metadata) if decision.metadata else None,
        )
        return chat, agent

    async def _agent(self, decision: Connect, chat_id: str) -> tuple[AnyAgent, Connect]:
        """Find the agent, and apply the webhook's override; what of the webhook's answer does not work is left out.

        Returns what was left of the decision, too. Raises UnknownAgent or AgentNotUsable where nobody is left.
        """
        choice = decision.agent
        found = await self._store.agents.any(choice.agent_id, choice.version)
        try:
            return prepare_for_text(found, choice, decision.override, serves=self._serves), decision
        except (UnknownAgent, AgentNotUsable) as error:
            better = next_best(decision, error)
            if better is None:
                raise
            log.warning("%s", better[1], extra={"chat_id": chat_id})
            return await self._agent(better[0], chat_id)

    async def _ask(
        self, number: PhoneNumber, own: AgentChoice | None, message: IncomingMessage, chat_id: str
    ) -> InboundWebhookAnswer | WebhookFailed | None:
        if not number.inbound_sms_webhook_url:
            return None
        now_ms = self._now_ms()
        waiting = ChatInbound(
            chat_id=chat_id,
            agent_id=own.agent_id if own else None,
            agent_version=own.version if own else None,
            from_number=message.from_number,
            to_number=number.phone_number,
        )
        question = InboundChatWebhookRequest(event_timestamp=now_ms, chat_inbound=waiting)
        chat = Chat(
            chat_id=chat_id,
            chat_type=ChatType.SMS,
            agent_id=waiting.agent_id or "",
            chat_status=ChatStatus.ONGOING,
            direction=CallDirection.INBOUND,
            from_number=waiting.from_number,
            to_number=waiting.to_number,
        )
        known = ChatVariables(chat, timezone=None, now_ms=now_ms)
        try:
            return await self._inbound_webhook.ask_about_chat(
                render_url(number.inbound_sms_webhook_url, known), question
            )
        except InboundWebhookFailed as error:
            log.warning("%s", error)
            return WebhookFailed(str(error))


def new_chat(
    *,
    chat_id: str,
    chat_type: ChatType,
    agent: AnyAgent,
    chosen: AgentChoice,
    now_ms: int,
    **fields: object,
) -> Chat:
    """Make the chat object of a chat that begins now.

    chosen: how its agent was chosen. fields: further fields of the object; what is None is left out.
    """
    fields = {"agent_name": agent.agent_name or None, "agent_tag": agent_tag(agent, chosen.version), **fields}
    return Chat.model_validate(
        {
            "chat_id": chat_id,
            "chat_type": chat_type,
            "agent_id": agent.agent_id,
            "version": agent.version,
            "chat_status": ChatStatus.ONGOING,
            "start_timestamp": now_ms,
            "data_storage_setting": agent.data_storage_setting,
            **{name: value for name, value in fields.items() if value is not None},
        }
    )
