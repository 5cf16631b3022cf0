"""OpenAI's realtime API, in the role of its client: a model that hears and speaks, behind a websocket. Pure.

Source: OpenAI, "Realtime API", client and server events (2026-11), and its beta, which compatible servers still speak.
All messages are JSON text. Which of the two a server speaks shows in its first event, `session.created`.

    we say     session.update, input_audio_buffer.append, response.create, conversation.item.create and .truncate
    it says    session.created and .updated, input_audio_buffer.*, response.*, conversation.item.*, error

Audio is G.711 mu-law at 8 kHz both ways, as it came from the telephone (`audio/pcmu`; `g711_ulaw` in the beta), or
signed 16-bit little-endian PCM at 24 kHz (`audio/pcm`; `pcm16`).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ari_agent.agents.message import AgentMessage, Audio, Ignored, read_object, write_object
from ari_agent.agents.payload import decode_payload
from ari_agent.agents.realtime_events import (
    AudioBegan,
    Dialect,
    FunctionCall,
    ResponseBegan,
    ResponseDone,
    ServerError,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    SpeechTaken,
    SpeechText,
    TextGrew,
    TextWhole,
    Unused,
)
from ari_agent.errors import AgentCorruptPayload

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""Servers repeat the whole session, whose prompt and tools are ours; audio of a minute at 24 kHz has as many bytes."""
MAX_TEXT: Final = 32 * 1024
"""Characters of one item of the conversation; what comes behind is not kept."""
MAX_CALLS: Final = 16
"""Tools that may be called in one answer."""
MAX_ARGUMENTS: Final = 64 * 1024
"""Characters of the arguments of one call."""
MAX_ID: Final = 200
_MAX_ITEMS: Final = 1000
"""Names of tools that are remembered until their arguments are there."""

RealtimeAudio = Literal["pcmu", "pcm"]
LeftOut = Literal["voice", "transcription"]
_RATES: Final[Mapping[RealtimeAudio, tuple[str, int]]] = {"pcmu": ("mulaw", 8000), "pcm": ("s16le", 24000)}
_FORMATS: Final[Mapping[RealtimeAudio, Mapping[str, Any]]] = {
    "pcmu": {"type": "audio/pcmu"},
    "pcm": {"type": "audio/pcm", "rate": 24000},
}
_BETA_FORMATS: Final[Mapping[RealtimeAudio, str]] = {"pcmu": "g711_ulaw", "pcm": "pcm16"}


@dataclass(frozen=True, slots=True)
class RealtimeSession:
    """What the model of a session is, and is told.

    tools: as the API describes them. voice: "" for the server's own. transcription_model: writes down what the caller
    says; "" for none. language: of the caller, ISO 639-1; "" where it is not known. interrupts: a caller who speaks
    silences the model.
    """

    instructions: str
    tools: Sequence[Mapping[str, Any]] = ()
    voice: str = ""
    transcription_model: str = ""
    language: str = ""
    interrupts: bool = True


class RealtimeClient:
    """Writes what a client says, and reads what the server answers; one for each connection. See AgentProtocol."""

    audio_is_binary: Final = False
    max_message_bytes: Final = MAX_MESSAGE_BYTES

    def __init__(self, audio: RealtimeAudio = "pcmu") -> None:
        self._audio: RealtimeAudio = audio
        self.encoding, self.rate_hz = _RATES[audio]
        self.dialect = Dialect.CURRENT
        self._spoken = AudioBegan("", "", 0)  # the item that audio was of last
        self._names: dict[str, str] = {}  # of tools, by the item in which the model calls them
        self._calls: dict[str, FunctionCall] = {}  # of the answer that the model gives

    # what we say

    def opening(self) -> Sequence[bytes]:
        """Return nothing: the server speaks first."""
        return ()

    def closing(self) -> Sequence[bytes]:
        """Return nothing: a session ends with its websocket."""
        return ()

    def audio(self, payload: bytes) -> bytes:
        """Return the event that carries a piece of the caller's audio."""
        return b'{"type":"input_audio_buffer.append","audio":"%b"}' % binascii.b2a_base64(payload, newline=False)

    def session(self, session: RealtimeSession, *, event_id: str, without: Collection[LeftOut] = ()) -> bytes:
        """Return the event that sets the whole session. event_id: what an error names. without: what it leaves out."""
        voice = {"voice": session.voice} if session.voice and "voice" not in without else {}
        transcription: dict[str, Any] = {}
        if session.transcription_model and "transcription" not in without:
            language = {"language": session.language} if session.language else {}
            transcription = {"model": session.transcription_model, **language}
        turns: dict[str, Any] = {"type": "server_vad", "create_response": True, "interrupt_response": True}
        if not session.interrupts:
            turns["interrupt_response"] = False
        told = _told(session)
        if self.dialect is Dialect.BETA:
            formats = {f"{side}_audio_format": _BETA_FORMATS[self._audio] for side in ("input", "output")}
            heard = {"input_audio_transcription": transcription} if transcription else {}
            told |= {"modalities": ["audio", "text"], **formats, **heard, **voice, "turn_detection": turns}
        else:
            given: dict[str, Any] = {"format": _FORMATS[self._audio], "turn_detection": turns}
            if transcription:
                given["transcription"] = transcription
            audio = {"input": given, "output": {"format": _FORMATS[self._audio], **voice}}
            told |= {"type": "realtime", "output_modalities": ["audio"], "audio": audio}
        return write_object({"type": "session.update", "event_id": event_id, "session": told})

    def retold(self, session: RealtimeSession) -> bytes:
        """Return the event that changes what the model is told, and its tools, and leaves all else as it is."""
        kind = {} if self.dialect is Dialect.BETA else {"type": "realtime"}
        return write_object({"type": "session.update", "session": {**kind, **_told(session)}})

    def response(self, instructions: str | None = None) -> bytes:
        """Return the event that makes the model speak. instructions: for this once, in place of the session's."""
        told = {"response": {"instructions": instructions}} if instructions else {}
        return write_object({"type": "response.create", **told})

    def said(self, text: str, *, role: Literal["user", "system"]) -> bytes:
        """Return the event that adds a text to the conversation, as the caller's or as ours."""
        return _item({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})

    def result(self, call_id: str, output: str) -> bytes:
        """Return the event that tells the model what a tool that it called has come to."""
        return _item({"type": "function_call_output", "call_id": call_id, "output": output})

    def truncate(self, item_id: str, content_index: int, heard_ms: int) -> bytes:
        """Return the event that tells the server how much of an item of the agent's the caller has heard."""
        place = {"item_id": item_id, "content_index": content_index, "audio_end_ms": heard_ms}
        return write_object({"type": "conversation.item.truncate", **place})

    def dtmf(self, digit: str, _duration_ms: int) -> bytes:
        """Return the event that adds a key to the conversation, which the protocol has no event for."""
        return self.said(f"Pressed Button: {digit}", role="user")

    def mark(self, _name: str) -> bytes:
        """Return nothing, because the protocol has no marks."""
        return b""

    def control(self, _message: Mapping[str, object]) -> bytes:
        """Return nothing, because a server refuses events that it does not know."""
        return b""

    def pong(self) -> bytes:
        """Return nothing, because the protocol has no pings of its own."""
        return b""

    # what it says

    def read_audio(self, _text: bytes) -> None:
        """Return None: which item audio is of is in the rest of its message."""

    def read_binary(self, data: bytes) -> AgentMessage:
        """Read JSON that came in a binary message. Raises: AgentCorruptPayload."""
        return self.read_text(data)

    def read_text(self, text: bytes) -> AgentMessage:
        """Read any event of the server's. Raises: AgentCorruptPayload."""
        message = read_object(text)
        kind = message.get("type")
        if not isinstance(kind, str):
            raise AgentCorruptPayload("an event has no type, a text")
        if read := _READ.get(kind):
            return read(self, message)
        if kind.startswith(_KNOWN):
            return Unused(kind.startswith("response."))
        return Ignored(kind[:80])

    def _session_created(self, message: Mapping[str, object]) -> AgentMessage:
        match message.get("session"):
            case {"input_audio_format": _, **rest} if "audio" not in rest:
                self.dialect = Dialect.BETA
        return SessionCreated(self.dialect)

    def _delta(self, message: Mapping[str, object]) -> AgentMessage:
        payload = message.get("delta")
        audio = decode_payload(payload) if isinstance(payload, str) else None
        if audio is None:
            raise AgentCorruptPayload("delta is not base64", event="audio")
        index = message.get("content_index")
        place = index if isinstance(index, int) and 0 <= index <= MAX_CALLS else 0
        spoken = AudioBegan(*_place(message), place)
        if spoken == self._spoken:
            return Audio(audio)
        self._spoken = spoken
        return Audio(audio, before=spoken)

    def _item_added(self, message: Mapping[str, object]) -> AgentMessage:
        match message.get("item"):
            case {"type": "function_call", "id": str(item_id), "name": str(name)}:
                if len(self._names) < _MAX_ITEMS and max(len(item_id), len(name)) <= MAX_ID:
                    self._names[item_id] = name
        return Unused(is_of_response=True)

    def _item_done(self, message: Mapping[str, object]) -> AgentMessage:
        self._keep_call(message.get("item"))
        return Unused(is_of_response=True)

    def _arguments_done(self, message: Mapping[str, object]) -> AgentMessage:
        name = message.get("name") or self._names.pop(str(message.get("item_id")), None)
        self._keep_call({**message, "type": "function_call", "name": name})
        return Unused(is_of_response=True)

    def _keep_call(self, item: object) -> None:
        """Keep a tool's call until its answer is done; some servers tell of it once, and some three times."""
        match item:
            case {"type": "function_call", "call_id": str(call_id), "name": str(name), "arguments": str(arguments)}:
                pass
            case {"type": "function_call"}:
                raise AgentCorruptPayload("a function_call needs call_id, name and arguments, texts", event="function")
            case _:
                return
        if max(len(call_id), len(name)) > MAX_ID or len(arguments) > MAX_ARGUMENTS:
            raise AgentCorruptPayload(f"a function_call of more than {MAX_ARGUMENTS} characters", event="function")
        if len(self._calls) < MAX_CALLS:
            self._calls.setdefault(call_id, FunctionCall(call_id, name, arguments))

    def _response_created(self, message: Mapping[str, object]) -> AgentMessage:
        self._calls = {}
        match message.get("response"):
            case {"id": str(response_id)} if len(response_id) <= MAX_ID:
                return ResponseBegan(response_id)
        return ResponseBegan("")

    def _response_done(self, message: Mapping[str, object]) -> AgentMessage:
        response = message.get("response")
        if not isinstance(response, dict):
            raise AgentCorruptPayload("response.done needs response, an object", event="response.done")
        output = response.get("output")
        status = str(response.get("status", "completed"))
        if status in _CALLS_COUNT:
            for item in output if isinstance(output, list) else ():
                self._keep_call(item)
        calls = tuple(self._calls.values()) if status in _CALLS_COUNT else ()
        self._calls, self._names = {}, {}
        usage = response.get("usage")
        spent = usage if isinstance(usage, dict) else {}
        details = response.get("status_details")
        return ResponseDone(
            status,
            why=_why(details.get("error") or details.get("reason")) if isinstance(details, dict) else "",
            calls=calls,
            input_tokens=_count(spent.get("input_tokens")),
            output_tokens=_count(spent.get("output_tokens")),
        )


_CALLS_COUNT: Final = frozenset({"completed", "incomplete"})
"""The ends of an answer whose tools are run: of one that the caller has interrupted none is."""


def _told(session: RealtimeSession) -> dict[str, Any]:
    return {"instructions": session.instructions, "tools": list(session.tools), "tool_choice": "auto"}


def _item(item: Mapping[str, object]) -> bytes:
    return write_object({"type": "conversation.item.create", "item": item})


def _id(message: Mapping[str, object], name: str, *, optional: bool = False) -> str:
    value = message.get(name)
    if isinstance(value, str) and len(value) <= MAX_ID:
        return value
    if optional and value is None:
        return ""
    raise AgentCorruptPayload(f"{name} must be a text of at most {MAX_ID} characters", event=str(message.get("type")))


def _place(message: Mapping[str, object]) -> tuple[str, str]:
    return _id(message, "response_id", optional=True), _id(message, "item_id")


def _text(message: Mapping[str, object], name: str) -> str:
    value = message.get(name)
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _why(error: object) -> str:
    match error:
        case {"message": str(message)}:
            return message[:MAX_TEXT]
        case {"code": str(code)} | str(code):
            return code[:MAX_TEXT]
    return ""


def _error(message: Mapping[str, object]) -> ServerError:
    error = message.get("error")
    told = error if isinstance(error, dict) else message
    code, param, about = (_text(told, name) for name in ("code", "param", "event_id"))
    return ServerError(_text(told, "message") or code or "no reason given", code, param, about)


_READ: Final[Mapping[str, Callable[[RealtimeClient, Mapping[str, object]], AgentMessage]]] = {
    "session.created": RealtimeClient._session_created,
    "session.updated": lambda _, __: SessionUpdated(),
    "error": lambda _, message: _error(message),
    "input_audio_buffer.speech_started": lambda _, message: SpeechStarted(_id(message, "item_id", optional=True)),
    "input_audio_buffer.speech_stopped": lambda _, __: SpeechStopped(),
    "input_audio_buffer.committed": lambda _, message: SpeechTaken(_id(message, "item_id", optional=True)),
    "conversation.item.input_audio_transcription.completed": (
        lambda _, message: SpeechText(_id(message, "item_id"), _text(message, "transcript").strip())
    ),
    "conversation.item.input_audio_transcription.failed": lambda _, message: SpeechText(_id(message, "item_id"), ""),
    "response.created": RealtimeClient._response_created,
    **dict.fromkeys(("response.output_audio.delta", "response.audio.delta"), RealtimeClient._delta),
    **dict.fromkeys(
        ("response.output_audio_transcript.delta", "response.audio_transcript.delta"),
        lambda _, message: TextGrew(*_place(message), _text(message, "delta")),
    ),
    **dict.fromkeys(
        ("response.output_audio_transcript.done", "response.audio_transcript.done"),
        lambda _, message: TextWhole(*_place(message), _text(message, "transcript").strip()),
    ),
    "response.output_item.added": RealtimeClient._item_added,
    "response.output_item.done": RealtimeClient._item_done,
    "response.function_call_arguments.done": RealtimeClient._arguments_done,
    "response.done": RealtimeClient._response_done,
}
_KNOWN: Final = (
    "response.",
    "conversation.",
    "input_audio_buffer.",
    "output_audio_buffer.",
    "rate_limits.",
    "session.",
)
"""How the types of events begin that change nothing here."""
