"""The messages of the custom-LLM websocket as models: what llm.py reads and writes. Pure.

Source: Retell, "LLM WebSocket" (2026-08).
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr

from ari_agent.agents.llm import (
    LlmAgentConfig,
    LlmConfig,
    LlmInterrupt,
    LlmMetadata,
    LlmRecording,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
    Turntaking,
)
from ari_agent.agents.schema.message_model import Message, MessageTable


class _Words(BaseModel):
    """What a server says, in the types that are documented; llm.py reads others as meant where it can."""

    content: StrictStr
    content_complete: StrictBool
    no_interruption_allowed: StrictBool | None = None
    end_call: StrictBool | None = None
    transfer_number: StrictStr | None = None
    show_transferee_as_caller: StrictBool | None = None
    digit_to_press: StrictStr | None = None


class Response(_Words, LlmResponse):
    """A piece of the answer to the request `response_id`; 0 is what the agent says first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"response_type": "response", "response_id": 1, "content": "Hello.", "content_complete": True}]
        }
    )

    response_type: Literal["response"] | None = None
    response_id: StrictInt


class AgentInterrupt(_Words, LlmInterrupt):
    """A piece of something that the agent says unasked, and that cuts off whoever is speaking."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"response_type": "agent_interrupt", "interrupt_id": 1, "content": "Wait.", "content_complete": True}
            ]
        }
    )

    response_type: Literal["agent_interrupt"]
    interrupt_id: StrictInt


class Config(Message):
    """Which messages the agent's server wants to get; the first message, once for each connection."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"response_type": "config", "config": {"auto_reconnect": True, "call_details": True}}]
        }
    )

    response_type: Literal["config"]
    config: LlmConfig


class Pong(Message):
    """The answer to each `ping_pong`, for a server that asked for `auto_reconnect`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"response_type": "ping_pong", "timestamp": 1700000000000}]}
    )

    response_type: Literal["ping_pong"]


class ToolCallInvocation(LlmToolInvocation):
    """The agent's server calls a tool; this goes into the transcript and nowhere else. arguments: JSON as text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"response_type": "tool_call_invocation", "tool_call_id": "t1", "name": "hours", "arguments": "{}"}
            ]
        }
    )

    response_type: Literal["tool_call_invocation"]


class ToolCallResult(LlmToolResult):
    """The result of a tool call, for the transcript; `tool_call_id` is that of the invocation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"response_type": "tool_call_result", "tool_call_id": "t1", "content": "from nine to five"}]
        }
    )

    response_type: Literal["tool_call_result"]


class UpdateAgent(Message):
    """How the agent listens from now on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"response_type": "update_agent", "agent_config": {"responsiveness": 0.8}}]}
    )

    response_type: Literal["update_agent"]
    agent_config: LlmAgentConfig


class Metadata(LlmMetadata):
    """A value for the page of a web call, which is forwarded as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"response_type": "metadata", "metadata": {"page": 2}}]})

    response_type: Literal["metadata"]


class Recording(LlmRecording):
    """Pauses the recording of the call, which is silent until it is resumed. No part of Retell's protocol."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"response_type": "recording", "action": "pause"}]})

    response_type: Literal["recording"]


class Ping(Message):
    """Sent every two seconds to a server that asked for `auto_reconnect`. timestamp: milliseconds since 1970."""

    interaction_type: Literal["ping_pong"]
    timestamp: int


class CallDetails(Message):
    """The call object of the HTTP API, once for each connection, for a server that asked for `call_details`.

    reconnected: an earlier connection of this call was lost; absent otherwise.
    """

    interaction_type: Literal["call_details"]
    call: dict[str, Any]
    reconnected: Literal[True] | None = None


class Said(Message):
    """What one side said in one turn. An entry with role `user` may stand for speech that was not understood."""

    role: Literal["agent", "user", "transfer_target"]
    content: str


class Happened(Message):
    """What was said or done: role: `agent`, `user`, `tool_call_invocation`, `dtmf` and others."""

    role: str


class SoFar(Message):
    """All that was said so far. transcript_with_tool_calls: for a server that asked for it."""

    transcript: list[Said]
    transcript_with_tool_calls: list[Happened] | None = None


class UpdateOnly(SoFar):
    """Something was said, or the turn changed; it is to be known, not to be answered."""

    interaction_type: Literal["update_only"]
    turntaking: Turntaking | None = None


class ResponseRequired(SoFar):
    """The agent is to say something; its answer has this response_id. An older request needs no answer any more."""

    interaction_type: Literal["response_required"]
    response_id: int


class ReminderRequired(SoFar):
    """The caller has been silent for long, and the agent is to say something."""

    interaction_type: Literal["reminder_required"]
    response_id: int


FROM_AGENT: Final = MessageTable(
    key="response_type",
    models={
        "response": Response,
        "config": Config,
        "ping_pong": Pong,
        "agent_interrupt": AgentInterrupt,
        "tool_call_invocation": ToolCallInvocation,
        "tool_call_result": ToolCallResult,
        "update_agent": UpdateAgent,
        "metadata": Metadata,
        "recording": Recording,
    },
    default="response",
    title="The custom-LLM websocket: messages from an agent's server",
    description="Each text message is one of these objects. One without response_type is a response.",
)
TO_AGENT: Final = MessageTable(
    key="interaction_type",
    models={
        "ping_pong": Ping,
        "call_details": CallDetails,
        "update_only": UpdateOnly,
        "response_required": ResponseRequired,
        "reminder_required": ReminderRequired,
    },
    title="The custom-LLM websocket: messages to an agent's server",
    description="Each text message is one of these objects.",
)
