"""What is refused when an agent is to answer by a prompt or flow that is not there: its calls would all fail."""

from __future__ import annotations

from aiohttp import web

from ari_agent.api.body import unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.contract.response_engine import PromptEngine, ResponseEngine


async def refuse_missing_engine(request: web.Request, engine: ResponseEngine | None) -> None:
    """Refuse a prompt or flow that is not there, or not in this version; None, of an update, is not refused.

    Where no model is set up, agents with one are kept as they come, and take no calls.

    Raises:
        ApiError: 422, as Retell answers for what there is not; says which.
    """
    dependencies = request.app[DEPENDENCIES]
    if not isinstance(engine, PromptEngine) or not (dependencies.has_prompts or dependencies.has_realtime):
        return
    if missing := await missing_engine(request, engine):
        raise unknown(engine.ID, missing)


async def missing_engine(request: web.Request, engine: PromptEngine) -> str | None:
    """Return the id and version of a prompt or flow if it is not there; None: it is."""
    return await request.app[DEPENDENCIES].store.missing_engine(engine)
