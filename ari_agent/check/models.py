"""Whether the server of the language model by which agents with a prompt answer can be asked, and knows the model."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ari_agent.check.finding import Finding, failed, ok, skipped, warning
from ari_agent.check.surroundings import Surroundings
from ari_agent.errors import AriAgentError

_SHOWN: Final = 10


def is_among(model: str, names: Collection[str]) -> bool:
    """Return whether a server that tells these names of models has this one; Ollama's tag need not be given."""
    return model in names or f"{model}:latest" in names


async def check_model(around: Surroundings) -> list[Finding]:
    """Ask the server which models it has. Asks for no answer, which may cost money."""
    if around.ask_models is None:
        if agents := around.stored.prompt_agents(with_speaking=around.try_session is None):
            return failed(
                f"{agents[0]} answers by a model, and no model is set up",
                "set ARI_AGENT_LLM_MODEL, and ARI_AGENT_LLM_URL for a server of your own (docs/prompt-agents.md)",
            )
        return skipped("no number has an agent with a prompt or a flow for a model that writes")
    try:
        asked = await around.ask_models()
    except AriAgentError as error:
        return failed(str(error), "see ARI_AGENT_LLM_URL and ARI_AGENT_LLM_API_KEY (docs/prompt-agents.md)")
    if not asked.known:
        return warning(f"{asked.host} tells no list of models", "make a call to see whether it answers")
    if not is_among(asked.model, asked.known):
        known = ", ".join(asked.known[:_SHOWN])
        return failed(
            f"{asked.host} has no model {asked.model}", f"set ARI_AGENT_LLM_MODEL to one that it has: {known}"
        )
    return ok(f"{asked.host} answers, and has the model {asked.model}")
