"""What every chat needs: store, HTTP client, SIP messages, settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

from ari_agent.chats.notices import Notices
from ari_agent.chats.sender import Send
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent
from ari_agent.pii.personal_data import FindMore
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.routing.agent_choice import PROMPT_AGENTS, TEXT_AGENTS, Serves
from ari_agent.routing.dial_policy import DialRules
from ari_agent.store.chats import SILENCE_MS
from ari_agent.store.store import Store


class Analyses(Protocol):
    """The analyses of chats by a model, which come after the end of a chat."""

    def deadline_ms(self) -> int:
        """Return by when a chat that ends now is analysed, in milliseconds since 1970."""

    def wake(self) -> None:
        """Look at once which chats wait for their analysis."""


@dataclass(frozen=True, slots=True)
class ChatDependencies:
    """What every chat needs; one object serves the whole controller.

    send: hands a SIP MESSAGE to Asterisk. dial_rules: say who may be written to. new_message_id: makes `message_...`
    ids. silence_ms: how long a chat waits for the next message, where its agent does not say. retry_after_s: the pause
    between attempts to dial an agent. analyses: None where no model is set up. prompts: what agents with a prompt
    share, where a model is set up. find_more: finds personal data that is not recognised by rules.
    """

    store: Store
    http: aiohttp.ClientSession
    send: Send
    now_ms: Callable[[], int]
    new_message_id: Callable[[], str]
    account_webhook_url: str | None
    dial_rules: DialRules = field(default_factory=DialRules)
    notices: Notices = field(default_factory=Notices)
    silence_ms: int = SILENCE_MS
    retry_after_s: float = 3.0
    analyses: Analyses | None = None
    prompts: PromptAgents | None = None
    find_more: FindMore | None = None

    @property
    def serves(self) -> Serves:
        """Return which kinds of agents can write texts."""
        return PROMPT_AGENTS if self.prompts else TEXT_AGENTS

    def silence_of(self, agent: AnyAgent) -> int:
        """Return how long a chat of this agent lasts if nobody writes, in milliseconds."""
        own = agent.end_chat_after_silence_ms if isinstance(agent, ChatAgent) else None
        return own or self.silence_ms
