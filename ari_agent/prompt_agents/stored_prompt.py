"""The prompt that answers a call or chat: as it is stored, with what this one conversation changes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pydantic import ValidationError

from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.contract.retell_llm import LlmUpdate, RetellLlm
from ari_agent.errors import AgentUnreachable, StoreError

FindLlm: TypeAlias = Callable[[str, int | None], Awaitable[RetellLlm | None]]
"""Returns a stored prompt, by its id and version; None where there is none. May raise StoreError."""


async def prompt_of(engine: RetellLlmEngine, find: FindLlm) -> RetellLlm:
    """Return the prompt that an engine names, with its override applied.

    Raises:
        AgentUnreachable: there is no such prompt, or what this conversation changes of it does not fit.
    """
    try:
        llm = await find(engine.llm_id, engine.version)
    except StoreError as error:
        raise AgentUnreachable(f"retell-llm {engine.llm_id}", str(error)) from None
    if llm is None:
        raise AgentUnreachable(f"retell-llm {engine.llm_id}", "there is no such prompt, or not this version")
    if not (changes := engine.override):
        return llm
    try:
        return LlmUpdate.model_validate(changes).apply(llm, now_ms=llm.last_modification_timestamp)
    except ValidationError as error:
        why = f"agent_override.retell_llm: {explain(error, dict(changes), root='settings')}"
        raise AgentUnreachable(f"retell-llm {llm.llm_id}", why) from None
