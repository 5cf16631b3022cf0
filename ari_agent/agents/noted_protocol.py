"""An audio agent's protocol whose messages are noted on their way, all but audio. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ari_agent.agents.message import AgentMessage, Audio
from ari_agent.agents.protocol import AgentProtocol, TellMessage
from ari_agent.errors import AgentCorruptPayload


class NotedProtocol:
    """An AgentProtocol that stands before another one. tell: is told of every message that is not audio.

    A frame of audio costs nothing more than without it: its methods are those of the other protocol.
    """

    def __init__(self, protocol: AgentProtocol, tell: TellMessage) -> None:
        self._protocol, self._tell = protocol, tell
        self.audio_is_binary = protocol.audio_is_binary
        self.encoding, self.rate_hz = protocol.encoding, protocol.rate_hz
        self.max_message_bytes = protocol.max_message_bytes
        self.audio, self.read_audio = protocol.audio, protocol.read_audio

    def opening(self) -> Sequence[bytes]:
        """Return the messages that open the conversation."""
        return [self._sent(message) for message in self._protocol.opening()]

    def closing(self) -> Sequence[bytes]:
        """Return the messages that end the conversation."""
        return [self._sent(message) for message in self._protocol.closing()]

    def dtmf(self, digit: str, duration_ms: int) -> bytes:
        """Return the message that a key was pressed."""
        return self._sent(self._protocol.dtmf(digit, duration_ms))

    def mark(self, name: str) -> bytes:
        """Return the message that a mark was reached."""
        return self._sent(self._protocol.mark(name))

    def control(self, message: Mapping[str, object]) -> bytes:
        """Return a message of control.py as the protocol writes it."""
        return self._sent(self._protocol.control(message))

    def pong(self) -> bytes:
        """Return the answer to an application ping."""
        return self._sent(self._protocol.pong())

    def read_text(self, text: bytes) -> AgentMessage:
        """Read any text message. Raises: AgentCorruptPayload."""
        return self._received(self._protocol.read_text, text)

    def read_binary(self, data: bytes) -> AgentMessage:
        """Read any binary message. Raises: AgentCorruptPayload."""
        return self._received(self._protocol.read_binary, data)

    def _received(self, read: Callable[[bytes], AgentMessage], given: bytes) -> AgentMessage:
        try:
            message = read(given)
        except AgentCorruptPayload as error:
            self._tell("received", given, error.why)
            raise
        if not isinstance(message, Audio):
            self._tell("received", given, None)
        return message

    def _sent(self, message: bytes) -> bytes:
        self._tell("sent", message, None)
        return message
