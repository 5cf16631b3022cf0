"""Runs the tools of a prompt that change nothing in the call itself: states, variables, and the customer's server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ari_agent.contract.llm_tools import CustomTool, ExtractVariablesTool, LlmTool
from ari_agent.contract.retell_llm import StateEdge
from ari_agent.prompt_agents.custom_function import FunctionResult
from ari_agent.prompt_agents.prompt_state import PromptState
from ari_agent.prompt_agents.tool_specs import as_variables

_DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What a tool has come to, as the model is told. asks_again: the model is to speak about it. found: variables."""

    result: str
    successful: bool = True
    asks_again: bool = True
    found: Mapping[str, str] = field(default_factory=dict)


async def run_tool(
    name: str,
    tool: LlmTool | StateEdge | None,
    given: Mapping[str, Any] | None,
    state: PromptState,
    *,
    run_function: Callable[[CustomTool, Mapping[str, Any]], Awaitable[FunctionResult]],
) -> ToolRun:
    """Run a tool that the model calls by this name; what it finds is kept in the state. Never raises.

    tool: None where there is none of the name. given: the arguments; None where the model wrote no JSON object.
    run_function: asks the customer's server.
    """
    if tool is None or given is None:
        why = "the arguments are no JSON object" if tool else f"there is no tool {name[:64]!a} now"
        return ToolRun(f"Error: {why}", successful=False)
    match tool:
        case StateEdge():
            found = as_variables(given, tool.finds)
            run = ToolRun(f"now in state {tool.destination_state_name}", found=found)
        case ExtractVariablesTool():
            run = ToolRun(_DONE, found=as_variables(given, [variable.name for variable in tool.variables]))
        case CustomTool():
            told = await run_function(tool, given)
            run = ToolRun(told.content, told.successful, tool.speak_after_execution, told.variables)
        case _:
            return ToolRun(_DONE)
    state.find(run.found)
    if isinstance(tool, StateEdge):
        state.move_to(tool.destination_state_name)
    return run
