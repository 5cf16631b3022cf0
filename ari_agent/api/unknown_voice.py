"""What is refused when an agent's voice cannot speak: it would be answered, and its callers would hear nothing."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.response_engine import ResponseEngine, RetellLlmEngine, TextEngine

_CHANGED: Final = frozenset(
    {"voice_id", "fallback_voice_ids", "response_engine", "voice_model", "language", "pronunciation_dictionary"}
)


async def refuse_unknown_voice(request: web.Request, agent: AnyAgent | AgentCreate) -> None:
    """Refuse a text agent for calls that has no voice which could speak here, or not pronounce what it should.

    A model that speaks itself has voices of its own, which its server knows.

    Raises:
        UnknownVoice: 400; says which voices there are.
        UnknownPronunciation: 400; says which word of its dictionary, and what would be right.
    """
    if not isinstance(agent, Agent | AgentCreate) or not isinstance(agent.response_engine, TextEngine):
        return
    if not await has_speaking_model(request, agent.response_engine):
        request.app[DEPENDENCIES].check_voice(agent)


async def refuse_change_to_unknown_voice(request: web.Request, before: AnyAgent | None, changes: AgentUpdate) -> None:
    """Refuse an update that gives a text agent no voice which could speak here. before: the agent as it is stored.

    An update of anything else is not refused, though the stored voice may be unknown.

    Raises:
        UnknownVoice, UnknownPronunciation: as `refuse_unknown_voice`.
    """
    changed = _CHANGED & changes.model_fields_set
    if changed and isinstance(before, Agent):
        given = {name: getattr(changes, name) for name in changed}
        await refuse_unknown_voice(request, before.model_copy(update=given))


async def has_speaking_model(request: web.Request, engine: ResponseEngine) -> bool:
    """Return whether an engine is a prompt whose model hears and speaks itself, and there is a server of such."""
    dependencies = request.app[DEPENDENCIES]
    if not dependencies.has_realtime or not isinstance(engine, RetellLlmEngine):
        return False
    llm = await dependencies.store.retell_llms.get(engine.llm_id, engine.version)
    return llm is not None and llm.s2s_model is not None
