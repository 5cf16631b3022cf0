"""The session of a model that hears and speaks, out of its prompt and its agent's settings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ari_agent.agents.realtime import RealtimeSession
from ari_agent.contract.agent import Agent
from ari_agent.contract.retell_llm import StateEdge
from ari_agent.prompt_agents.prompt_state import PromptState
from ari_agent.prompt_agents.tool_specs import MESSAGE

_RETELLS_PREFIX: Final = "openai-"
"""Before the names of OpenAI's voices in Retell's: `openai-Alloy`."""


def session_of(state: PromptState, agent: Agent, *, transcription_model: str) -> RealtimeSession:
    """Return the session: the prompt and tools of the state, the agent's voice and language."""
    request = state.request(())
    language = agent.language if isinstance(agent.language, str) else ""
    return RealtimeSession(
        instructions=str(request.messages[0]["content"]),
        tools=[_tool(spec["function"], state) for spec in request.tools],
        voice=voice_name(agent.voice_id or ""),
        transcription_model=transcription_model,
        language=language[:2] if language[2:3] == "-" else "",
        interrupts=agent.interruption_sensitivity > 0,
    )


def voice_name(voice_id: str) -> str:
    """Return the server's name of a voice: of `openai-Alloy` it is `alloy`, and any other is its own."""
    if voice_id.lower().startswith(_RETELLS_PREFIX):
        return voice_id[len(_RETELLS_PREFIX) :].lower()
    return voice_id


def saying(text: str) -> str:
    """Return what makes the model say a text word for word."""
    return f"Say exactly the following words, in their language, and nothing else:\n{text}"


def _tool(function: Mapping[str, Any], state: PromptState) -> Mapping[str, Any]:
    """Return a tool as the realtime API describes it. What is said while it runs, the model says itself before it."""
    parameters, description = dict(function["parameters"]), str(function["description"])
    properties = dict(parameters.get("properties", {}))
    said = properties.pop(MESSAGE, None)
    match state.tool(function["name"]):
        case StateEdge() | None:
            text = ""
        case tool:
            is_static = tool.speak_during_execution and tool.execution_message_type == "static_text"
            text = state.fill(tool.execution_message_description) if is_static else ""
    if text:
        description += f" Before you call it, say: {text}"
    elif said is not None:
        description += f" Before you call it, speak to the user: {said['description']}"
    required = [name for name in parameters.get("required", ()) if name != MESSAGE]
    return {
        "type": "function",
        "name": function["name"],
        "description": description.strip(),
        "parameters": {**parameters, "properties": properties, "required": required},
    }
