"""What a conversation asks its text agent, whoever that is: a server behind a websocket, or a prompt of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ari_agent.agents.llm import Turntaking

Transcript: TypeAlias = Sequence[Mapping[str, Any]]
"""What was said, as a list of the JSON objects of a transcript, whole and in order."""


class TextAgent(Protocol):
    """The agent of one call or chat. What it says comes as an LlmEvent, from the event loop's thread."""

    @property
    def is_open(self) -> bool:
        """Whether it can be asked, as far as is known."""

    @property
    def wants_tool_calls(self) -> bool:
        """Whether it is to be told the transcript with tool calls beside the plain one."""

    async def open(self) -> None:
        """Make it ready to be asked, and let it begin, unless it is ready already.

        Raises:
            AgentError: it cannot be reached.
        """

    def ask(
        self, response_id: int, transcript: Transcript, with_tool_calls: Transcript | None, *, reminds: bool = False
    ) -> None:
        """Ask for an answer, which LlmResponse messages with this id bring. What was asked before is of no interest.

        with_tool_calls: if it wants them. reminds: the user has been silent for long, and has not said anything new.
        """

    def update(
        self, transcript: Transcript, with_tool_calls: Transcript | None, *, turntaking: Turntaking | None = None
    ) -> None:
        """Tell what was said, which is not to be answered. turntaking: whose turn begins."""

    async def close(self) -> None:
        """Part with it. Does nothing the second time; no event follows."""
