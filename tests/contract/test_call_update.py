"""Changes of a call: what may change, what is then stored, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.contract.call import Call
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.contract.call_update import (
    CallControl,
    CallUpdate,
    LiveFields,
    changes_to_ended_call,
    changes_to_live_call,
)
from ari_agent.contract.parsing.model import DataStorageSetting

SETTINGS: tuple[DataStorageSetting, ...] = ("everything", "everything_except_pii", "basic_attributes_only")


def a_call(**fields: Any) -> Call:
    return Call.model_validate(
        {
            "call_id": "call_1",
            "call_type": "web_call",
            "agent_id": "agent_1",
            "agent_version": 0,
            "agent_name": "Ada",
            "call_status": "ongoing",
            **fields,
        }
    )


def live(**fields: Any) -> LiveFields:
    return LiveFields.model_validate(fields)


def over(**fields: Any) -> CallUpdate:
    return CallUpdate.model_validate(fields)


@pytest.mark.parametrize("present", [*SETTINGS, None])
@pytest.mark.parametrize("wanted", SETTINGS)
def test_storage_may_only_become_stricter(wanted: DataStorageSetting, present: DataStorageSetting | None) -> None:
    may = SETTINGS.index(wanted) >= SETTINGS.index(present or "everything")
    call = a_call(data_storage_setting=present)
    if may:
        assert changes_to_ended_call(call, over(data_storage_setting=wanted))["data_storage_setting"] == wanted
        assert changes_to_live_call(call, live(data_storage_setting=wanted), None)["data_storage_setting"] == wanted
    else:
        refusal = f"data_storage_setting: cannot go from {present} back to {wanted}"
        with pytest.raises(ValueError, match=refusal):
            changes_to_ended_call(call, over(data_storage_setting=wanted))
        with pytest.raises(ValueError, match=refusal):
            changes_to_live_call(call, live(data_storage_setting=wanted), None)


def test_basic_attributes_alone_drop_what_was_said() -> None:
    changes = changes_to_ended_call(
        a_call(transcript="Agent: My secret.\n"), over(data_storage_setting="basic_attributes_only")
    )
    assert changes == {"data_storage_setting": "basic_attributes_only", **dict.fromkeys(TRANSCRIPTS)}


def test_what_is_not_given_stays() -> None:
    call = a_call(metadata={"order": 1})
    assert changes_to_ended_call(call, over()) == {}
    assert changes_to_live_call(call, live(), None) == {}


def test_metadata_is_replaced_and_null_removes_it() -> None:
    call = a_call(metadata={"order": 1})
    assert changes_to_ended_call(call, over(metadata={"shop": "ulm"})) == {"metadata": {"shop": "ulm"}}
    assert changes_to_live_call(call, live(metadata=None), None) == {"metadata": None}


def test_a_setting_of_null_changes_nothing() -> None:
    assert changes_to_ended_call(a_call(), over(data_storage_setting=None)) == {}
    assert changes_to_live_call(a_call(), live(data_storage_setting=None), None) == {}


def test_custom_attributes_change_key_by_key() -> None:
    call = a_call(custom_attributes={"tier": "gold", "score": 1})
    changes = changes_to_ended_call(call, over(custom_attributes={"score": 2, "vip": True}))
    assert changes == {"custom_attributes": {"tier": "gold", "score": 2, "vip": True}}
    assert changes_to_ended_call(a_call(), over(custom_attributes={"vip": True})) == {
        "custom_attributes": {"vip": True}
    }


def test_custom_attributes_cannot_grow_without_end() -> None:
    call = a_call(custom_attributes={"a": "x" * 30_000})
    with pytest.raises(ValueError, match="must be at most 51200 bytes of JSON, not 60015"):
        changes_to_ended_call(call, over(custom_attributes={"b": "x" * 30_000}))


def test_overridden_variables_are_added_and_null_takes_overrides_back() -> None:
    given = {"name": "Zoë"}
    call = a_call(retell_llm_dynamic_variables={"name": "Zoë", "city": "Ulm"})
    added = changes_to_live_call(call, live(override_dynamic_variables={"city": "Bonn", "tier": "gold"}), given)
    assert added["retell_llm_dynamic_variables"] == {"name": "Zoë", "city": "Bonn", "tier": "gold"}
    back = changes_to_live_call(call, live(override_dynamic_variables=None), given)
    assert back["retell_llm_dynamic_variables"] == given
    first = changes_to_live_call(a_call(), live(override_dynamic_variables={"city": "Ulm"}), None)
    assert first["retell_llm_dynamic_variables"] == {"city": "Ulm"}


@pytest.mark.parametrize(
    ("control", "asks"),
    [
        ({}, False),
        ({"trigger_response": False}, False),
        ({"trigger_response": True}, True),
        ({"additional_context": "VIP"}, True),
    ],
)
def test_an_empty_control_asks_for_nothing(control: dict[str, Any], asks: bool) -> None:
    assert CallControl.model_validate(control).asks is asks


def test_the_schema_of_a_change_has_no_defaults() -> None:
    for model in (CallUpdate, LiveFields):
        properties = model.model_json_schema()["properties"]
        assert properties and not any("default" in described for described in properties.values())
