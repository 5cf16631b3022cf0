"""What the agent was last asked, and what has come together of its answer. Pure.

What is spoken begins with the first piece; a text is sent when it is complete, and its action is due with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ari_agent.agents.llm import Action, LlmInterrupt, LlmResponse
from ari_agent.agents.llm_requests import Requests


@dataclass(frozen=True, slots=True)
class AgentText:
    """A complete text of the agent. action: what the agent wants done after it."""

    content: str
    action: Action | None = None


class Exchange:
    """Gathers the agent's text of one chat from its pieces. requests: what the agent was asked."""

    def __init__(self) -> None:
        self.requests = Requests()
        self._answer = self._interruption = _Text(0)

    def take(self, message: LlmResponse | LlmInterrupt) -> AgentText | None:
        """Take a piece of what the agent says; returns the text once it is complete.

        None: there is more to come, or nobody wants it any more.
        """
        speech = self.requests.take(message)
        if speech is None:
            return None
        if speech.interrupt_id is None:
            text = self._answer = self._answer.of(speech.turn)
        else:
            text = self._interruption = self._interruption.of(speech.turn)
        if speech.text:
            text.pieces.append(speech.text)
        if speech.may_be_last:  # in a chat there is nothing to gain by pieces
            self.requests.complete(speech.turn)
        elif not speech.complete:
            return None
        return AgentText("".join(text.pieces), self.requests.spoken(speech.turn))


class _Text:
    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.pieces: list[str] = []

    def of(self, turn: int) -> _Text:
        return self if self.turn == turn else _Text(turn)
