"""The check of the server that analyses conversations: it is asked for the names of its models, and nothing else."""

from __future__ import annotations

from typing import Final

from ari_agent.analysis.chat_completions import CompletionFailed
from ari_agent.check.finding import Finding, ok, skipped, warning
from ari_agent.check.models import is_among
from ari_agent.check.surroundings import Surroundings
from ari_agent.errors import ConfigurationError
from ari_agent.one_line import one_line

_SHOWN: Final = 10


async def check_analysis(around: Surroundings) -> list[Finding]:
    """Ask the server whether it is there, takes the key, and has the model."""
    model = around.settings.analysis_model
    if around.list_models is None:
        return skipped("ARI_AGENT_ANALYSIS_MODEL is not set: nothing is analysed by a model")
    try:
        names = await around.list_models()
    except (CompletionFailed, ConfigurationError) as error:
        return warning(
            f"no model will analyse calls: {one_line(str(error))}",
            "check ARI_AGENT_ANALYSIS_URL, up to and including /v1, and ARI_AGENT_ANALYSIS_API_KEY",
        )
    if names is None:
        return ok(f"the server of the model {model} answers, and does not tell which models it has")
    if not is_among(model, names):
        shown = one_line(", ".join(name[:60] for name in names[:_SHOWN]))
        return warning(
            f"the server of analyses does not name the model {model} among its {len(names)}: {shown}",
            "set ARI_AGENT_ANALYSIS_MODEL to one that it has",
        )
    return ok(f"the server of the model {model} has it")
