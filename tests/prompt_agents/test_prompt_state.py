"""What a model is told: prompts, states, variables, tools, and what was said, out of values alone."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.contract.llm_tools import Tools
from ari_agent.contract.retell_llm import LlmCreate, RetellLlm, StateEdge
from ari_agent.prompt_agents.chat_messages import MAX_CHARACTERS, conversation, system_message, tool_round
from ari_agent.prompt_agents.model import Backup, ToolCall, ToolCallParts
from ari_agent.prompt_agents.model_steps import RequestSteps
from ari_agent.prompt_agents.prompt_state import PromptState, PromptVariables
from ari_agent.prompt_agents.tool_specs import as_variables, edge_spec, read_arguments, tool_spec


def state(variables: dict[str, str] | None = None, *, is_spoken: bool = False, **settings: Any) -> PromptState:
    return PromptState(
        RetellLlm.made(LlmCreate.model_validate(settings), "llm_1", now_ms=1),
        lambda: variables or {},
        is_spoken=is_spoken,
    )


def tools(*given: dict[str, Any]) -> Tools:
    return LlmCreate.model_validate({"general_tools": given}).general_tools or ()


def fill(text: str) -> str:
    return text.replace("{{x}}", "X")


def test_a_prompt_without_anything_is_asked_all_the_same() -> None:
    request = state().request([{"role": "user", "content": "Hi"}])
    assert list(request.messages) == [{"role": "system", "content": ""}, {"role": "user", "content": "Hi"}]
    assert (request.tools, request.model, request.backup) == ([], None, None)


def test_the_models_of_a_prompt_are_asked() -> None:
    request = state(model="m", model_temperature=0.5, backup_model={"model": "b"}).request([])
    assert (request.model, request.temperature, request.backup) == ("m", 0.5, Backup("b", 1500))


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        ({}, None),
        ({"begin_message": ""}, ""),
        ({"begin_message": "Hi {{x}}"}, "Hi X"),
        ({"begin_message": "Hi", "start_speaker": "user"}, ""),
    ],
)
def test_who_begins(settings: dict[str, Any], begins: str | None) -> None:
    assert state({"x": "X"}, **settings).begin_message == begins


def test_of_two_variables_the_later_one_wins() -> None:
    made = state({"a": "call"}, default_dynamic_variables={"a": "default", "b": "default"})
    assert made.fill("{{a}} {{b}} {{c}}") == "call default {{c}}"
    made.find({"a": "found"})
    assert made.fill("{{a}}") == "found"


def test_states_have_names_tools_and_edges() -> None:
    end = {"type": "end_call", "name": "bye"}
    states = [
        {"name": "one", "edges": [{"description": "go", "destination_state_name": "two"}]},
        {"name": "two", "state_prompt": "Two.", "tools": [end]},
    ]
    made = state(states=states, starting_state="one")
    assert (made.name, made.fill("{{current_agent_state}}")) == ("one", "one")
    assert isinstance(made.tool("transition_to_two"), StateEdge)
    assert made.tool("bye") is None
    made.move_to("two")
    assert (made.name, made.fill("{{previous_agent_state}}")) == ("two", "one")
    assert made.tool("bye") is not None
    assert made.tool("transition_to_two") is None
    assert state().name is None


def test_tools_are_described() -> None:
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": [{"description": "{{x}}"}], "description": "of {{x}}"}},
        "required": ["a"],
    }
    variables = [
        {"type": "enum", "name": "mood", "description": "{{x}}", "choices": ["good", "bad"], "required": True},
        {"type": "boolean", "name": "sure", "description": "y"},
    ]
    number = {"type": "predefined", "number": "+14155550100"}
    made = tools(
        {
            "type": "end_call",
            "name": "bye",
            "speak_during_execution": True,
            "execution_message_description": "say {{x}}",
        },
        {"type": "end_call", "name": "end", "speak_during_execution": True},
        {"type": "transfer_call", "name": "t", "transfer_destination": number, "description": "to {{x}}"},
        {"type": "transfer_call", "name": "i", "transfer_destination": {"type": "inferred", "prompt": "whom {{x}}"}},
        {"type": "press_digit", "name": "p"},
        {
            "type": "custom",
            "name": "c",
            "url": "https://a",
            "parameters": parameters,
            "speak_during_execution": True,
            "execution_message_type": "static_text",
        },
        {"type": "custom", "name": "n", "url": "https://a"},
        {"type": "extract_dynamic_variable", "name": "v", "variables": variables},
    )
    bye, end, to, inferred, press, custom, nothing, extract = (tool_spec(tool, fill)["function"] for tool in made)
    assert bye["parameters"]["properties"] == {"execution_message": {"type": "string", "description": "say X"}}
    assert bye["parameters"]["required"] == ["execution_message"]
    assert "one short sentence" in end["parameters"]["properties"]["execution_message"]["description"]
    assert (to["description"], to["parameters"]["properties"]) == ("to X", {})
    assert inferred["parameters"]["properties"]["number"]["description"] == "whom X"
    assert press["parameters"]["required"] == ["digit"]
    assert custom["parameters"]["properties"]["a"] == {
        "type": "array",
        "items": [{"description": "X"}],
        "description": "of X",
    }
    assert nothing["parameters"] == {"type": "object", "properties": {}, "required": []}
    assert extract["parameters"]["properties"]["mood"] == {
        "type": "string",
        "enum": ["good", "bad"],
        "description": "X",
    }
    assert extract["parameters"]["required"] == ["mood"]
    edge = StateEdge(description="then {{x}}", destination_state_name="two")
    assert edge_spec(edge, fill)["function"]["name"] == "transition_to_two"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ('{"a": 1, "b": null}', {"a": 1}),
        ("[1]", None),
        ("{", None),
        ("[" * 100_000, None),
    ],
)
def test_arguments_are_an_object_or_none(text: str, arguments: dict[str, Any] | None) -> None:
    assert read_arguments(text) == arguments


def test_values_become_variables() -> None:
    given = {"a": "x" * 10_000, "b": 1.5, "c": ["y"]}
    assert as_variables(given, ["b", "c"]) == {"b": "1.5", "c": '["y"]'}
    assert len(as_variables(given, ["a"])["a"]) == 4096


def test_what_was_said_becomes_messages() -> None:
    items = [
        {"role": "agent", "content": "Hello."},
        {"role": "user", "content": "Stock?"},
        {"role": "user", "content": ""},
        {"role": "tool_call_invocation", "tool_call_id": "1", "name": "stock", "arguments": "not json"},
        {"role": "tool_call_result", "tool_call_id": "1", "content": "3"},
        {"role": "tool_call_invocation", "tool_call_id": "2", "name": "no_result", "arguments": "{}"},
        {"role": "tool_call_result", "tool_call_id": "3", "content": "no call"},
        {"role": "node_transition", "former_node_id": "a"},
        {"role": "transfer_target", "content": "Sales."},
    ]
    call = {"id": "1", "type": "function", "function": {"name": "stock", "arguments": "{}"}}
    assert conversation(items) == [
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Stock?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "3"},
        {"role": "user", "content": "Sales."},
    ]


def test_of_a_long_conversation_the_beginning_is_left_out() -> None:
    call = ToolCall("1", "stock", "{}")
    long = "x" * (MAX_CHARACTERS // 4)
    items: list[dict[str, Any]] = [{"role": "user", "content": f"{place}{long}"} for place in range(6)]
    kept = conversation(items)
    assert [message["content"][0] for message in kept] == ["3", "4", "5"]
    invocation = {
        "role": "tool_call_invocation",
        "tool_call_id": "1",
        "name": "stock",
        "arguments": "{}" + " " * 100_000,
    }
    result = {"role": "tool_call_result", "tool_call_id": "1", "content": "3"}
    assert [message["role"] for message in conversation([invocation, result, *items[:3]])] == ["user"] * 3
    assert tool_round("said", [(call, "3")])[0]["content"] == "said"


def test_a_system_message_is_what_there_is_to_say() -> None:
    assert system_message(" A ", None, "", "B", is_spoken=False)["content"] == "A\n\nB"
    assert "phone" in system_message("A", is_spoken=True)["content"]


def test_tool_calls_come_in_parts_and_within_bounds() -> None:
    parts = ToolCallParts()
    parts.add(1, "b", "two", '{"x"')
    parts.add(0, None, "one", None)
    parts.add(1, None, None, ": 1}")
    parts.add(2, "c", None, "nameless")
    assert parts.whole() == [ToolCall("call_0", "one", ""), ToolCall("b", "two", '{"x": 1}')]
    with pytest.raises(ValueError, match="more than 65536 characters"):
        parts.add(1, None, None, "x" * 70_000)
    for index in range(3, 16):
        parts.add(index, None, "more", "")
    with pytest.raises(ValueError, match="more than 16 tool calls"):
        parts.add(16, None, "more", "")


def test_variables_that_are_found_win_and_nobody_trusts_them() -> None:
    variables = PromptVariables(lambda: {"name": "Ada", "city": "Rome"}, {"city": "Bonn", "shop": "A"})
    variables.found["name"] = "Bob"
    assert dict(variables) == {"name": "Bob", "city": "Rome", "shop": "A"}
    assert len(variables) == 3
    assert [name for name in variables if variables.is_callers(name)] == ["name"]


def test_steps_that_nobody_wants_are_not_told() -> None:
    RequestSteps(None, 1, lambda: 0.0).failed("no")
