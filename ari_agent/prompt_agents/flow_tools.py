"""The tools that the nodes of a flow are for a model. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from ari_agent.contract.conversation_flow import ConversationFlow
from ari_agent.contract.flow_nodes import ExtractVariablesNode, FunctionNode, PressDigitNode, TransferCallNode
from ari_agent.contract.llm_tools import CustomTool, ExtractVariablesTool, LlmTool, PressDigitTool, TransferCallTool
from ari_agent.prompt_agents.tool_specs import as_function

WAIT: Final[Mapping[str, Any]] = as_function("none_of_these", "Call this when no other tool fits.")
"""What a model calls that has to choose and finds nothing to choose."""

ToolT = TypeVar("ToolT", CustomTool, TransferCallTool)


def of_function(node: FunctionNode, flow: ConversationFlow) -> CustomTool:
    """Return the tool that a function node runs, with the words of the node; its flow has it."""
    tool = next(each for each in flow.tools or () if each.tool_id == node.tool_id)
    return _with_words(tool, node)


def of_transfer(node: TransferCallNode) -> TransferCallTool:
    """Return the tool that a transfer node is."""
    fields = {name: getattr(node, name) for name in ("transfer_destination", "transfer_option", "custom_sip_headers")}
    return _with_words(TransferCallTool(type="transfer_call", name="transfer_call", **fields), node)


def of_extraction(node: ExtractVariablesNode) -> ExtractVariablesTool:
    """Return the tool that finds the variables of a node."""
    return ExtractVariablesTool(
        type="extract_dynamic_variable",
        name="extract_dynamic_variables",
        description="Note what the conversation tells.",
        variables=node.variables,
    )


def of_press(node: PressDigitNode) -> PressDigitTool:
    """Return the tool that presses keys."""
    return PressDigitTool(type="press_digit", name="press_digit", delay_ms=node.delay_ms)


def needs_model(tool: LlmTool) -> bool:
    """Return whether the model has to find something before a tool runs: its arguments, or the words meanwhile."""
    if tool.speak_during_execution and tool.execution_message_type == "prompt":
        return True
    if isinstance(tool, TransferCallTool):
        return tool.inferred is not None
    return bool(isinstance(tool, CustomTool) and (tool.parameters or {}).get("properties"))


def _with_words(tool: ToolT, node: FunctionNode | TransferCallNode) -> ToolT:
    said = node.instruction
    return tool.model_copy(
        update={
            "speak_during_execution": node.speak_during_execution,
            "execution_message_type": said.type if said else "prompt",
            "execution_message_description": said.text if said else "",
        }
    )
