from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.call_list import TRANSCRIPTS, CallListRequest, OlderCallFilters, OlderCallListRequest
from ari_agent.contract.parsing.explain import explain


def test_a_list_begins_with_the_latest_fifty_and_is_not_counted() -> None:
    request = CallListRequest.model_validate({})
    assert (request.sort_order, request.limit, request.skip, request.include_total) == ("descending", 50, 0, False)
    older = OlderCallListRequest.model_validate({})
    assert (older.sort_order, older.limit) == ("descending", 50)


@pytest.mark.parametrize("limit", [0, 1001, "50", True])
def test_a_page_has_1_to_1000_items(limit: object) -> None:
    with pytest.raises(ValidationError):
        CallListRequest.model_validate({"limit": limit})


def test_every_key_that_holds_what_was_said_is_left_out_of_a_list() -> None:
    assert {"transcript", "transcript_object", "scrubbed_transcript_with_tool_calls"} <= TRANSCRIPTS
    assert all("transcript" in key for key in TRANSCRIPTS)


@pytest.mark.parametrize(
    ("given", "metadata"),
    [
        ({"metadata.order": ["1"]}, {"order": ["1"]}),
        ({"metadata.order": ["1"], "metadata.a.b": ["2"]}, {"order": ["1"], "a.b": ["2"]}),
        ({"metadata": {"x": ["0"]}, "metadata.order": ["1"]}, {"x": ["0"], "order": ["1"]}),
        ({"metadata": None, "metadata.order": ["1"]}, {"order": ["1"]}),
    ],
)
def test_dotted_keys_are_values_of_metadata(given: dict[str, Any], metadata: dict[str, Any] | None) -> None:
    assert OlderCallFilters.model_validate(given).as_json().get("metadata") == metadata


def test_dotted_keys_are_values_of_dynamic_variables() -> None:
    assert OlderCallFilters.model_validate({"dynamic_variables.name": ["Bob"]}).dynamic_variables == {"name": ("Bob",)}


@pytest.mark.parametrize("given", [[], "x", None])
def test_filters_are_an_object(given: object) -> None:
    with pytest.raises(ValidationError):
        OlderCallFilters.model_validate(given)


def test_a_text_that_a_database_cannot_hold_is_refused() -> None:
    body = {"filter_criteria": {"call_id": {"type": "string", "op": "eq", "value": "a\0b"}}}
    with pytest.raises(ValidationError) as refused:
        CallListRequest.model_validate(body)
    assert explain(refused.value, body) == "filter_criteria.call_id.value: must not hold the character U+0000"
