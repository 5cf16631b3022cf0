"""Prompts and their tools: what is read, what fits together, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.llm_tools import TransferCallTool
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.retell_llm import LlmCreate, LlmUpdate, RetellLlm

COLD = {
    "type": "transfer_call",
    "name": "sales",
    "transfer_destination": {"type": "predefined", "number": "+14155550100", "extension": "12"},
    "transfer_option": {"type": "cold_transfer", "show_transferee_as_caller": True},
    "custom_sip_headers": {"X-Account": "7"},
}
STATES = [
    {"name": "a", "edges": [{"description": "then", "destination_state_name": "b"}]},
    {"name": "b", "state_prompt": "B.", "tools": [{"type": "end_call", "name": "bye"}]},
]


def a_prompt(**settings: Any) -> RetellLlm:
    return RetellLlm.made(LlmCreate.model_validate(settings), "llm_1", now_ms=1)


def test_a_prompt_reads_back_as_it_was() -> None:
    llm = a_prompt(general_prompt="Be kind.", general_tools=[COLD], states=STATES, starting_state="a")
    assert RetellLlm.model_validate(llm.as_record()) == llm
    assert llm.state("b") is not None
    assert llm.state("c") is None
    assert list(llm.names_in(llm.state("a"))) == ["sales", "transition_to_b"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"primary": {"model": "m"}}, ("m", 0.0, None, None)),
        ({"type": "cascading", "temperature": 0.5}, (None, 0.5, None, None)),
        ({"primary": {"model": "m"}, "backup": {"model": "b"}}, ("m", 0.0, "b", 1500)),
        ({"backup": {"model": "b", "kick_in_timeout_ms": 300}}, (None, 0.0, "b", 300)),
        ({"backup": None}, (None, 0.0, None, None)),
        ("nonsense", (None, 0.0, None, None)),
    ],
)
def test_the_models_of_newer_clients_are_read(given: Any, read: tuple[Any, ...]) -> None:
    llm = a_prompt(model_config=given)
    backup = llm.backup_model
    found = (backup.model, backup.backup_kick_in_timeout) if backup else (None, None)
    assert (llm.model, llm.model_temperature, *found) == read


def test_a_tool_asks_for_the_transfer_that_it_describes() -> None:
    (tool,) = a_prompt(general_tools=[COLD]).general_tools or ()
    assert isinstance(tool, TransferCallTool)
    request = tool.request("")
    assert (request.to, request.mode, request.extension) == ("+14155550100", "sip_invite", "12")
    assert (request.headers, request.show_transferee_as_caller) == ({"X-Account": "7"}, True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"general_tools": [{"type": "mcp", "name": "x"}]}, "tools of type 'mcp' are not served here; expected one of"),
        ({"general_tools": [{"name": "x"}]}, "general_tools[0]"),
        ({"mcps": [{"name": "x", "url": "https://a.example"}]}, "mcps: not served here"),
        ({"general_tools": [COLD | {"transfer_destination": {"number": "; DROP"}}]}, "not allowed in a destination"),
        ({"general_tools": [COLD | {"custom_sip_headers": {"Via": "x"}}]}, "header 'Via' is not carried"),
        (
            {"general_tools": [{"type": "end_call", "name": "x", "custom_sip_headers": {"Via": "x"}}]},
            "'Via' is not carried",
        ),
        ({"general_tools": [{"type": "custom", "name": "x", "url": "file:///etc/passwd"}]}, "must be a URL"),
        (
            {"general_tools": [{"type": "custom", "name": "x", "url": "http://a", "parameters": {"type": "array"}}]},
            "expected a JSON Schema of an object",
        ),
        (
            {"general_tools": [{"type": "extract_dynamic_variable", "name": "x", "variables": []}]},
            "variables",
        ),
        ({"general_tools": [COLD, COLD]}, "two that the model may call at a time have the name sales"),
        ({"states": STATES}, "starting_state must be one of a, b"),
        ({"states": [STATES[1], STATES[1]], "starting_state": "b"}, "two have the name b"),
        ({"states": [STATES[0]], "starting_state": "a"}, "a leads to b, which is none"),
        (
            {"states": STATES, "starting_state": "a", "general_tools": [{"type": "end_call", "name": "bye"}]},
            "two that the model may call at a time have the name bye",
        ),
        ({"knowledge_base_ids": ["kb"]}, "there are no knowledge bases here"),
        ({"model_config": {"type": "s2s"}}, "model_config of type s2s"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        a_prompt(**settings)
    assert why in explain(refused.value, settings, root="body")


def test_headers_of_an_end_are_kept() -> None:
    (tool,) = (
        a_prompt(general_tools=[{"type": "end_call", "name": "x", "custom_sip_headers": {"X-A": "1"}}]).general_tools
        or ()
    )
    assert tool.as_json()["custom_sip_headers"] == {"X-A": "1"}


def test_changes_are_checked_with_what_stays() -> None:
    llm = a_prompt(states=STATES, starting_state="a", knowledge_base_ids=[])
    changed = llm.changed(LlmUpdate.model_validate({"general_prompt": "New."}), now_ms=2)
    assert (changed.general_prompt, changed.starting_state, changed.last_modification_timestamp) == ("New.", "a", 2)
    with pytest.raises(ValidationError, match="starting_state"):
        llm.changed(LlmUpdate.model_validate({"starting_state": "c"}), now_ms=2)
