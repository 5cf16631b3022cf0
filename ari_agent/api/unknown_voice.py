"""What is refused when an agent's voice cannot speak: it would be answered, and its callers would hear nothing."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.response_engine import TextEngine

_CHANGED: Final = frozenset(
    {"voice_id", "fallback_voice_ids", "response_engine", "voice_model", "language", "pronunciation_dictionary"}
)


def refuse_unknown_voice(request: web.Request, agent: AnyAgent | AgentCreate) -> None:
    """Refuse a text agent for calls that has no voice which could speak here, or not pronounce what it should.

    Raises:
        UnknownVoice: 400; says which voices there are.
        UnknownPronunciation: 400; says which word of its dictionary, and what would be right.
    """
    if isinstance(agent, Agent | AgentCreate) and isinstance(agent.response_engine, TextEngine):
        request.app[DEPENDENCIES].check_voice(agent)


def refuse_change_to_unknown_voice(request: web.Request, before: AnyAgent | None, changes: AgentUpdate) -> None:
    """Refuse an update that gives a text agent no voice which could speak here. before: the agent as it is stored.

    An update of anything else is not refused, though the stored voice may be unknown.

    Raises:
        UnknownVoice, UnknownPronunciation: as `refuse_unknown_voice`.
    """
    changed = _CHANGED & changes.model_fields_set
    if changed and isinstance(before, Agent):
        given = {name: getattr(changes, name) for name in changed}
        refuse_unknown_voice(request, before.model_copy(update=given))
