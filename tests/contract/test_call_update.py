from __future__ import annotations

from typing import Any

import pytest

from ari_agent.contract.call import Call, CallAnalysis
from ari_agent.contract.call_list import ARTEFACT_URLS, TRANSCRIPTS
from ari_agent.contract.call_update import (
    CallControl,
    CallUpdate,
    LiveFields,
    changes_to_ended_call,
    changes_to_live_call,
)
from ari_agent.contract.parsing.model import MAX_METADATA_BYTES

CALL = Call.model_validate(
    {
        "call_id": "call_1",
        "call_type": "web_call",
        "agent_id": "agent_1",
        "call_status": "ended",
        "metadata": {"order": 1},
        "retell_llm_dynamic_variables": {"name": "Bob", "city": "Rome"},
        "custom_attributes": {"tier": "gold", "vip": True},
        "data_storage_setting": "everything_except_pii",
        "transcript": "Agent: Hello.\n",
    }
)
BEGAN_WITH = {"name": "Bob"}


def live(**fields: Any) -> dict[str, Any]:
    return changes_to_live_call(CALL, LiveFields.model_validate(fields), BEGAN_WITH)


def ended(**fields: Any) -> dict[str, Any]:
    return changes_to_ended_call(CALL, CallUpdate.model_validate(fields))


def test_what_is_left_out_stays() -> None:
    assert live() == {}
    assert ended() == {}


def test_metadata_replaces_what_was_there_and_null_takes_it_away() -> None:
    assert live(metadata={"order": 2}) == {"metadata": {"order": 2}}
    assert live(metadata=None) == {"metadata": None}
    assert ended(metadata={"order": 2}) == {"metadata": {"order": 2}}
    assert ended(metadata=None) == {"metadata": None}


def test_variables_of_a_live_call_are_added_and_replaced() -> None:
    changes = live(override_dynamic_variables={"city": "Oslo", "mood": "good"})
    assert changes == {"retell_llm_dynamic_variables": {"name": "Bob", "city": "Oslo", "mood": "good"}}


def test_null_restores_the_variables_that_the_call_began_with() -> None:
    assert live(override_dynamic_variables=None) == {"retell_llm_dynamic_variables": BEGAN_WITH}


def test_a_call_without_variables_gets_them() -> None:
    bare = CALL.model_copy(update={"retell_llm_dynamic_variables": None})
    fields = LiveFields(override_dynamic_variables={"a": "1"})
    assert changes_to_live_call(bare, fields, None) == {"retell_llm_dynamic_variables": {"a": "1"}}


def test_custom_attributes_are_added_one_by_one() -> None:
    assert ended(custom_attributes={"tier": "silver", "score": 3}) == {
        "custom_attributes": {"tier": "silver", "vip": True, "score": 3}
    }
    bare = CALL.model_copy(update={"custom_attributes": None})
    update = CallUpdate.model_validate({"custom_attributes": {"score": 3}})
    assert changes_to_ended_call(bare, update) == {"custom_attributes": {"score": 3}}


def test_custom_attributes_may_not_grow_without_end() -> None:
    full = CALL.model_copy(update={"custom_attributes": {"a": "x" * (MAX_METADATA_BYTES - 20)}})
    with pytest.raises(ValueError, match="must be at most 51200 bytes of JSON"):
        changes_to_ended_call(full, CallUpdate.model_validate({"custom_attributes": {"b": "x" * 20}}))


@pytest.mark.parametrize("change", [live, ended])
def test_basic_attributes_only_takes_all_transcripts_away(change: Any) -> None:
    changes = change(data_storage_setting="basic_attributes_only")
    gone = TRANSCRIPTS | ARTEFACT_URLS | {"collected_dynamic_variables"}
    if change is live:
        gone -= {"public_log_url"}  # of a call that goes on, the log is still written
    assert changes == {"data_storage_setting": "basic_attributes_only", **dict.fromkeys(gone)}


@pytest.mark.parametrize("change", [live, ended])
def test_the_same_storage_setting_changes_nothing_else(change: Any) -> None:
    assert change(data_storage_setting="everything_except_pii") == {"data_storage_setting": "everything_except_pii"}


@pytest.mark.parametrize("change", [live, ended])
def test_no_more_is_stored_than_before(change: Any) -> None:
    with pytest.raises(ValueError, match="cannot go from everything_except_pii back to everything"):
        change(data_storage_setting="everything")


@pytest.mark.parametrize("change", [live, ended])
def test_a_storage_setting_of_null_changes_nothing(change: Any) -> None:
    assert change(data_storage_setting=None) == {}


@pytest.mark.parametrize("setting", ["everything", "everything_except_pii", "basic_attributes_only"])
def test_a_call_without_a_storage_setting_keeps_everything_until_then(setting: str) -> None:
    unset = CALL.model_copy(update={"data_storage_setting": None})
    changes = changes_to_ended_call(unset, CallUpdate.model_validate({"data_storage_setting": setting}))
    assert changes["data_storage_setting"] == setting


@pytest.mark.parametrize(
    ("control", "asks"),
    [
        ({}, False),
        ({"trigger_response": False}, False),
        ({"trigger_response": True}, True),
        ({"additional_context": "the order has shipped"}, True),
    ],
)
def test_an_agent_is_asked_to_speak_or_to_know_something(control: dict[str, Any], asks: bool) -> None:
    assert CallControl.model_validate(control).asks is asks


def test_basic_attributes_have_no_summary_and_no_fields_but_the_verdicts() -> None:
    verdicts = {"user_sentiment": "Positive", "call_successful": True}
    words = {"call_summary": "Sold.", "custom_analysis_data": {"name": "Zoë"}}
    call = CALL.model_copy(update={"call_analysis": CallAnalysis.model_validate({**verdicts, **words})})
    changes = changes_to_ended_call(call, CallUpdate(data_storage_setting="basic_attributes_only"))
    assert (changes["call_analysis"], changes["analysis_report"]) == (verdicts, None)
    without_pii = changes_to_ended_call(call, CallUpdate(data_storage_setting="everything_except_pii"))
    assert "call_analysis" not in without_pii
