"""What the tools that end an answer have a call do: hang up, transfer, press keys. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from ari_agent.agents.llm import Action, EndCall, PressDigits, TransferTo
from ari_agent.contract.call_control import DtmfRequest
from ari_agent.contract.llm_tools import EndCallTool, PressDigitTool, TransferCallTool
from ari_agent.contract.parsing.explain import explain
from ari_agent.prompt_agents.tool_specs import DIGITS, NUMBER


def tool_action(
    tool: EndCallTool | TransferCallTool | PressDigitTool,
    given: Mapping[str, Any] | None,
    fill: Callable[[str], str],
) -> Action | str:
    """Return what a tool does, or what is wrong with the model's arguments, as it is told.

    given: the arguments; None where the model wrote no JSON object. fill: replaces the variables in a text.
    """
    if given is None:
        return "Error: the arguments are no JSON object"
    match tool:
        case EndCallTool():
            return EndCall()
        case PressDigitTool():
            return _digits(given)
        case TransferCallTool():
            return _transfer(tool, given, fill)


def _digits(given: Mapping[str, Any]) -> Action | str:
    try:
        return PressDigits(DtmfRequest(digits=str(given.get(DIGITS, ""))).digits)
    except ValidationError as error:
        return f"Error: {explain(error, root=DIGITS)}"


def _transfer(tool: TransferCallTool, given: Mapping[str, Any], fill: Callable[[str], str]) -> Action | str:
    try:
        request = tool.request(str(given.get(NUMBER, ""))).filled(fill)
    except ValidationError as error:
        return f"Error: {explain(error, root='transfer')}"
    return TransferTo(request.to, request.show_transferee_as_caller, request)
