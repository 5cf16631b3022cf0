"""The text agent of a call, by the kind of its engine: a server behind a websocket, a prompt or a flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

import aiohttp

from ari_agent.agents import llm
from ari_agent.agents.llm_connection import LlmConnection, LlmEvent, ReconnectPolicy
from ari_agent.agents.text_agent import TextAgent, Transcript
from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.media.agent_leg import message_teller
from ari_agent.calls.media.call_media import MediaEvent, MediaSpec, VariablesCollected
from ari_agent.contract.agent import Agent
from ari_agent.contract.response_engine import ConversationFlowEngine, CustomLlmEngine, RetellLlmEngine, TextEngine
from ari_agent.errors import AgentUnreachable
from ari_agent.prompt_agents.conversation import Conversation
from ari_agent.prompt_agents.prompt_agents import PromptAgents


def new_text_agent(
    spec: MediaSpec,
    engine: TextEngine,
    agent: Agent,
    *,
    http: aiohttp.ClientSession,
    habits: ReconnectPolicy,
    prompts: PromptAgents | None,
    details: Callable[[], Mapping[str, object]],
    on_event: Callable[[LlmEvent], None],
    now_ms: Callable[[], int],
    tell_call: Callable[[MediaEvent], None],
    usage: SpeechUsage,
    on_round_trip: Callable[[float], None],
) -> TextAgent:
    """Make a call's text agent, which is not open yet: see TextAgent and LlmConnection.

    prompts: what agents with a model share, or None. tell_call: tells the call of variables that are found, and of
    messages, where it wants to know. usage: counts the requests to a model.

    Raises:
        AgentUnreachable: the URL of its server is none, or prompts are not served.
    """
    match engine:
        case CustomLlmEngine():
            return LlmConnection(
                http,
                _url(engine, spec.call_id),
                habits,
                details=details,
                on_event=on_event,
                now_ms=now_ms,
                tell=message_teller(spec, tell_call),
                on_round_trip=on_round_trip,
                reconnected=spec.reconnected,
            )
        case RetellLlmEngine() | ConversationFlowEngine():
            if prompts is None:
                raise AgentUnreachable(f"{engine.type} {engine.engine_id}", "no model is set up here")
            about = Conversation(
                spec.call_id,
                variables=lambda: spec.variables,
                details=details,
                is_spoken=True,
                listens=llm.LlmAgentConfig(
                    responsiveness=agent.responsiveness,
                    interruption_sensitivity=agent.interruption_sensitivity,
                    reminder_trigger_ms=agent.reminder_trigger_ms,
                    reminder_max_count=agent.reminder_max_count,
                ),
                used=usage.model_requests.append,
                collect=lambda values: tell_call(VariablesCollected(values)),
                tell=tell_call if spec.tells_messages else None,
                found=(spec.call.collected_dynamic_variables if spec.call else None) or {},
                after=_said_before(spec),
            )
            return prompts.agent(engine, about, on_event)
        case _:
            assert_never(engine)


def _said_before(spec: MediaSpec) -> Transcript | None:
    """Return what was said and done before in a call that goes on; None for one that begins."""
    if not spec.reconnected or spec.call is None:
        return None
    return [item.as_json() for item in spec.call.transcript_with_tool_calls or spec.call.transcript_object or ()]


def _url(engine: CustomLlmEngine, call_id: str) -> str:
    try:
        return llm.llm_url(engine.llm_websocket_url, call_id)
    except ValueError as error:
        raise AgentUnreachable("the agent's URL", str(error)) from None
