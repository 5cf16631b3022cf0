"""The tools of a prompt as a model is told of them, and the arguments that it calls them with. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from ari_agent.contract.llm_tools import (
    CustomTool,
    EndCallTool,
    ExtractVariablesTool,
    LlmTool,
    PressDigitTool,
    TransferCallTool,
)
from ari_agent.contract.parsing.json_text import MalformedJson, parse_json
from ari_agent.contract.retell_llm import TRANSITION, StateEdge

MESSAGE: Final = "execution_message"
"""The argument in which the model says what the caller hears while a tool runs."""
DIGITS: Final = "digit"
NUMBER: Final = "number"
MAX_VALUE: Final = 4096
"""Characters of a variable that is found in a conversation."""

_DEFAULT_MESSAGE: Final = "What you say to the user while this is done, in one short sentence."
_DESCRIPTIONS: Final[Mapping[type, str]] = {
    EndCallTool: "End the call.",
    TransferCallTool: "Transfer the call to somebody else.",
    PressDigitTool: "Press keys of a phone menu.",
    ExtractVariablesTool: "Note what the user has told.",
}


def tool_spec(tool: LlmTool, fill: Callable[[str], str]) -> dict[str, Any]:
    """Return the tool as the chat completions API describes one. fill: replaces the variables in its texts."""
    schema = _schema(tool, fill)
    if tool.speak_during_execution and tool.execution_message_type == "prompt":
        said = fill(tool.execution_message_description) or _DEFAULT_MESSAGE
        schema["properties"] = {MESSAGE: {"type": "string", "description": said}, **schema["properties"]}
        schema["required"] = [MESSAGE, *schema.get("required", ())]
    return _function(tool.name, fill(tool.description) or _DESCRIPTIONS.get(type(tool), ""), schema)


def edge_spec(edge: StateEdge, fill: Callable[[str], str]) -> dict[str, Any]:
    """Return the tool that takes an edge to another state."""
    schema = _filled(edge.parameters, fill)
    return _function(TRANSITION + edge.destination_state_name, fill(edge.description), schema)


def as_function(name: str, description: str) -> dict[str, Any]:
    """Return a tool without arguments, as the chat completions API describes one."""
    return _function(name, description, _object({}))


def read_arguments(text: str) -> dict[str, Any] | None:
    """Return the arguments that a model wrote, without those that are null; None where they are no JSON object."""
    try:
        given = parse_json((text or "{}").encode())
    except MalformedJson:
        return None
    return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else None


def as_variables(values: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Return values as dynamic variables, which are texts. names: those that are wanted."""
    return {
        name: (value if isinstance(value, str) else json.dumps(value))[:MAX_VALUE]
        for name, value in values.items()
        if name in names
    }


def _function(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _schema(tool: LlmTool, fill: Callable[[str], str]) -> dict[str, Any]:
    match tool:
        case TransferCallTool(inferred=inferred) if inferred:
            return _object({NUMBER: {"type": "string", "description": fill(inferred.prompt)}})
        case PressDigitTool():
            return _object({DIGITS: {"type": "string", "description": "The keys: 0 to 9, * and #."}})
        case CustomTool():
            return _filled(tool.parameters, fill)
        case ExtractVariablesTool():
            return _object(
                {variable.name: _variable(variable, fill) for variable in tool.variables},
                [variable.name for variable in tool.variables if variable.required],
            )
        case _:
            return _object({})


def _variable(variable: Any, fill: Callable[[str], str]) -> dict[str, Any]:
    described = {"description": fill(variable.description)}
    if variable.type == "enum":
        return {"type": "string", "enum": list(variable.choices), **described}
    return {"type": variable.type, **described}


def _object(properties: Mapping[str, Any], required: Sequence[str] | None = None) -> dict[str, Any]:
    wanted = list(properties) if required is None else list(required)
    return {"type": "object", "properties": dict(properties), "required": wanted}


def _filled(schema: Mapping[str, Any] | None, fill: Callable[[str], str]) -> dict[str, Any]:
    """Return a schema with the variables of its descriptions filled in."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: fill(inner) if name == "description" and isinstance(inner, str) else walk(inner)
                for name, inner in value.items()
            }
        return [walk(inner) for inner in value] if isinstance(value, list) else value

    return {"properties": {}, **walk(schema)} if schema else _object({})
