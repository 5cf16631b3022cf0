"""Reads the prompt or flow that an agent answers by, with what one call changes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import ValidationError

from ari_agent.contract.model_settings import EngineVersion, ModelSettings
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.response_engine import PromptEngine
from ari_agent.errors import AgentUnreachable, StoreError

StoredT = TypeVar("StoredT", bound=EngineVersion)


async def stored_engine(
    find: Callable[[str, int | None], Awaitable[StoredT | None]], engine: PromptEngine, changes: type[ModelSettings]
) -> StoredT:
    """Return what is stored. find: returns it by id and version. changes: reads what a call changes of it.

    Raises:
        AgentUnreachable: it is not there, or what this call changes of it does not fit.
    """
    name = f"{engine.type} {engine.engine_id}"
    try:
        found = await find(engine.engine_id, engine.version)
    except StoreError as error:
        raise AgentUnreachable(name, str(error)) from None
    if found is None:
        what = "flow" if engine.type == "conversation-flow" else "prompt"
        raise AgentUnreachable(name, f"there is no such {what}, or not this version")
    if given := engine.override:
        try:
            return found.changed(changes.model_validate(given), now_ms=found.last_modification_timestamp)
        except ValidationError as error:
            part = engine.type.replace("-", "_")
            why = f"agent_override.{part}: {explain(error, dict(given), root='settings')}"
            raise AgentUnreachable(name, why) from None
    return found
