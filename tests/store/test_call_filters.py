"""Every filter of list-calls, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ari_agent.store.call_filter import (
    AnyFilter,
    AttributeFilter,
    AttributeKind,
    Filter,
    FilterField,
    FilterOp,
    ToolCallFilter,
)
from ari_agent.store.store import Store
from tests.store.samples import START_MS, a_call


async def found(store: Store, *filters: AnyFilter) -> str:
    """Ids of the calls, oldest first; the count must agree, and so must pages of one, in both directions."""
    page = await store.calls.list(filters, ascending=True)
    assert await store.calls.count(filters) == len(page.calls)
    for ascending in (True, False):
        ids: list[str] = []
        key = None
        while True:
            one = await store.calls.list(filters, ascending=ascending, limit=1, pagination_key=key)
            ids += [call.call_id for call in one.calls]
            key = one.next_key
            if key is None:
                break
        assert ids == [call.call_id for call in page.calls][:: 1 if ascending else -1]
    return "".join(call.call_id for call in page.calls)


@pytest.fixture
async def filled(store: Store) -> Store:
    """Three calls: 0 with everything, 1 with other values, 2 with none. To write them costs more than to ask."""
    tool = {"role": "tool_call_invocation", "tool_call_id": "t1", "name": "book", "arguments": "{}", "type": "custom"}
    result = {"role": "tool_call_result", "tool_call_id": "t1", "content": "", "successful": True, "latency_ms": 120}
    full: dict[str, Any] = {
        "agent_tag": "prod",
        "batch_call_id": "batch_1",
        "data_storage_setting": "everything",
        "call_analysis": {
            "in_voicemail": True,
            "user_sentiment": "Positive",
            "call_successful": True,
            "custom_analysis_data": {"mood": "good", "score": 7, "done": True, "nothing": None, "list": [1]},
        },
        "call_cost": {"combined_cost": 12.5, "total_duration_seconds": 1, "total_duration_unit_price": 1},
        "latency": {"e2e": {"p50": 800}},
        "metadata": {"order": "7", "count": 7.5, "flag": True, "Zoë \x00": "ü", "long": "x" * 300},
        "retell_llm_dynamic_variables": {"name": "Ada", "age": "42", "member": "true"},
        "custom_attributes": {"tier": "gold", "score": 3, "vip": False},
        "transcript_with_tool_calls": [tool, result],
    }
    other: dict[str, Any] = {
        "agent_tag": "staging",
        "call_analysis": {"in_voicemail": False, "user_sentiment": "Negative", "call_successful": False},
        "call_cost": {"combined_cost": 3, "total_duration_seconds": 1, "total_duration_unit_price": 1},
        "latency": {"e2e": {"p50": 1200.5}},
        "metadata": {"order": "8", "count": -1},
        "retell_llm_dynamic_variables": {"name": "Bob", "age": "7"},
        "transcript_with_tool_calls": [tool | {"type": None}, result | {"successful": False, "latency_ms": None}],
    }
    for call_id, fields in enumerate((full, other, {})):
        await store.calls.save(a_call(str(call_id), start_timestamp=START_MS + call_id, **fields))
    return store


COLUMNS: Sequence[tuple[str, str, Any, str]] = [
    ("agent_tag", "in", ["prod"], "0"),
    ("agent_tag", "in", ["prod", "staging"], "01"),
    ("data_storage_setting", "in", ["everything"], "0"),
    ("user_sentiment", "in", ["Negative", "Neutral"], "1"),
    ("in_voicemail", "eq", True, "0"),
    ("in_voicemail", "eq", False, "1"),
    ("call_successful", "eq", False, "1"),
    ("combined_cost", "eq", 12.5, "0"),
    ("combined_cost", "ne", 3, "02"),
    ("combined_cost", "bt", (3, 12.4), "1"),
    ("e2e_latency_p50", "gt", 800, "1"),
    ("e2e_latency_p50", "le", 10**30, "01"),
    ("batch_call_id", "sw", "batch", "0"),
    ("batch_call_id", "ne", "batch_1", "12"),
]


async def test_columns(filled: Store) -> None:
    for field, op, value, expected in COLUMNS:
        wanted = Filter(FilterField(field), FilterOp(op), value)
        assert await found(filled, wanted) == expected, wanted


ATTRIBUTES: Sequence[tuple[str, str, str, Any, bool, str]] = [
    ("metadata", "order", "eq", "7", False, "0"),
    ("metadata", "order", "in", ["7", "8"], False, "01"),
    ("metadata", "order", "in", ["8"], False, "1"),
    ("metadata", "order", "in", [], False, ""),
    ("metadata", "order", "ne", "7", False, "12"),
    ("metadata", "order", "sw", "", False, "01"),
    ("metadata", "order", "gt", 7, True, "1"),
    ("metadata", "order", "pr", None, False, "01"),
    ("metadata", "order", "np", None, False, "2"),
    ("metadata", "count", "eq", 7.5, True, "0"),
    ("metadata", "count", "eq", "-1", False, "1"),
    ("metadata", "count", "bt", (-1, 7.5), True, "01"),
    ("metadata", "count", "lt", 0, True, "1"),
    ("metadata", "flag", "eq", True, False, "0"),
    ("metadata", "flag", "eq", 1, True, ""),
    ("metadata", "Zoë \x00", "co", "ü", False, "0"),
    ("metadata", "long", "eq", "x" * 300, False, "0"),
    ("metadata", "long", "ew", "xx", False, "0"),
    ("dynamic_variables", "name", "sw", "A", False, "0"),
    ("dynamic_variables", "name", "ew", "b", False, "1"),
    ("dynamic_variables", "name", "co", "%", False, ""),
    ("dynamic_variables", "age", "ge", 42, True, "0"),
    ("dynamic_variables", "member", "eq", True, False, "0"),
    ("custom_attributes", "tier", "eq", "gold", False, "0"),
    ("custom_attributes", "score", "eq", 3, True, "0"),
    ("custom_attributes", "score", "eq", "3", False, "0"),
    ("custom_attributes", "score", "ne", 3, True, "12"),
    ("custom_attributes", "vip", "eq", False, False, "0"),
    ("custom_analysis_data", "mood", "co", "oo", False, "0"),
    ("custom_analysis_data", "score", "le", 7, True, "0"),
    ("custom_analysis_data", "nothing", "pr", None, False, ""),
    ("custom_analysis_data", "list", "pr", None, False, "0"),
    ("custom_analysis_data", "tier", "eq", "gold", False, ""),
]


async def test_attributes(filled: Store) -> None:
    for kind, key, op, value, numeric, expected in ATTRIBUTES:
        wanted = AttributeFilter(AttributeKind(kind), key, FilterOp(op), value, numeric=numeric)
        assert await found(filled, wanted) == expected, wanted


async def test_attributes_of_several_kinds_hold_together(filled: Store) -> None:
    order = AttributeFilter(AttributeKind.METADATA, "order", FilterOp.PR)
    name = AttributeFilter(AttributeKind.DYNAMIC_VARIABLES, "name", FilterOp.EQ, "Bob")
    count = AttributeFilter(AttributeKind.METADATA, "count", FilterOp.LT, 100, numeric=True)
    failed = Filter(FilterField.CALL_SUCCESSFUL, FilterOp.EQ, False)
    assert await found(filled, order, count) == "01"
    assert await found(filled, count, name, order, failed) == "1"


TOOL_CALLS: Sequence[tuple[Any, str]] = [
    ((), "01"),
    ((("name", FilterOp.EQ, "book"),), "01"),
    ((("name", FilterOp.EQ, "book"), ("success", FilterOp.EQ, False)), "1"),
    ((("type", FilterOp.EQ, "custom"),), "0"),
    ((("latency_ms", FilterOp.BT, (100, 120.5)),), "0"),
    ((("latency_ms", FilterOp.NE, 120),), "1"),
    ((("name", FilterOp.EQ, "cancel"),), ""),
]


async def test_tool_calls(filled: Store) -> None:
    for conditions, expected in TOOL_CALLS:
        assert await found(filled, ToolCallFilter(conditions)) == expected, conditions


async def test_what_the_call_and_the_api_write_later_is_found_by_its_new_values_alone(filled: Store) -> None:
    tier = AttributeKind.CUSTOM_ATTRIBUTES

    await filled.calls.update_fields("2", {"custom_attributes": {"tier": "iron"}, "data_storage_setting": "everything"})
    assert await found(filled, AttributeFilter(tier, "tier", FilterOp.IN, ["iron"])) == "2"
    later = START_MS + 9
    await filled.calls.save(a_call("2", start_timestamp=later, call_status="ended", metadata={"order": "9"}))
    assert await found(filled, AttributeFilter(tier, "tier", FilterOp.EQ, "iron")) == "2"
    assert await found(filled, Filter(FilterField.DATA_STORAGE_SETTING, FilterOp.IN, ["everything"])) == "02"
    assert await found(filled, AttributeFilter(AttributeKind.METADATA, "order", FilterOp.EQ, "9")) == "2"

    await filled.calls.save(a_call("0", start_timestamp=later + 1, metadata={"order": "9"}))
    newest = AttributeFilter(AttributeKind.METADATA, "order", FilterOp.EQ, "9")
    assert [call.call_id for call in (await filled.calls.list([newest])).calls] == ["0", "2"]
    assert await found(filled, ToolCallFilter(())) == "1"

    assert await filled.calls.delete("0")
    assert await found(filled, newest) == "2"


async def test_a_change_is_made_of_the_call_as_it_is(store: Store) -> None:
    await store.calls.save(a_call(metadata={"count": 1}))
    changed = await store.calls.update_fields("call_1", lambda call: {"metadata": {**(call.metadata or {}), "new": 2}})
    assert changed is not None
    assert changed.metadata == {"count": 1, "new": 2}

    def refuse(call: object) -> dict[str, object]:
        raise LookupError

    with pytest.raises(LookupError):
        await store.calls.update_fields("call_1", refuse)
    assert await store.calls.get("call_1") == changed
