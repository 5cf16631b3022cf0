"""Which agents of calls are models that hear and speak themselves, and what those of all calls share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ari_agent.agents.realtime import RealtimeAudio
from ari_agent.calls.media.call_media import MediaSpec
from ari_agent.calls.realtime.realtime_server import RealtimeServer
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.contract.retell_llm import LlmUpdate
from ari_agent.errors import UnservedAgent
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.prompt_agent import FindLlm
from ari_agent.prompt_agents.stored_engine import stored_engine
from ari_agent.routing.agent_choice import Serves

ANSWER_S: Final = 15.0
"""How long a model may make no progress with an answer that its caller waits for."""


@dataclass(frozen=True, slots=True)
class RealtimeAgents(RealtimeServer):
    """The server of models that hear and speak, and what else their calls share.

    audio: how sound travels. transcription_model: writes down what callers say; "" for none. functions, find: as for
    models that write. answer_s: how long an answer may make no progress.
    """

    functions: CustomFunctions
    find: FindLlm
    audio: RealtimeAudio = "pcmu"
    transcription_model: str = ""
    answer_s: float = ANSWER_S


async def with_speaking_model(spec: MediaSpec, realtime: RealtimeAgents | None, *, serves_text: Serves) -> MediaSpec:
    """Return a specification with the prompt of an agent whose model speaks itself; any other stays as it is.

    serves_text: which engines can take calls without such a model.

    Raises:
        AgentUnreachable: the prompt is not there.
        UnservedAgent: its model writes, and nothing is set up here for such models.
    """
    engine = spec.engine
    if realtime is None or not isinstance(engine, RetellLlmEngine):
        return spec
    llm = await stored_engine(realtime.find, engine, LlmUpdate)
    if llm.s2s_model:
        return replace(spec, realtime=llm)
    if engine.type not in serves_text:
        agent_id = spec.agent.agent_id if spec.agent else ""
        raise UnservedAgent(
            agent_id,
            engine.type,
            "takes no calls; set ARI_AGENT_LLM_MODEL, or name a model that speaks in its prompt's s2s_model",
        )
    return spec
