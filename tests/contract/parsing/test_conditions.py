"""A condition that is not served is refused, with the name of the one that was probably meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.agent_list import AgentListRequest
from ari_agent.contract.call_list import CallListRequest, OlderCallListRequest
from ari_agent.contract.chat_list import ChatListRequest
from ari_agent.contract.parsing.conditions import FilteredList
from ari_agent.contract.parsing.explain import explain

A_TEXT = {"type": "string", "op": "eq", "value": "agent_1"}
AGENT = '(did you mean agent, as in [{"agent_id": "agent_...", "version": [1]}]?)'


def complaint(model: type[FilteredList], given: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(given)
    return explain(refused.value, given)


@pytest.mark.parametrize(
    ("model", "criteria", "told"),
    [
        (CallListRequest, {"agent_id": A_TEXT}, f"cannot filter by agent_id {AGENT}"),
        (CallListRequest, {"agent_id": ["agent_1"]}, f"cannot filter by agent_id {AGENT}"),
        (CallListRequest, {"after_start_timestamp": 1}, "after_start_timestamp (did you mean start_timestamp?)"),
        (CallListRequest, {"call_statuses": {}, "zzz": 1}, "call_statuses (did you mean call_status?), zzz"),
        (
            CallListRequest,
            {"agent": [{"agent_id": "a", "agent_version": [1]}]},
            "agent_version (did you mean version?)",
        ),
        (CallListRequest, {"tool_calls": [{"tool": "x"}]}, "filter_criteria.tool_calls[0]: cannot filter by tool"),
        (OlderCallListRequest, {"agent": ["agent_1"]}, "agent (did you mean agent_id?)"),
        (OlderCallListRequest, {"duration_ms": {"upper": 1}}, "upper (did you mean upper_threshold?)"),
        (OlderCallListRequest, {"metadata.": ["1"]}, "metadata. (did you mean metadata?)"),
        (OlderCallListRequest, {"unknown.order": ["1"]}, "cannot filter by unknown.order"),
        (ChatListRequest, {"agent_id": A_TEXT}, f"cannot filter by agent_id {AGENT}"),
        (ChatListRequest, {"to_number": A_TEXT}, "to_number (did you mean agent_number or user_number?)"),
        (AgentListRequest, {"agent_name": "Ada"}, "agent_name (did you mean query?)"),
        (CallListRequest, {"\x00\n\u202e": 1}, "cannot filter by \\x00\\n\\u202e"),
    ],
)
def test_what_is_not_served_is_named_with_what_was_meant(
    model: type[FilteredList], criteria: dict[str, Any], told: str
) -> None:
    said = complaint(model, {"filter_criteria": criteria})
    assert said.startswith("filter_criteria")
    assert told in said


def test_of_many_only_some_are_named() -> None:
    said = complaint(CallListRequest, {"filter_criteria": {f"{number:04}" + "x" * 10_000: 1 for number in range(100)}})
    assert len(said) < 1000


def test_a_condition_that_is_null_is_none() -> None:
    assert CallListRequest.model_validate({"filter_criteria": {"agent_id": None}}).filter_criteria is not None


@pytest.mark.parametrize(
    ("model", "given", "told"),
    [
        (CallListRequest, {"agent_id": ["a"], "call_status": {}}, "agent_id, call_status"),
        (CallListRequest, {"filters": {"agent": []}}, "filters"),
        (OlderCallListRequest, {"agent_id": ["a"]}, "agent_id"),
        (ChatListRequest, {"user_number": A_TEXT}, "user_number"),
        (AgentListRequest, {"query": "Ada"}, "query"),
    ],
)
def test_a_condition_that_stands_outside_is_refused(model: type[FilteredList], given: Any, told: str) -> None:
    assert complaint(model, given) == f"body: {told}: conditions stand in filter_criteria"


@pytest.mark.parametrize("given", [{"colour": "blue"}, {"limit": 5, "_": 1}])
def test_other_keys_are_ignored_as_everywhere(given: Any) -> None:
    CallListRequest.model_validate(given)


@pytest.mark.parametrize("given", [[], "x", None])
def test_a_request_is_an_object(given: object) -> None:
    assert complaint(CallListRequest, given).startswith("body: must be an object")
