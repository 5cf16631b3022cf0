"""Runs the tools of a prompt that change nothing in the call itself: states, variables, and the customer's server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.contract.llm_tools import CustomTool, ExtractVariablesTool, LlmTool
from ari_agent.contract.retell_llm import StateEdge
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.prompt_state import PromptState
from ari_agent.prompt_agents.tool_specs import MESSAGE, as_variables

_DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What a tool has come to, as the model is told. asks_again: the model is to speak about it."""

    result: str
    successful: bool = True
    asks_again: bool = True


async def run_tool(
    name: str,
    tool: LlmTool | StateEdge | None,
    given: Mapping[str, Any] | None,
    state: PromptState,
    *,
    functions: CustomFunctions,
    call: Mapping[str, object],
) -> ToolRun:
    """Run a tool that the model calls by this name; what it finds is kept in the state. Never raises.

    tool: None where there is none of the name. given: the arguments; None where the model wrote no JSON object. call:
    the call object, for the customer's server.
    """
    if tool is None or given is None:
        why = "the arguments are no JSON object" if tool else f"there is no tool {name[:64]!a} now"
        return ToolRun(f"Error: {why}", successful=False)
    match tool:
        case StateEdge():
            state.find(as_variables(given, tool.finds))
            state.move_to(tool.destination_state_name)
            return ToolRun(f"now in state {tool.destination_state_name}")
        case ExtractVariablesTool():
            state.find(as_variables(given, [variable.name for variable in tool.variables]))
        case CustomTool():
            arguments = {key: value for key, value in given.items() if key != MESSAGE}
            found = await functions.call(tool, arguments, call, state.variables)
            state.find(found.variables)
            return ToolRun(found.content, found.successful, tool.speak_after_execution)
    return ToolRun(_DONE)
