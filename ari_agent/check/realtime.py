"""Whether the server of models that hear and speak opens sessions for the agents of numbers."""

from __future__ import annotations

from ari_agent.check.each import look_at_each
from ari_agent.check.finding import Finding, Status, failed, skipped, warning
from ari_agent.check.surroundings import Surroundings
from ari_agent.endpoint import refuses_key
from ari_agent.errors import AgentError, AgentRefused

_SET_UP = "set ARI_AGENT_REALTIME_API_KEY, or ARI_AGENT_REALTIME_URL for a server of your own"


async def check_realtime(around: Surroundings) -> list[Finding]:
    """Open a session with each model, and close it at once. Asks for no answer, which may cost money."""
    agents, try_session = around.stored.speaking_models(), around.try_session
    if not agents:
        return skipped("no number has an agent whose model hears and speaks itself")
    if try_session is None:
        model, label = next(iter(agents.items()))
        what = f"{label} names the model {model}, which speaks itself, and no server of such models is set up"
        remedy = f"{_SET_UP}, or take s2s_model out of its prompt (docs/realtime-models.md)"
        if around.ask_models is None:
            return failed(what, remedy)
        return warning(f"{what}; a model that writes answers in its place", remedy)

    async def look(model: str) -> Finding:
        try:
            await try_session(model)
        except AgentRefused as error:
            setting = "ARI_AGENT_REALTIME_API_KEY" if refuses_key(error.status) else "ARI_AGENT_REALTIME_URL"
            return Finding(Status.FAILED, str(error), f"see {setting} (docs/realtime-models.md)")
        except AgentError as error:
            remedy = f"see ARI_AGENT_REALTIME_URL, and s2s_model of the prompt of {agents[model]}"
            return Finding(Status.FAILED, str(error), remedy)
        return Finding(Status.OK, f"the realtime server opens sessions with the model {model}")

    return await look_at_each(list(agents), look, label=lambda model: f"the model {model}")
