"""What is refused when an agent's voice cannot speak: it would be answered, and its callers would hear nothing."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.calls.dialogue.agent_settings import UnknownVoice
from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.response_engine import TextEngine

_CHANGED: Final = frozenset({"voice_id", "fallback_voice_ids", "response_engine"})


def refuse_unknown_voice(request: web.Request, agent: AnyAgent | AgentCreate) -> None:
    """Refuse a text agent for calls that has no voice which could speak here.

    Raises:
        UnknownVoice: 400; says which voices there are.
    """
    if isinstance(agent, Agent | AgentCreate) and isinstance(agent.response_engine, TextEngine):
        why = request.app[DEPENDENCIES].voice_refusal((agent.voice_id, *(agent.fallback_voice_ids or ())))
        if why is not None:
            raise UnknownVoice(why)


def refuse_change_to_unknown_voice(request: web.Request, before: AnyAgent | None, changes: AgentUpdate) -> None:
    """Refuse an update that gives a text agent no voice which could speak here. before: the agent as it is stored.

    An update of anything else is not refused, though the stored voice may be unknown.

    Raises:
        UnknownVoice: as `refuse_unknown_voice`.
    """
    changed = _CHANGED & changes.model_fields_set
    if changed and isinstance(before, Agent):
        given = {name: getattr(changes, name) for name in changed}
        refuse_unknown_voice(request, before.model_copy(update=given))
