"""An audio agent's protocol with somebody who watches: all goes on to the product's own, and is noted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ari_agent.agents.message import AgentMessage, Asked, Audio, Clear, Ignored, Mark, Ping, Refused
from ari_agent.agents.protocol import AgentProtocol
from ari_agent.contract.transfer_progress import TransferDecision
from ari_agent.errors import AgentCorruptPayload
from ari_agent.try_agent.wire_log import WireLog


class WatchedProtocol:
    """An AgentProtocol that stands before another one. wire: is told of every message of the agent."""

    def __init__(self, protocol: AgentProtocol, wire: WireLog) -> None:
        self._protocol, self._wire = protocol, wire
        self.audio_is_binary = protocol.audio_is_binary
        self.encoding, self.rate_hz = protocol.encoding, protocol.rate_hz
        self.max_message_bytes = protocol.max_message_bytes

    def opening(self) -> Sequence[bytes]:
        """Return the messages that open the conversation."""
        return self._protocol.opening()

    def closing(self) -> Sequence[bytes]:
        """Return the messages that end the conversation."""
        return self._protocol.closing()

    def audio(self, payload: bytes) -> bytes:
        """Return the message that carries a piece of the caller's audio."""
        self._wire.sent["media"] += 1
        return self._protocol.audio(payload)

    def dtmf(self, digit: str, duration_ms: int) -> bytes:
        """Return the message that a key was pressed."""
        self._wire.sent["dtmf"] += 1
        return self._protocol.dtmf(digit, duration_ms)

    def mark(self, name: str) -> bytes:
        """Return the message that a mark was reached."""
        self._wire.sent["mark"] += 1
        return self._protocol.mark(name)

    def control(self, message: Mapping[str, object]) -> bytes:
        """Return a message of control.py; one that tells the agent of an error tells it here as well."""
        match message:
            case {"event": "error", "error": {"event": str(event), "message": str(why)}}:
                self._wire.answered_with_error(event, why)
        self._wire.sent[str(message["event"])] += 1
        return self._protocol.control(message)

    def pong(self) -> bytes:
        """Return the answer to an application ping."""
        self._wire.sent["pong"] += 1
        return self._protocol.pong()

    def read_audio(self, text: bytes, /) -> bytes | None:
        """Return the audio of a plain text message; None when `read_text` is to read it."""
        return self._protocol.read_audio(text)

    def read_text(self, text: bytes) -> AgentMessage:
        """Read any text message. Raises: AgentCorruptPayload."""
        return self._noted(self._protocol.read_text, text, is_text=True)

    def read_binary(self, data: bytes) -> AgentMessage:
        """Read any binary message. Raises: AgentCorruptPayload."""
        return self._noted(self._protocol.read_binary, data, is_text=False)

    def _noted(self, read: Callable[[bytes], AgentMessage], given: bytes, *, is_text: bool) -> AgentMessage:
        try:
            message = read(given)
        except AgentCorruptPayload as error:
            self._wire.bad(error, given, is_text=is_text)
            raise
        match message:
            case Refused(event, why):
                self._wire.refused(event, why, given)
            case Ignored(event):
                self._wire.unknown(given, event)
            case Audio():
                self._wire.compare(given, "media")
            case _:
                self._wire.came(_kind(message))
                self._wire.compare(given, _kind(message))
        return message


def _kind(message: AgentMessage) -> str:
    match message:
        case Mark() | Clear() | Ping():
            return type(message).__name__.lower()
        case Asked(TransferDecision()):
            return "transfer"
        case Asked(request):
            return type(request).__name__.removesuffix("Request").lower()
    return "update" if type(message).__name__ == "TranscriptMessage" else "metadata"
