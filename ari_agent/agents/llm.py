"""The custom-LLM websocket: JSON text messages of a text agent, as the platform reads and writes them. Pure.

Source: Retell, "LLM WebSocket" (2026-08). A message without `response_type` is a `response`; explicit nulls are taken
for what is left out; a message of the wrong types is dropped and the socket stays open. Of `response` and
`agent_interrupt`, what only speech knows (interruptions, transfers, digits) is named in `unserved` and not done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from ari_agent.errors import AgentCorruptPayload

_WEBSOCKET_SCHEMES: Final[Mapping[str, str]] = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

_Integer = Annotated[int, Field(strict=True)]
_Text = Annotated[str, Field(strict=True)]
_Flag = Annotated[bool, Field(strict=True)]


class _Received(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LlmConfig(_Received):
    """What the agent's server wants to be told."""

    auto_reconnect: _Flag | None = False
    call_details: _Flag | None = False
    transcript_with_tool_calls: _Flag | None = False


class _ConfigMessage(_Received):
    config: LlmConfig


class LlmPong(_Received):
    """The answer to a ping."""


class _Words(_Received):
    content: _Text
    content_complete: _Flag
    end_call: _Flag | None = None
    transfer_number: _Text | None = None
    digit_to_press: _Text | None = None

    @property
    def unserved(self) -> Sequence[str]:
        """What it asks for that no text conversation has."""
        return [name for name in ("transfer_number", "digit_to_press") if getattr(self, name)]


class LlmResponse(_Words):
    """A piece of the answer to the request `response_id`; 0 is the opening."""

    response_id: _Integer


class LlmInterrupt(_Words):
    """A piece of something that nobody asked for."""

    interrupt_id: _Integer


class LlmToolInvocation(_Received):
    """The agent's server uses a tool; for the record."""

    tool_call_id: _Text
    name: _Text
    arguments: _Text


class LlmToolResult(_Received):
    """What came of it."""

    tool_call_id: _Text
    content: _Text
    successful: _Flag | None = None


@dataclass(frozen=True, slots=True)
class LlmOther:
    """`update_agent` and `metadata`: for speech and for web pages. kind: its response_type."""

    kind: str


LlmMessage: TypeAlias = LlmConfig | LlmPong | LlmResponse | LlmInterrupt | LlmToolInvocation | LlmToolResult | LlmOther

_Kind: TypeAlias = (
    type[_ConfigMessage]
    | type[LlmPong]
    | type[LlmResponse]
    | type[LlmInterrupt]
    | type[LlmToolInvocation]
    | type[LlmToolResult]
)
_KINDS: Final[Mapping[str, _Kind]] = {
    "config": _ConfigMessage,
    "ping_pong": LlmPong,
    "response": LlmResponse,
    "agent_interrupt": LlmInterrupt,
    "tool_call_invocation": LlmToolInvocation,
    "tool_call_result": LlmToolResult,
}
_OTHERS: Final = frozenset({"update_agent", "metadata"})


def parse_llm_message(text: str | bytes) -> LlmMessage:
    """One message of the agent's server.

    Raises:
        AgentCorruptPayload: no JSON object, of no known kind, or with a field of the wrong type; to be dropped.
    """
    try:
        given: Any = from_json(text)
    except ValueError as error:
        raise AgentCorruptPayload(f"no JSON: {error}") from None
    if not isinstance(given, dict):
        raise AgentCorruptPayload("no JSON object")
    kind = given.get("response_type") or "response"
    if not isinstance(kind, str):
        raise AgentCorruptPayload("response_type is no text")
    if kind in _OTHERS:
        return LlmOther(kind)
    model = _KINDS.get(kind)
    if model is None:
        raise AgentCorruptPayload(f"response_type {kind[:40]!a} is unknown")
    try:
        found = model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise AgentCorruptPayload(f"{kind}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return found.config if isinstance(found, _ConfigMessage) else found


def ping(now_ms: int) -> str:
    """Every two seconds, if the server asked for `auto_reconnect`."""
    return _dump({"interaction_type": "ping_pong", "timestamp": now_ms})


def call_details(call: Mapping[str, object]) -> str:
    """Once after the connection, if the server asked for it. call: the object that stands for the call."""
    return _dump({"interaction_type": "call_details", "call": call})


def response_required(
    response_id: int,
    transcript: Sequence[Mapping[str, object]],
    with_tool_calls: Sequence[Mapping[str, object]] | None = None,
) -> str:
    """The agent is to say something. transcript: whole, never empty; with_tool_calls: if the server asked for it."""
    request: dict[str, object] = {
        "interaction_type": "response_required",
        "response_id": response_id,
        "transcript": list(transcript),
    }
    if with_tool_calls is not None:
        request["transcript_with_tool_calls"] = list(with_tool_calls)
    return _dump(request)


def llm_url(configured: str, conversation_id: str) -> str:
    """Where to dial: the id as the last segment of the path, before the query; https means wss.

    ValueError if what came of the template is no URL.
    """
    parts = urlsplit(configured)
    scheme = _WEBSOCKET_SCHEMES.get(parts.scheme.lower())
    if scheme is None or not parts.hostname:
        raise ValueError("no ws or wss URL")
    path = f"{parts.path.rstrip('/')}/{quote(conversation_id, safe='')}"
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def _dump(message: Mapping[str, object]) -> str:
    return json.dumps(message, separators=(",", ":"))
