"""The messages of Twilio Media Streams as models: what twilio.py reads and writes. Pure.

Source: Twilio documentation "Media Streams - WebSocket Messages". Numbers travel as strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from ari_agent.agents.schema import control_messages
from ari_agent.agents.schema.message_model import Message, MessageTable

_NumberText = Annotated[str, Field(pattern=r"^[0-9]+$")]
_Base64 = Annotated[
    str,
    Field(pattern=r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"),
    Field(json_schema_extra={"contentEncoding": "base64"}),
]


class AgentPayload(Message):
    """Audio as base64 (RFC 4648 section 4), in the encoding and rate that `start.mediaFormat` told, of any length."""

    payload: _Base64


class AgentMedia(Message):
    """Audio of the agent, which is played after all that was sent before."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"event": "media", "streamSid": "MZ0", "media": {"payload": "//////////8="}}]}
    )

    event: Literal["media"]
    stream_sid: Annotated[str | None, Field(alias="streamSid")] = None
    media: AgentPayload


class Clear(Message):
    """The agent drops its audio that was not heard yet, because the caller interrupted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event": "clear", "streamSid": "MZ0"}]})

    event: Literal["clear"]
    stream_sid: Annotated[str | None, Field(alias="streamSid")] = None


class Connected(Message):
    """The first message: a stream will follow."""

    event: Literal["connected"]
    protocol: str
    version: str


class Numbered(Message):
    """The fields that every message but the first has. sequence_number: 1 for `start`, then one more each."""

    sequence_number: Annotated[_NumberText, Field(alias="sequenceNumber")]
    stream_sid: Annotated[str, Field(alias="streamSid")]


class MediaFormat(Message):
    """How audio travels in both directions: mu-law at 8000 Hz, or signed 16-bit little-endian (`audio/x-l16`)."""

    encoding: Literal["audio/x-mulaw", "audio/x-l16"]
    sample_rate: Annotated[int, Field(alias="sampleRate", ge=8000, le=48000)]
    channels: Literal[1]


class StartFacts(Message):
    """What is known of the call. custom_parameters: call_id, from, to, direction and the dynamic variables.

    reconnected: an earlier websocket of this call was lost; absent otherwise.
    """

    stream_sid: Annotated[str, Field(alias="streamSid")]
    account_sid: Annotated[str, Field(alias="accountSid")]
    call_sid: Annotated[str, Field(alias="callSid")]
    tracks: list[Literal["inbound"]]
    custom_parameters: Annotated[dict[str, str], Field(alias="customParameters")]
    media_format: Annotated[MediaFormat, Field(alias="mediaFormat")]
    reconnected: Literal[True] | None = None


class Start(Numbered):
    """The second message: the call begins."""

    event: Literal["start"]
    start: StartFacts


class CallerPayload(Message):
    """20 ms of the caller's audio. timestamp: milliseconds of audio that were sent before."""

    track: Literal["inbound"]
    chunk: _NumberText
    timestamp: _NumberText
    payload: _Base64


class CallerMedia(Numbered):
    """A piece of what the caller says."""

    event: Literal["media"]
    media: CallerPayload


class StopFacts(Message):
    """The ids of the call and of the account, in the message that the stream has ended."""

    account_sid: Annotated[str, Field(alias="accountSid")]
    call_sid: Annotated[str, Field(alias="callSid")]


class Stop(Numbered):
    """The last message: the call is over."""

    event: Literal["stop"]
    stop: StopFacts


_NUMBERED_CONTROL: Final[Mapping[str, type[BaseModel]]] = {
    event: create_model(model.__name__, __base__=(model, Numbered), __doc__=model.__doc__)
    for event, model in control_messages.TO_AGENT.items()
}
FROM_AGENT: Final = MessageTable(
    key="event",
    models={"media": AgentMedia, "clear": Clear, **control_messages.FROM_AGENT},
    title="Twilio Media Streams: messages from an agent",
    description="Each text message is one of these objects. Audio is base64 in `media`.",
)
TO_AGENT: Final = MessageTable(
    key="event",
    models={"connected": Connected, "start": Start, "media": CallerMedia, "stop": Stop, **_NUMBERED_CONTROL},
    title="Twilio Media Streams: messages to an agent",
    description="Each text message is one of these objects: `connected` and `start` first, `stop` last.",
)
