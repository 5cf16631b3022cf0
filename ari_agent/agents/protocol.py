"""The interface of an audio protocol's client role: of TwilioClient, WebClient and RealtimeClient. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from ari_agent.agents.message import AgentMessage

TellMessage: TypeAlias = Callable[[Literal["received", "sent"], bytes, str | None], None]
"""Is told of a message that is not audio; with it, why a message of the agent is ignored."""


class AgentProtocol(Protocol):
    """Turns what happens in a call into messages for the agent, and the agent's messages into values."""

    @property
    def audio_is_binary(self) -> bool:
        """Return whether audio travels in binary messages."""

    @property
    def encoding(self) -> str:
        """Return how audio is written in both directions: `mulaw` or `s16le`."""

    @property
    def rate_hz(self) -> int:
        """Return the sample rate of the audio in both directions."""

    @property
    def max_message_bytes(self) -> int:
        """Return the size of the largest message that the agent may send."""

    def opening(self) -> Sequence[bytes]:
        """Return the messages that open the conversation."""

    def closing(self) -> Sequence[bytes]:
        """Return the messages that end the conversation."""

    def audio(self, payload: bytes) -> bytes:
        """Return the message that carries a piece of the caller's audio."""

    def dtmf(self, digit: str, duration_ms: int) -> bytes:
        """Return the message that a key was pressed."""

    def mark(self, name: str) -> bytes:
        """Return the message that a mark was reached."""

    def control(self, message: Mapping[str, object]) -> bytes:
        """Return a message of control.py as this protocol writes it; empty where it has none."""

    def pong(self) -> bytes:
        """Return the answer to an application ping."""

    def read_audio(self, text: bytes, /) -> bytes | None:
        """Return the audio of a plain text message; None when `read_text` is to read it."""

    def read_text(self, text: bytes) -> AgentMessage:
        """Read any text message. Raises: AgentCorruptPayload."""

    def read_binary(self, data: bytes) -> AgentMessage:
        """Read any binary message. Raises: AgentCorruptPayload."""
