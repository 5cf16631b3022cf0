"""What was said and done during a call (Retell, Get Call and Audio WebSocket, 2026-08)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from ari_agent.contract.parsing.model import ContractModel, Count, Flag, JsonObject, Many, Number

MAX_UTTERANCES: Final = 5_000
"""The limit for one transcript: more than 40 utterances a minute in the longest call."""
MAX_WORDS: Final = 10_000
"""The limit of words with times in one transcript: an hour of speech; reading each takes time from all calls."""


class Word(ContractModel):
    """A spoken word. start, end: when it was spoken, in seconds since the call began."""

    word: str | None = None
    start: Number | None = None
    end: Number | None = None


class UtteranceMetadata(ContractModel):
    """Which response or interruption an utterance belongs to, and how it was made."""

    response_id: Count | None = None
    interrupt_id: Count | None = None
    is_backchannel: Flag | None = None
    backup_model_used: JsonObject | None = None


class Utterance(ContractModel):
    """What one side said in one turn."""

    role: Literal["agent", "user", "transfer_target"]
    content: str
    words: Many[Word] = ()
    metadata: UtteranceMetadata | None = None


class ToolInvocation(ContractModel):
    """A tool call. arguments: a JSON object as text."""

    role: Literal["tool_call_invocation"]
    tool_call_id: str
    name: str
    arguments: str
    type: str | None = None
    thought_signature: str | None = None


class ToolResult(ContractModel):
    """The result of a tool call. content: what the tool answered."""

    role: Literal["tool_call_result"]
    tool_call_id: str
    content: str
    successful: Flag | None = None


def _without_slow_parts(given: object) -> object:
    """The utterances without what takes long to validate: the times of too many words, and JSON of any depth."""
    if not isinstance(given, list):
        return given
    words = (utterance.get("words") for utterance in given if isinstance(utterance, dict))
    slow = {"metadata"}
    if sum(len(several) for several in words if isinstance(several, list)) > MAX_WORDS:
        slow.add("words")
    return [
        {key: value for key, value in utterance.items() if key not in slow}
        if isinstance(utterance, dict) and not slow.isdisjoint(utterance)
        else utterance
        for utterance in given
    ]


class TranscriptUpdate(ContractModel):
    """The transcript so far, as the agent of a call in progress sends it; each update replaces the one before.

    transcript: at most MAX_UTTERANCES utterances; with more than MAX_WORDS words, the times of words are dropped.
    turntaking: whose turn begins.
    """

    transcript: Annotated[Many[Utterance], Field(max_length=MAX_UTTERANCES), BeforeValidator(_without_slow_parts)]
    turntaking: Literal["agent_turn", "user_turn"] | None = None


_SPEAKERS: Final[Mapping[str, str]] = {"agent": "Agent", "user": "User", "transfer_target": "Transfer Target"}


def as_text(utterances: Iterable[Utterance]) -> str:
    """The transcript as text, with one line such as `Agent: Hello.` for each utterance."""
    return "".join(f"{_SPEAKERS[utterance.role]}: {utterance.content}\n" for utterance in utterances)


class ToolCallInvocation(ToolInvocation):
    """A tool call of the agent in a phone or web call."""

    metadata: JsonObject | None = None


class ToolCallResult(ToolResult):
    """The result of a tool call in a phone or web call. latency_ms: how long the tool took, if known."""

    latency_ms: Number | None = None


class NodeTransition(ContractModel):
    """A conversation flow moved from one node to another."""

    role: Literal["node_transition"]
    former_node_id: str
    former_node_name: str
    new_node_id: str
    new_node_name: str
    transition_type: Literal["global", "global_go_back", "interrupt_go_back", "normal"] | None = None


class Dtmf(ContractModel):
    """The caller pressed a key: one DTMF digit."""

    role: Literal["dtmf"]
    digit: str


class Multimedia(ContractModel):
    """A picture or another file of a text message."""

    url: str
    summary: str | None = None


class Sms(ContractModel):
    """A text message during a call. time_sec: when it was sent, in seconds since the call began."""

    role: Literal["sms"]
    content: str
    time_sec: Number
    multimedia: Many[Multimedia] | None = None


class Injected(ContractModel):
    """Context that the API added to a call. time_sec: when it was added, in seconds since the call began."""

    role: Literal["injected"]
    content: str
    time_sec: Number


TranscriptItem = Annotated[
    Utterance | ToolCallInvocation | ToolCallResult | NodeTransition | Dtmf | Sms | Injected,
    Field(discriminator="role"),
]
"""An entry of transcript_with_tool_calls, whose `role` says which kind it is."""
