"""What answers for an agent: a language model of Retell's kinds, or an audio websocket of the customer's own."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from ari_agent.contract.parsing.model import INTEGRAL, ContractModel, Count, Identifier, JsonObject, Many, StringMap
from ari_agent.contract.parsing.url import WebsocketUrl

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_RESERVED: Final = frozenset({"host", "connection", "upgrade", "content-length", "transfer-encoding"})
"""Headers that the websocket handshake sets itself (RFC 6455 section 4.1), besides Sec-WebSocket-*."""


def _handshake_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"header name {name[:40]!r} must be letters, digits and -")
        if name.lower() in _RESERVED or name.lower().startswith("sec-websocket-"):
            raise ValueError(f"header {name} belongs to the websocket handshake and cannot be set")
        if not _VALUE.fullmatch(value) or len(value) > 4096:
            raise ValueError(f"the value of header {name} must be printable, on one line and at most 4096 characters")
    return headers


AUTH_TOKEN: Final = "audio_websocket_auth_token"  # noqa: S105 (a field's name)
AuthToken = Annotated[str, Field(min_length=1, max_length=256)]
Subprotocol = Annotated[str, Field(pattern=rf"^{_TOKEN.pattern}$", max_length=64)]


class PromptEngine(ContractModel):
    """What answers by a model, as a prompt or a flow that is kept here says. version: None for its latest.

    override: what one call changes of it, as the part of `agent_override` for this type says; no part of the API.
    """

    ID: ClassVar[str]
    """The name of the field that says which prompt or flow it is."""

    type: str
    version: Count | None = None
    override: JsonObject | None = Field(default=None, exclude=True, repr=False)

    @property
    def engine_id(self) -> str:
        """Return the id of the prompt or flow."""
        return str(getattr(self, self.ID))


class RetellLlmEngine(PromptEngine):
    """A prompt with its model and tools."""

    ID: ClassVar[str] = "llm_id"

    type: Literal["retell-llm"]
    llm_id: Identifier


class ConversationFlowEngine(PromptEngine):
    """A flow of nodes."""

    ID: ClassVar[str] = "conversation_flow_id"

    type: Literal["conversation-flow"]
    conversation_flow_id: Identifier


class CustomLlmEngine(ContractModel):
    """A text agent, whose server speaks the custom-LLM websocket protocol."""

    type: Literal["custom-llm"]
    llm_websocket_url: WebsocketUrl


class AudioWebsocketEngine(ContractModel):
    """An audio agent: the call's audio goes to its websocket and comes back from it.

    audio_websocket_protocol: `twilio` (Media Streams messages) or `web` (Retell's binary frames).
    audio_encoding, sample_rate: the format of the audio in both directions; by default mulaw at 8000 Hz for `twilio`
    and s16le at 16000 Hz for `web`. mulaw is always 8000 Hz.
    audio_websocket_headers: sent with the handshake, for `Authorization` and the like; at most 32.
    audio_websocket_subprotocols: offered as `Sec-WebSocket-Protocol`, in order of preference; at most 8.
    audio_websocket_auth_token: signs the URL as dialled, in the header `X-Twilio-Signature`, as Twilio does with the
    account's auth token. The API never answers it: `as_json` leaves it out, and `with_token` puts it back.
    audio_websocket_redial_ms: how long an agent that is lost in mid-call is dialled again; 0: not at all, None: as long
    as the controller's settings say.
    """

    type: Literal["audio-websocket"]
    audio_websocket_url: WebsocketUrl
    audio_websocket_protocol: Literal["twilio", "web"] = "twilio"
    audio_encoding: Literal["mulaw", "s16le"] = "mulaw"
    sample_rate: Annotated[int, Field(strict=True, ge=8000, le=48000), INTEGRAL] = 8000
    audio_websocket_headers: Annotated[StringMap, AfterValidator(_handshake_headers)] | None = Field(
        default=None, repr=False, max_length=32
    )
    audio_websocket_subprotocols: Annotated[Many[Subprotocol], Field(min_length=1, max_length=8)] | None = None
    audio_websocket_auth_token: AuthToken | None = Field(default=None, exclude=True, repr=False)
    audio_websocket_redial_ms: Annotated[int, Field(strict=True, ge=0, le=60_000), INTEGRAL] | None = None

    def handshake_headers(self) -> dict[str, str]:
        """Return the headers that the agent wants with the websocket's handshake."""
        offered = ", ".join(self.audio_websocket_subprotocols or ())
        wanted = {"Sec-WebSocket-Protocol": offered} if offered else {}
        return wanted | (self.audio_websocket_headers or {})

    @model_validator(mode="before")
    @classmethod
    def _fill_in_audio(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        engine = dict(given)
        web = engine.get("audio_websocket_protocol") == "web"
        encoding = engine.setdefault("audio_encoding", "s16le" if web else "mulaw")
        engine.setdefault("sample_rate", 16000 if web and encoding == "s16le" else 8000)
        return engine

    @model_validator(mode="after")
    def _check_audio(self) -> AudioWebsocketEngine:
        if self.audio_encoding == "mulaw" and self.sample_rate != 8000:
            raise ValueError(f"sample_rate must be 8000 for mulaw, not {self.sample_rate}")
        return self


ResponseEngine = Annotated[
    RetellLlmEngine | CustomLlmEngine | ConversationFlowEngine | AudioWebsocketEngine, Field(discriminator="type")
]
"""What answers for an agent; `type` says which kind it is."""
TextEngine = CustomLlmEngine | RetellLlmEngine | ConversationFlowEngine
"""What answers in text: it is listened and spoken for in calls."""
ServedEngine = AudioWebsocketEngine | TextEngine
"""What can take a call here."""


def with_token(document: dict[str, Any], engine: ResponseEngine | None) -> dict[str, Any]:
    """Return an object's JSON with the auth token in its `response_engine`, for the database and for copies of it."""
    token = engine.audio_websocket_auth_token if isinstance(engine, AudioWebsocketEngine) else None
    if token is not None and isinstance(document.get("response_engine"), dict):
        document["response_engine"] = {**document["response_engine"], AUTH_TOKEN: token}
    return document
