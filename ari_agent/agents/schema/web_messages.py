"""The text messages of the web audio protocol as models: what web.py reads and writes. Pure.

Source: Retell, "Audio WebSocket" (2026-08), with call control beside it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from ari_agent.agents.schema import control_messages
from ari_agent.agents.schema.message_model import Message, MessageTable


class CallFacts(Message):
    """What is known of the call, and how audio travels in both directions. metadata: of the request or webhook.

    reconnected: an earlier websocket of this call was lost; absent otherwise.
    """

    call_id: str
    from_number: str
    to_number: str
    direction: Literal["inbound", "outbound"]
    audio_encoding: Literal["s16le", "mulaw"]
    sample_rate: Annotated[int, Field(ge=8000, le=48000)]
    retell_llm_dynamic_variables: dict[str, str]
    metadata: Any = None
    reconnected: Literal[True] | None = None


class CallMetadata(Message):
    """The first message: the call begins."""

    event_type: Literal["metadata"]
    metadata: CallFacts


class Clear(Message):
    """The same as the bare word `clear`: the agent drops its audio that was not heard yet."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event": "clear"}]})

    event: Literal["clear"]


class Ping(Message):
    """The same as the bare word `ping`, which is answered with the bare word `pong`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event": "ping"}]})

    event: Literal["ping"]


class ScreenMetadata(Message):
    """A value for the page of a web call's user, which is forwarded as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event_type": "metadata", "metadata": {"page": 2}}]})

    event_type: Literal["metadata"]
    metadata: Any


FROM_AGENT: Final = MessageTable(
    key="event",
    models={"clear": Clear, "ping": Ping, "event_type metadata": ScreenMetadata, **control_messages.FROM_AGENT},
    title="The web protocol: text messages from an agent",
    description=(
        "Each text message is one of these objects, or one of the bare words clear and ping. Binary messages are audio "
        "in the encoding and rate that the first message to the agent told."
    ),
)
TO_AGENT: Final = MessageTable(
    key="event",
    models={"event_type metadata": CallMetadata, **control_messages.TO_AGENT},
    title="The web protocol: text messages to an agent",
    description=(
        "Each text message is one of these objects, the one with event_type `metadata` first, or the bare word pong. "
        "Binary messages are the caller's audio."
    ),
)
