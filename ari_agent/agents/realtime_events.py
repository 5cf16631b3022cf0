"""What a server of OpenAI's realtime API tells, as values: one for each of its events that matters here. Pure.

Source: OpenAI, "Realtime API", server events (2026-11), with the names of the beta before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from ari_agent.agents.message import Told


class Dialect(Enum):
    """How a server wants its session described: as the API does since 2025, or as its beta did."""

    CURRENT = "realtime"
    BETA = "beta"


@dataclass(frozen=True, slots=True)
class SessionCreated(Told):
    """The server is there, and waits for the settings of the session in this dialect."""

    dialect: Dialect


@dataclass(frozen=True, slots=True)
class SessionUpdated(Told):
    """The server has taken the settings of the session."""


@dataclass(frozen=True, slots=True)
class ServerError(Told):
    """Something that we sent was refused, or the server has failed. about: the `event_id` of our event, or ""."""

    message: str
    code: str = ""
    param: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStarted(Told):
    """The caller begins to speak; what they say becomes this item."""

    item_id: str


@dataclass(frozen=True, slots=True)
class SpeechStopped(Told):
    """The caller has stopped speaking."""


@dataclass(frozen=True, slots=True)
class SpeechTaken(Told):
    """What the caller said is an item of the conversation now, and is about to be answered."""

    item_id: str


@dataclass(frozen=True, slots=True)
class SpeechText(Told):
    """What the caller said, as a recogniser beside the model has understood it; "" where it has not."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ResponseBegan(Told):
    """The model begins an answer."""

    response_id: str


@dataclass(frozen=True, slots=True)
class AudioBegan(Told):
    """The audio that follows is of this item of the agent's."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class TextGrew(Told):
    """A piece of what is said in an item of the agent's."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TextWhole(Told):
    """All that is said in an item of the agent's."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A tool that the model calls. arguments: as the model wrote them."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ResponseDone(Told):
    """An answer is complete, or has ended otherwise.

    status: `completed`, `cancelled`, `incomplete` or `failed`. why: what the server says of a failure. calls: the tools
    that the model calls in it. input_tokens, output_tokens: what it has cost; None where the server does not count.
    """

    status: str
    why: str = ""
    calls: Sequence[FunctionCall] = field(default=())
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Unused(Told):
    """An event of the protocol that changes nothing here. is_of_response: it shows that an answer goes on."""

    is_of_response: bool
