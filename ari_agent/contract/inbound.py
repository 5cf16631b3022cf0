"""The inbound webhook: what is asked while the caller's phone rings, and what may be answered (Retell, 2026-08)."""

from __future__ import annotations

from typing import Literal

from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.parsing.model import (
    AgentVersionReference,
    ContractModel,
    Flag,
    Identifier,
    JsonObject,
    StringMap,
    Timestamp,
)


class CallInbound(ContractModel):
    """The ringing call that the webhook is asked about.

    agent_id, agent_version: the inbound agent that was chosen for the number; left out if the number has none.
    call_id: the id that the call will have, the same in every attempt, so that a receiver recognises repeats.
    """

    agent_id: str | None = None
    agent_version: AgentVersionReference | None = None
    call_id: str | None = None
    from_number: str
    to_number: str
    custom_sip_headers: StringMap | None = None


class ChatInbound(ContractModel):
    """The text message that the webhook is asked about.

    agent_id, agent_version: the inbound agent that was chosen for the number; left out if the number has none.
    chat_id: the id that the chat will have, the same in every attempt, so that a receiver recognises repeats.
    """

    agent_id: str | None = None
    agent_version: AgentVersionReference | None = None
    chat_id: str | None = None
    from_number: str
    to_number: str


class InboundWebhookRequest(ContractModel):
    """Body of the POST that asks about a call."""

    event: Literal["call_inbound"] = "call_inbound"
    event_timestamp: Timestamp
    call_inbound: CallInbound


class InboundChatWebhookRequest(ContractModel):
    """Body of the POST that asks about a text message."""

    event: Literal["chat_inbound"] = "chat_inbound"
    event_timestamp: Timestamp
    chat_inbound: ChatInbound


class InboundWebhookAnswer(ContractModel):
    """The decision under `call_inbound` or `chat_inbound` of an answer; every field may be left out or null.

    reject: only a literal `true` rejects. `read_answer` of inbound_answer.py makes this of what a peer wrote.
    """

    override_agent_id: Identifier | None = None
    override_agent_version: AgentVersionReference | None = None
    dynamic_variables: StringMap | None = None
    metadata: JsonObject | None = None
    agent_override: AgentOverride | None = None
    reject: Flag | None = None

    @property
    def rejects(self) -> bool:
        """Whether the call or text message is rejected."""
        return self.reject is True


class InboundWebhookBody(ContractModel):
    """The whole answer about a call. One without `call_inbound` overrides nothing."""

    call_inbound: InboundWebhookAnswer | None = None


class InboundChatWebhookBody(ContractModel):
    """The whole answer about a text message. One without `chat_inbound` overrides nothing."""

    chat_inbound: InboundWebhookAnswer | None = None
