"""The custom-LLM websocket: JSON text messages of a text agent, as the platform reads and writes them. Pure.

Source: Retell, "LLM WebSocket" (2026-08). A message without `response_type` is a `response`; explicit nulls are taken
for what is left out; a value of another type is read as meant where it has one reading (contract/parsing/lenient.py);
any other message of the wrong types is dropped and the socket stays open. The other role is played by the demo's agent.

    ari-agent writes   ping_pong, call_details, update_only, response_required, reminder_required
    ari-agent reads    config, ping_pong, response, agent_interrupt, tool_call_invocation, tool_call_result,
                       update_agent, metadata
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, cast
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.parsing.lenient import LenientFlag, LenientInteger, LenientText, TextOrNull
from ari_agent.contract.transcript import NodeTransition
from ari_agent.errors import AgentCorruptPayload

_WEBSOCKET_SCHEMES: Final[Mapping[str, str]] = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

UNINTELLIGIBLE: Final = "(unintelligible audio)"
"""Stands in a transcript for speech of which nothing was understood."""
_NOT_UNDERSTOOD: Final = {"role": "user", "content": UNINTELLIGIBLE, "words": ()}

Turntaking: TypeAlias = Literal["agent_turn", "user_turn"]

_Text = Annotated[str, Field(strict=True)]
_Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class _Received(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LlmConfig(_Received):
    """The `config` message: which messages the agent's server wants to get.

    auto_reconnect: `ping_pong` every 2 s; a server that then falls silent is redialled. call_details: the call object,
    once.
    transcript_with_tool_calls: the transcript with tool calls beside the plain one.
    """

    auto_reconnect: LenientFlag | None = False
    call_details: LenientFlag | None = False
    transcript_with_tool_calls: LenientFlag | None = False


class _ConfigMessage(_Received):
    config: LlmConfig


class LlmPong(_Received):
    """The answer to a ping. Its timestamp is not read: servers send their own clock or an echo of ours."""


@dataclass(frozen=True, slots=True)
class EndCall:
    """The agent wants the call to be hung up."""


@dataclass(frozen=True, slots=True)
class TransferTo:
    """A transfer: a cold one, unless a request says more. number: as the agent wrote it.

    show_transferee_as_caller: whether the callee sees the user's number.
    """

    number: str
    show_transferee_as_caller: bool = False
    request: TransferRequest | None = None


@dataclass(frozen=True, slots=True)
class PressDigits:
    """DTMF to send. digits: one or more, as the agent wrote them."""

    digits: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """The agent has more to say or to do, and is to be asked again without a word of the user.

    No part of Retell's protocol.
    """


Action: TypeAlias = EndCall | TransferTo | PressDigits | GoOn
"""What is done once the content that it came with has been spoken. Its values are not checked yet."""


class _Words(_Received):
    """content_complete: None where the server does not say whether more comes."""

    content: TextOrNull = ""
    content_complete: LenientFlag | None = None
    no_interruption_allowed: LenientFlag | None = None
    end_call: LenientFlag | None = None
    transfer_number: LenientText | None = None
    show_transferee_as_caller: LenientFlag | None = None
    digit_to_press: LenientText | None = None

    @property
    def action(self) -> Action | None:
        """Return the action that counts: ending the call wins over a transfer, and a transfer over digits.

        None without any.
        """
        if self.end_call:
            return EndCall()
        if self.transfer_number:
            return TransferTo(self.transfer_number, bool(self.show_transferee_as_caller))
        return PressDigits(self.digit_to_press) if self.digit_to_press else None


class LlmResponse(_Words):
    """A piece of the answer to the request `response_id`; 0 is what the agent says first."""

    response_id: LenientInteger


class LlmInterrupt(_Words):
    """A piece of something that the agent says unasked, and that cuts off whoever is speaking."""

    interrupt_id: LenientInteger


class LlmToolInvocation(_Received):
    """The agent's server calls a tool; this goes into the transcript and nowhere else. arguments: JSON as text."""

    tool_call_id: _Text
    name: _Text
    arguments: _Text


class LlmToolResult(_Received):
    """The result of a tool call, for the transcript; `tool_call_id` is that of the invocation."""

    tool_call_id: _Text
    content: _Text
    successful: LenientFlag | None = None


class LlmAgentConfig(_Received):
    """The `update_agent` message: how the agent listens from now on; None leaves a setting as it is.

    responsiveness, interruption_sensitivity: 0..1. reminder_trigger_ms: above 0. reminder_max_count: 0 reminds never.
    """

    responsiveness: _Share | None = None
    interruption_sensitivity: _Share | None = None
    reminder_trigger_ms: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    reminder_max_count: Annotated[int, Field(strict=True, ge=0)] | None = None


class _UpdateAgentMessage(_Received):
    agent_config: LlmAgentConfig


class LlmMetadata(_Received):
    """A value for the page of a web call, which is forwarded as it is."""

    metadata: dict[str, Any]


class LlmRecording(_Received):
    """Record silence from now on (`pause`), or end that (`resume`). No part of Retell's protocol."""

    action: Literal["pause", "resume"]


LlmMessage: TypeAlias = (
    LlmConfig
    | LlmPong
    | LlmResponse
    | LlmInterrupt
    | LlmToolInvocation
    | LlmToolResult
    | LlmAgentConfig
    | LlmMetadata
    | LlmRecording
    | NodeTransition
)

_KINDS: Final[Mapping[str, type[_Received]]] = {
    "config": _ConfigMessage,
    "ping_pong": LlmPong,
    "response": LlmResponse,
    "agent_interrupt": LlmInterrupt,
    "tool_call_invocation": LlmToolInvocation,
    "tool_call_result": LlmToolResult,
    "update_agent": _UpdateAgentMessage,
    "metadata": LlmMetadata,
    "recording": LlmRecording,
}


def parse_llm_message(text: str | bytes) -> LlmMessage:
    """Read one message of the agent's server.

    Raises:
        AgentCorruptPayload: no JSON object, of no known kind, or with a field of the wrong type; to be dropped.
    """
    try:
        given: Any = from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise AgentCorruptPayload(f"no JSON: {error}") from None
    if not isinstance(given, dict):
        raise AgentCorruptPayload("no JSON object")
    kind = given.get("response_type") or "response"
    if not isinstance(kind, str):
        raise AgentCorruptPayload("response_type is no text")
    model = _KINDS.get(kind)
    if model is None:
        raise AgentCorruptPayload(f"response_type {kind[:40]!a} is unknown")
    try:
        found = model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise AgentCorruptPayload(f"{kind}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    match found:
        case _ConfigMessage(config=config):
            return config
        case _UpdateAgentMessage(agent_config=config):
            return config
    return cast(LlmMessage, found)


def ping(now_ms: int) -> str:
    """Return the `ping_pong` message, which goes out every two seconds if the server asked for `auto_reconnect`."""
    return _dump({"interaction_type": "ping_pong", "timestamp": now_ms})


def call_details(call: Mapping[str, object], *, reconnected: bool = False) -> str:
    """Return the `call_details` message, which goes out once per connection if the server asked for it.

    call: the call object of the API. reconnected: the call had a connection before, which was lost.
    """
    again = {"reconnected": True} if reconnected else {}
    return _dump({"interaction_type": "call_details", "call": call, **again})


def update_only(
    transcript: Sequence[Mapping[str, object]],
    with_tool_calls: Sequence[Mapping[str, object]] | None = None,
    *,
    turntaking: Turntaking | None = None,
) -> str:
    """Return the `update_only` message: something was said, or the turn changed; it is to be known, not to be answered.

    transcript: whole; empty before the first word. with_tool_calls: if the server asked for it. turntaking: only when
    the turn changes, `user_turn` as the user begins to speak, `agent_turn` just before the agent does.
    """
    more = {"turntaking": turntaking} if turntaking else {}
    return _dump({"interaction_type": "update_only", **_so_far(transcript, with_tool_calls), **more})


def response_required(
    response_id: int,
    transcript: Sequence[Mapping[str, object]],
    with_tool_calls: Sequence[Mapping[str, object]] | None = None,
) -> str:
    """Return the `response_required` message: the agent is to say something.

    transcript: whole; an empty one is sent as one entry of UNINTELLIGIBLE, because Retell's own servers read the last
    one. with_tool_calls: if the server asked for it.
    """
    return _request("response_required", response_id, transcript, with_tool_calls)


def reminder_required(
    response_id: int,
    transcript: Sequence[Mapping[str, object]],
    with_tool_calls: Sequence[Mapping[str, object]] | None = None,
) -> str:
    """Return the `reminder_required` message: the user has been silent for long.

    The transcripts are those of `response_required`.
    """
    return _request("reminder_required", response_id, transcript, with_tool_calls)


def llm_url(configured: str, conversation_id: str) -> str:
    """Return the URL to dial: the call's id becomes the last segment of the path, and https means wss.

    Raises: ValueError, when `configured` is no ws, wss, http or https URL with a host.
    """
    parts = urlsplit(configured)
    scheme = _WEBSOCKET_SCHEMES.get(parts.scheme.lower())
    if scheme is None or not parts.hostname:
        raise ValueError("no ws or wss URL")
    path = f"{parts.path.rstrip('/')}/{quote(conversation_id, safe='')}"
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def _request(
    interaction_type: str,
    response_id: int,
    transcript: Sequence[Mapping[str, object]],
    with_tool_calls: Sequence[Mapping[str, object]] | None,
) -> str:
    so_far = _so_far(transcript or [_NOT_UNDERSTOOD], with_tool_calls)  # Retell's own servers read its last entry
    return _dump({"interaction_type": interaction_type, "response_id": response_id, **so_far})


def _so_far(
    transcript: Sequence[Mapping[str, object]], with_tool_calls: Sequence[Mapping[str, object]] | None
) -> dict[str, object]:
    more = {} if with_tool_calls is None else {"transcript_with_tool_calls": list(with_tool_calls)}
    return {"transcript": list(transcript), **more}


def _dump(message: Mapping[str, object]) -> str:
    return json.dumps(message, separators=(",", ":"))
