"""What the media half of a call is told of it, out of its agent's settings and the call object."""

from __future__ import annotations

from collections.abc import Mapping

from ari_agent.calls.media.call_media import MediaSpec
from ari_agent.calls.public_log.log_lines import add_agent
from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.response_engine import AudioWebsocketEngine, PromptEngine, ServedEngine
from ari_agent.routing.agent_choice import engine_for_call
from ari_agent.routing.variables import personal_engine


def new_media_spec(
    services: SessionDependencies,
    agent: Agent,
    call: Call,
    *,
    direction: CallDirection,
    variables: Mapping[str, str],
    log: PublicLog,
) -> MediaSpec:
    """Return what the media half must know of a call. direction: where the call object has none. log: gets the agent.

    Raises:
        UnservedAgent: the agent's kind takes no calls.
        AgentUnreachable: with this call's variables its URL or headers are none.
    """
    engine = personal_engine(engine_for_call(agent, serves=services.serves), variables)
    add_agent(log, engine)
    return MediaSpec(
        call_id=call.call_id,
        from_number=call.from_number or "",
        to_number=call.to_number or "",
        # A registered call goes the way that it was registered for, however it came here.
        direction=call.direction or direction,
        engine=engine,
        dynamic_variables=call.retell_llm_dynamic_variables or {},
        metadata=call.metadata,
        end_call_after_silence_ms=agent.end_call_after_silence_ms,
        allow_user_dtmf=agent.allow_user_dtmf,
        no_audio_after_s=services.no_audio_after_s,
        tells_messages=log.is_on,
        agent=agent,
        call=call,
        variables=variables if isinstance(engine, PromptEngine) else {},
        redial_s=_redial_s(engine, services.agent_redial_s),
    )


def _redial_s(engine: ServedEngine, usual_s: float) -> float:
    """Return how long the agent is dialled again that is lost in mid-call. usual_s: where it does not say."""
    own_ms = engine.audio_websocket_redial_ms if isinstance(engine, AudioWebsocketEngine) else None
    return usual_s if own_ms is None else own_ms / 1000
