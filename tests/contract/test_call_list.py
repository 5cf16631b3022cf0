"""Lists of calls: the keys of older clients, and texts that no database takes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ari_agent.contract.call_list import TRANSCRIPTS, CallListRequest, OlderCallFilters


def test_older_clients_write_keys_flat() -> None:
    filters = OlderCallFilters.model_validate(
        {
            "metadata.order": ["7"],
            "metadata": {"shop": ["ulm"]},
            "dynamic_variables.name": ["Zoë"],
            "call_id": ["call_1"],
        }
    )
    assert filters.metadata == {"shop": ("ulm",), "order": ("7",)}
    assert filters.dynamic_variables == {"name": ("Zoë",)}
    assert filters.call_id == ("call_1",)


def test_a_flat_key_beside_what_is_no_object_stands_alone() -> None:
    assert OlderCallFilters.model_validate({"metadata": None, "metadata.a": ["1"]}).metadata == {"a": ("1",)}


@pytest.mark.parametrize("key", ["metadata.", "other.key", "metadata"])
def test_what_is_no_key_of_these_is_left_alone(key: str) -> None:
    filters = OlderCallFilters.model_validate({key: {}})
    assert filters.dynamic_variables is None and not filters.metadata


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValidationError):
        OlderCallFilters.model_validate(["call_1"])


def test_a_text_that_no_database_can_hold_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"U\+0000"):
        CallListRequest.model_validate(
            {"filter_criteria": {"from_number": {"type": "string", "op": "eq", "value": "a\0b"}}}
        )


def test_every_transcript_is_left_out_of_a_list() -> None:
    assert {"transcript", "transcript_object", "transcript_with_tool_calls"} <= TRANSCRIPTS
