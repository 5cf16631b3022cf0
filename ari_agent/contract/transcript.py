"""What was said and done during a call (Retell, Get Call, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ari_agent.contract.model import ContractModel, Count, Flag, JsonObject, Many, Number


class Word(ContractModel):
    """start, end: seconds since the call began."""

    word: str | None = None
    start: Number | None = None
    end: Number | None = None


class UtteranceMetadata(ContractModel):
    """Where in the conversation's bookkeeping an utterance belongs."""

    response_id: Count | None = None
    interrupt_id: Count | None = None
    is_backchannel: Flag | None = None
    backup_model_used: JsonObject | None = None


class Utterance(ContractModel):
    """One turn of speech."""

    role: Literal["agent", "user", "transfer_target"]
    content: str
    words: Many[Word] = ()
    metadata: UtteranceMetadata | None = None


class ToolCallInvocation(ContractModel):
    """arguments: a JSON object as text."""

    role: Literal["tool_call_invocation"]
    tool_call_id: str
    name: str
    arguments: str
    type: str | None = None
    thought_signature: str | None = None
    metadata: JsonObject | None = None


class ToolCallResult(ContractModel):
    """What the tool answered. latency_ms: how long it took, where that is known."""

    role: Literal["tool_call_result"]
    tool_call_id: str
    content: str
    successful: Flag | None = None
    latency_ms: Number | None = None


class NodeTransition(ContractModel):
    """A conversation flow moved on."""

    role: Literal["node_transition"]
    former_node_id: str
    former_node_name: str
    new_node_id: str
    new_node_name: str
    transition_type: Literal["global", "global_go_back", "interrupt_go_back", "normal"] | None = None


class Dtmf(ContractModel):
    """The caller pressed one key."""

    role: Literal["dtmf"]
    digit: str


class Multimedia(ContractModel):
    """A picture or file of a text message."""

    url: str
    summary: str | None = None


class Sms(ContractModel):
    """time_sec: seconds since the call began."""

    role: Literal["sms"]
    content: str
    time_sec: Number
    multimedia: Many[Multimedia] | None = None


class Injected(ContractModel):
    """Context that the API added to a call in progress. time_sec: seconds since the call began."""

    role: Literal["injected"]
    content: str
    time_sec: Number


TranscriptItem = Annotated[
    Utterance | ToolCallInvocation | ToolCallResult | NodeTransition | Dtmf | Sms | Injected,
    Field(discriminator="role"),
]
"""An entry of transcript_with_tool_calls; `role` tells the kinds apart."""
