"""What was said and done during a call (Retell, Get Call and Audio WebSocket, 2026-08)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from ari_agent.contract.parsing.model import ContractModel, Count, Flag, JsonObject, Many, Number

MAX_UTTERANCES: Final = 5_000
"""Of one transcript: more than 40 a minute in the longest call."""
MAX_WORDS: Final = 10_000
"""With times, in one transcript: an hour of people who never pause. Each costs time that all calls share."""


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


class ToolInvocation(ContractModel):
    """A tool is used. arguments: a JSON object as text."""

    role: Literal["tool_call_invocation"]
    tool_call_id: str
    name: str
    arguments: str
    type: str | None = None
    thought_signature: str | None = None


class ToolResult(ContractModel):
    """What the tool answered."""

    role: Literal["tool_call_result"]
    tool_call_id: str
    content: str
    successful: Flag | None = None


def _light(given: object) -> object:
    """Without what takes long to read: the times of too many words, and JSON of any depth."""
    if not isinstance(given, list):
        return given
    words = (utterance.get("words") for utterance in given if isinstance(utterance, dict))
    heavy = {"metadata"}
    if sum(len(several) for several in words if isinstance(several, list)) > MAX_WORDS:
        heavy.add("words")
    return [
        {key: value for key, value in utterance.items() if key not in heavy}
        if isinstance(utterance, dict) and not heavy.isdisjoint(utterance)
        else utterance
        for utterance in given
    ]


class TranscriptUpdate(ContractModel):
    """What an agent tells of a call in progress: the whole transcript so far, which grows and may be corrected.

    transcript: at most MAX_UTTERANCES; times are kept of up to MAX_WORDS words, and of a longer one the text alone.
    turntaking: whose turn begins.
    """

    transcript: Annotated[Many[Utterance], Field(max_length=MAX_UTTERANCES), BeforeValidator(_light)]
    turntaking: Literal["agent_turn", "user_turn"] | None = None


_SPEAKERS: Final[Mapping[str, str]] = {"agent": "Agent", "user": "User", "transfer_target": "Transfer Target"}


def as_text(utterances: Iterable[Utterance]) -> str:
    """One line for each: `Agent: Hello.`"""
    return "".join(f"{_SPEAKERS[utterance.role]}: {utterance.content}\n" for utterance in utterances)


class ToolCallInvocation(ToolInvocation):
    """In a call."""

    metadata: JsonObject | None = None


class ToolCallResult(ToolResult):
    """In a call. latency_ms: how long it took, where that is known."""

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
