"""What an audio agent may say, whichever protocol carries it, and what it is told about its call. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferRequest
from ari_agent.contract.parsing.json_text import MalformedJson, parse_json
from ari_agent.contract.recording import RecordingRequest
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.contract.transfer_progress import TransferDecision
from ari_agent.errors import AgentCorruptPayload

QUEUED_AUDIO_S: Final = 600
"""How much agent audio may wait for its caller (media/playout.py), and so the longest that one message may hold."""
_MESSAGE_BYTES_BESIDE_AUDIO: Final = 64 * 1024

MAX_MARK_NAME_CHARACTERS: Final = 1024


ControlRequest: TypeAlias = TransferRequest | TransferDecision | HangupRequest | DtmfRequest | RecordingRequest
"""What an agent may ask of its call."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What an agent is told about its call when its websocket opens.

    metadata: any JSON value, or None. reconnected: it had a websocket of this call before, which was lost.
    """

    call_id: str
    from_number: str
    to_number: str
    direction: str
    dynamic_variables: Mapping[str, str] = field(default_factory=dict)
    metadata: object | None = None
    reconnected: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """The base of what one protocol alone can tell, and its own leg of a call understands."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of agent audio, in the encoding and rate that the protocol was set up with.

    before: is told first, such as what the audio belongs to.
    """

    payload: bytes
    before: Told | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A name for a place in the audio: it comes back when all audio before it has been heard, or was cleared."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """The agent drops its audio that has not been heard yet, because the caller interrupted."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The agent sent an application ping, which is to be answered with a pong."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call control request of the agent: transfer, hang up, DTMF, pause the recording, go on with a transfer."""

    request: ControlRequest


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that cannot be done as it was written.

    event: which; message: what was wrong and what would be right.
    """

    event: str
    message: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message whose event this version does not know, because protocols grow. event: at most 80 characters."""

    event: str


@dataclass(frozen=True, slots=True)
class ScreenMessage:
    """A `metadata` message for the screen of a web call's user. text: the whole message, forwarded as it is."""

    event: str
    text: bytes


@dataclass(frozen=True, slots=True)
class TranscriptMessage:
    """What was said so far. text: the same for the user's screen, as Retell's web client reads it."""

    update: TranscriptUpdate
    text: bytes


AgentMessage: TypeAlias = (
    Audio | Mark | Clear | Ping | Asked | Refused | ScreenMessage | TranscriptMessage | Told | Ignored
)


def max_message_bytes(bytes_per_s: int, *, in_base64: bool) -> int:
    """Return the size of the largest message that is taken from an agent: QUEUED_AUDIO_S of audio and 64 KiB.

    bytes_per_s: of audio in the connection's encoding and rate.
    """
    audio_bytes = QUEUED_AUDIO_S * bytes_per_s
    return (audio_bytes * 4 // 3 if in_base64 else audio_bytes) + _MESSAGE_BYTES_BESIDE_AUDIO


def read_object(text: bytes) -> dict[str, object]:
    """Read a text message as a JSON object. Raises: AgentCorruptPayload."""
    try:
        message = parse_json(text)
    except MalformedJson as error:
        raise AgentCorruptPayload(f"a text message is {error}") from None
    if not isinstance(message, dict):
        raise AgentCorruptPayload("a text message is JSON but no object")
    return message


def read_mark(message: Mapping[str, object]) -> Mark:
    """Read the mark in `{"event":"mark","mark":{"name":...}}`. Raises: AgentCorruptPayload."""
    match message.get("mark"):
        case {"name": str(name)} if len(name) <= MAX_MARK_NAME_CHARACTERS:
            return Mark(name)
    wanted = f"a text of at most {MAX_MARK_NAME_CHARACTERS} characters"
    raise AgentCorruptPayload(f"a mark needs mark.name, {wanted}", event="mark")


def write_object(message: Mapping[str, object]) -> bytes:
    """Write compact JSON in ASCII, which `read_object` reads back."""
    return json.dumps(message, separators=(",", ":")).encode()
