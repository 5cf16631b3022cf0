"""The call or chat that an agent with a model is for, and the end of its answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ari_agent.agents.llm import Action, LlmAgentConfig, LlmResponse
from ari_agent.agents.text_agent import Transcript
from ari_agent.prompt_agents.model import ModelStep, TokensUsed


@dataclass(frozen=True, slots=True)
class Conversation:
    """The call or chat that an agent is for.

    id: for the log. variables: returns its dynamic variables, those of the system included. details: returns the call
    object, for custom tools. is_spoken: it is no chat. listens: how the agent listens by its own settings; None in a
    chat. used: is told what each request has cost. collect: is told of variables that are found. tell: is told what the
    model is asked and answers; None: nobody wants to know. found: variables that were found before, where another
    process has led it so far. after: what was said and done before in a call that goes on; None: it begins.
    """

    id: str
    variables: Callable[[], Mapping[str, str]]
    details: Callable[[], Mapping[str, object]]
    is_spoken: bool
    listens: LlmAgentConfig | None = None
    used: Callable[[TokensUsed], None] = lambda _: None
    collect: Callable[[Mapping[str, str]], None] = lambda _: None
    tell: Callable[[ModelStep], None] | None = None
    found: Mapping[str, str] = field(default_factory=dict)
    after: Transcript | None = None


class AnswerEnd(LlmResponse):
    """The end of an answer, with what is done once it has been heard."""

    done: Action | None = None

    @property
    def action(self) -> Action | None:
        """Return what is done."""
        return self.done
