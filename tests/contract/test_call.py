from __future__ import annotations

import pytest
from pydantic import ValidationError

from ari_agent.contract.call import Call
from tests.contract.samples import CALL

LEAST = {
    "call_id": "call_1",
    "agent_id": "agent_1",
    "call_status": "registered",
    "direction": "inbound",
    "from_number": "anonymous",
    "to_number": "100",
}


def test_what_is_unset_is_left_out() -> None:
    assert Call.model_validate(LEAST).as_json() == {**LEAST, "call_type": "phone_call", "agent_version": 0}


def test_null_inside_metadata_is_no_unset_field() -> None:
    metadata = {"a": None, "b": {"c": None}}
    assert Call.model_validate({**LEAST, "metadata": metadata}).as_json()["metadata"] == metadata


@pytest.mark.parametrize("missing", ["direction", "from_number", "to_number"])
def test_a_phone_call_has_two_ends_and_a_direction(missing: str) -> None:
    without = {key: value for key, value in LEAST.items() if key != missing}
    with pytest.raises(ValidationError, match=f"a phone_call needs {missing}"):
        Call.model_validate(without)
    assert Call.model_validate({**without, "call_type": "web_call"}).call_type == "web_call"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("call_status", "talking"),
        ("direction", "sideways"),
        ("disconnection_reason", "tired"),
        ("call_type", "fax"),
        ("start_timestamp", -1),
        ("duration_ms", 1.5),
        ("retell_llm_dynamic_variables", {"a": 1}),
        ("transcript_with_tool_calls", [{"role": "ghost"}]),
    ],
)
def test_wrong_values_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Call.model_validate({**CALL, key: value})
