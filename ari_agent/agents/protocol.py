"""What the client role of an audio protocol offers: TwilioClient and WebClient. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ari_agent.agents.message import AgentMessage


class AgentProtocol(Protocol):
    """Turns what happens in a call into messages for the agent, and the agent's messages into values."""

    @property
    def audio_is_binary(self) -> bool:
        """Whether audio travels in binary messages."""

    def opening(self) -> Sequence[bytes]:
        """The first messages."""

    def closing(self) -> Sequence[bytes]:
        """The last messages."""

    def audio(self, payload: bytes) -> bytes:
        """The caller's audio as a message."""

    def dtmf(self, digit: str, duration_ms: int) -> bytes:
        """A key the caller pressed."""

    def mark(self, name: str) -> bytes:
        """A mark was reached."""

    def control(self, message: Mapping[str, object]) -> bytes:
        """An answer to call control."""

    def pong(self) -> bytes:
        """The answer to an application ping."""

    def read_audio(self, text: bytes, /) -> bytes | None:
        """The audio in a plain text message, or None."""

    def read_text(self, text: bytes) -> AgentMessage:
        """Any text message. Raises: AgentCorruptPayload."""

    def read_binary(self, data: bytes) -> AgentMessage:
        """Any binary message. Raises: AgentCorruptPayload."""
