"""Records of calls: what is written reads back, whoever else writes meanwhile."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import select

from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.errors import UnknownCall
from ari_agent.store.call_filter import AnyOf, Filter, FilterField, FilterOp
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import metadata
from tests.store.samples import START_MS, a_call, an_event


async def test_a_saved_call_reads_back(store: Store) -> None:
    call = a_call(metadata={"a": [1, {"b": None}]}, custom_sip_headers={"x-caller": "Zoë \x00 \U0001f600"})
    await store.calls.save(call)
    assert await store.calls.get("call_1") == call


async def test_an_unknown_call_is_none(store: Store) -> None:
    assert await store.calls.get("call_1") is None
    assert await store.calls.update_fields("call_1", {"metadata": {}}) is None
    assert await store.calls.delete("call_1") is False


async def test_text_that_a_column_cannot_hold_is_kept_in_the_record(store: Store) -> None:
    call = a_call("call_\x00", from_number="\x00'; DROP TABLE calls; --")
    await store.calls.save(call, [an_event("call_\x00")])
    assert await store.calls.get("call_\x00") == call
    assert await store.calls.get("call_\udc00") is None
    assert (await store.calls.list()).calls == [call]


async def test_saving_again_replaces_the_record_and_queues_a_lifecycle_event_once(store: Store) -> None:
    await store.calls.save(a_call(), [an_event()])
    ended = a_call(call_status="ended", disconnection_reason="user_hangup", duration_ms=5)
    await store.calls.save(ended, [an_event(), an_event(event=WebhookEventName.CALL_ENDED)])
    await store.calls.save(ended, [an_event(event=WebhookEventName.CALL_ENDED)])
    assert await store.calls.get("call_1") == ended
    assert await store.outbox.depth() == 2


async def test_a_transfer_event_may_repeat(store: Store) -> None:
    for _ in range(2):
        await store.calls.save(a_call(), [an_event(event=WebhookEventName.TRANSFER_STARTED)])
    assert await store.outbox.depth() == 2


async def test_what_the_api_changed_survives_what_the_call_saves(store: Store) -> None:
    await store.calls.save(a_call(metadata={"by": "call"}))
    changed = await store.calls.update_fields("call_1", {"metadata": {"by": "api"}})
    assert changed == a_call(metadata={"by": "api"})
    await store.calls.save(a_call(metadata={"by": "call"}, call_status="ended"))
    assert await store.calls.get("call_1") == a_call(metadata={"by": "api"}, call_status="ended")


async def test_a_change_to_null_unsets_the_key(store: Store) -> None:
    await store.calls.save(a_call(metadata={"by": "call"}))
    await store.calls.update_fields("call_1", {"metadata": None})
    found = await store.calls.get("call_1")
    assert found is not None
    assert "metadata" not in found.as_json()


async def test_what_was_unset_is_stored_no_more(store: Store, database_url: str) -> None:
    await store.calls.save(a_call(call_status="ended", transcript="User: my password is swordfish"))
    await store.calls.update_fields("call_1", {"transcript": None})
    database = Database(database_url)
    row = await database.read(lambda connection: connection.execute(select(metadata.tables["calls"])).one())
    await database.close()
    assert "swordfish" not in repr(row)


async def test_an_invalid_change_changes_nothing(store: Store) -> None:
    await store.calls.save(a_call())
    with pytest.raises(ValidationError):
        await store.calls.update_fields("call_1", {"metadata": 5})
    assert await store.calls.get("call_1") == a_call()


async def test_changes_at_once_are_all_kept(store: Store) -> None:
    await store.calls.save(a_call())
    keys = ["metadata", "retell_llm_dynamic_variables", "collected_dynamic_variables", "custom_sip_headers"]
    changes = [store.calls.update_fields("call_1", {key: {"n": str(number)}}) for number, key in enumerate(keys * 5)]
    await asyncio.gather(*changes, *(store.calls.save(a_call()) for _ in range(10)))
    found = (await store.calls.get("call_1") or a_call()).as_json()
    assert set(keys) <= found.keys()


async def test_fifty_calls_start_at_once(store: Store) -> None:
    ids = [f"call_{number}" for number in range(50)]
    await asyncio.gather(*(store.calls.save(a_call(call_id), [an_event(call_id)]) for call_id in ids))
    assert await store.calls.count() == await store.outbox.depth() == 50


async def test_two_processes_worth_of_stores_write_to_one_database(store: Store, database_url: str) -> None:
    other = Store(database_url)
    await other.open()
    saves = [(store, other)[number % 2].calls.save(a_call(f"call_{number}")) for number in range(100)]
    await asyncio.gather(*saves)
    await other.close()
    assert await store.calls.count() == 100


async def test_a_save_whose_caller_is_cancelled_is_whole_or_absent(store: Store, database_url: str) -> None:
    for number in range(20):
        save = asyncio.create_task(store.calls.save(a_call(f"call_{number}"), [an_event(f"call_{number}")]))
        await asyncio.sleep(number / 10_000)
        save.cancel()
        await asyncio.gather(save, return_exceptions=True)
    await store.close()  # what had begun has ended
    again = Store(database_url)
    await again.open()
    assert await again.calls.count() == await again.outbox.depth()
    await again.close()


async def test_unfinished_calls_are_those_that_have_not_ended(store: Store) -> None:
    for status in CallStatus:
        await store.calls.save(a_call(f"call_{status}", call_status=status))
    assert {stored.call.call_status for stored in await store.calls.unfinished()} == {
        CallStatus.REGISTERED,
        CallStatus.ONGOING,
    }


async def test_the_plan_to_go_on_with_a_call_is_stored_until_it_is_taken_away(store: Store) -> None:
    for plan in ('{"agent":{}}', None):
        await store.calls.save(a_call(call_status="ongoing"), recovery=CallRecovery(resume_plan=plan))
        (stored,) = await store.calls.unfinished()
        assert stored.recovery.resume_plan == plan


async def test_deleting_a_call_drops_what_was_told_and_keeps_what_is_still_to_be_told(store: Store) -> None:
    await store.calls.save(a_call(), [an_event(), an_event(event=WebhookEventName.CALL_ENDED)])
    first, *_ = await store.outbox.due(2**50, 10)
    await store.outbox.delivered(first.outbox_id)
    assert await store.calls.delete("call_1")
    assert await store.calls.get("call_1") is None
    assert [queued.event.event for queued in await store.outbox.due(2**50, 10)] == [WebhookEventName.CALL_ENDED]


class TestList:
    """Pages and filters."""

    async def test_pages_walk_through_every_call_once_newest_first(self, store: Store) -> None:
        for number in range(7):
            await store.calls.save(a_call(f"call_{number}", start_timestamp=START_MS + number // 2))
        seen: list[str] = []
        key = None
        while True:
            page = await store.calls.list(limit=3, pagination_key=key)
            seen += [call.call_id for call in page.calls]
            key = page.next_key
            if key is None:
                break
        assert seen == [f"call_{number}" for number in (6, 5, 4, 3, 2, 1, 0)]

    @pytest.mark.parametrize("ascending", [True, False])
    async def test_the_last_call_id_is_a_key_too(self, store: Store, ascending: bool) -> None:
        for number in range(5):
            await store.calls.save(a_call(f"call_{number}", start_timestamp=START_MS))
        page = await store.calls.list(limit=2, ascending=ascending)
        after = await store.calls.list(limit=2, ascending=ascending, pagination_key=page.calls[-1].call_id)
        by_key = await store.calls.list(limit=2, ascending=ascending, pagination_key=page.next_key)
        assert [call.call_id for call in after.calls] == [call.call_id for call in by_key.calls]
        assert [call.call_id for call in after.calls] == (["call_2", "call_3"] if ascending else ["call_2", "call_1"])

    @pytest.mark.parametrize("key", ["call_unknown", "", "1:", "99999999999999999999999:x", "x:y"])
    async def test_a_key_that_is_none_says_so_or_ends_the_list(self, store: Store, key: str) -> None:
        await store.calls.save(a_call())
        try:
            assert (await store.calls.list(pagination_key=key)).calls == []
        except UnknownCall as error:
            assert error.http_status == 422

    async def test_a_call_without_a_start_is_listed_when_it_was_recorded_until_it_starts(self, store: Store) -> None:
        await store.calls.save(a_call("call_0", start_timestamp=None, call_status="registered"))
        await store.calls.save(a_call("call_1", start_timestamp=1))
        assert [call.call_id for call in (await store.calls.list()).calls] == ["call_0", "call_1"]
        await store.calls.save(a_call("call_0", start_timestamp=0))
        assert [call.call_id for call in (await store.calls.list()).calls] == ["call_1", "call_0"]

    async def test_skip_passes_calls_over(self, store: Store) -> None:
        for number in range(4):
            await store.calls.save(a_call(f"call_{number}", start_timestamp=START_MS + number))
        page = await store.calls.list(skip=1, limit=2)
        assert [call.call_id for call in page.calls] == ["call_2", "call_1"]
        assert page.next_key

    @pytest.mark.parametrize(
        ("field", "op", "value", "expected"),
        [
            ("from_number", "eq", "+1555", "0"),
            ("from_number", "ne", "+1555", "12"),
            ("from_number", "sw", "+15", "01"),
            ("from_number", "sw", "", "012"),
            ("from_number", "ew", "66", "1"),
            ("from_number", "ew", "+++++++++++1555", ""),
            ("from_number", "co", "5", "01"),
            ("from_number", "co", "%", ""),
            ("from_number", "co", "+1555", "0"),
            ("agent_id", "eq", "AGENT_1", "2"),
            ("agent_id", "sw", "agent", "01"),
            ("start_timestamp", "gt", START_MS, "12"),
            ("start_timestamp", "ge", START_MS, "012"),
            ("start_timestamp", "lt", START_MS + 1, "0"),
            ("start_timestamp", "le", START_MS + 1, "01"),
            ("start_timestamp", "bt", (START_MS + 1, START_MS + 2), "12"),
            ("call_status", "in", ["ended", "error"], "2"),
            ("call_status", "in", [], ""),
            ("disconnection_reason", "pr", None, "2"),
            ("disconnection_reason", "np", None, "01"),
            ("disconnection_reason", "ne", "agent_hangup", "012"),
            ("duration_ms", "gt", 0, "2"),
            ("duration_ms", "gt", 8.5, "2"),
            ("duration_ms", "eq", 9.0, "2"),
            ("duration_ms", "lt", 10**30, "2"),
            ("duration_ms", "bt", (-(10**30), 8.99), ""),
            ("from_number", "eq", "\x00\ud800", ""),
            ("from_number", "sw", "\x00\ud800", ""),
        ],
    )
    async def test_filters(self, store: Store, field: str, op: str, value: Any, expected: str) -> None:
        await store.calls.save(a_call("0", from_number="+1555"))
        await store.calls.save(a_call("1", from_number="+1566", start_timestamp=START_MS + 1))
        ended: dict[str, Any] = {"call_status": "ended", "disconnection_reason": "user_hangup", "duration_ms": 9}
        await store.calls.save(
            a_call("2", from_number="+4930", agent_id="AGENT_1", start_timestamp=START_MS + 2, **ended)
        )
        wanted = Filter(FilterField(field), FilterOp(op), value)
        found = "".join(call.call_id for call in (await store.calls.list([wanted], ascending=True)).calls)
        assert found == expected
        assert await store.calls.count([wanted]) == len(expected)

    async def test_any_of_joins_alternatives(self, store: Store) -> None:
        for number in range(4):
            await store.calls.save(a_call(f"{number}", agent_id=f"agent_{number // 2}", agent_version=number % 2))
        alternatives = [
            [Filter(FilterField.AGENT_ID, FilterOp.EQ, "agent_0")],
            [
                Filter(FilterField.AGENT_ID, FilterOp.EQ, "agent_1"),
                Filter(FilterField.AGENT_VERSION, FilterOp.IN, [1]),
            ],
        ]
        found = await store.calls.list([AnyOf(alternatives)], ascending=True)
        assert [call.call_id for call in found.calls] == ["0", "1", "3"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
calls = st.builds(
    lambda **fields: a_call(**{name: value for name, value in fields.items() if value is not None}),
    call_id=st.text(st.characters(exclude_characters="\x00\ufffd", codec="utf-8"), min_size=1, max_size=40),
    call_status=st.sampled_from(CallStatus),
    disconnection_reason=st.none() | st.sampled_from(DisconnectionReason),
    metadata=st.none() | st.dictionaries(st.text(), json_values, max_size=5),
    retell_llm_dynamic_variables=st.none() | st.dictionaries(st.text(), st.text(), max_size=5),
    transcript=st.none() | st.text(),
    start_timestamp=st.none() | st.integers(0, 2**53 - 1),
    duration_ms=st.none() | st.integers(0, 2**53 - 1),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(calls, min_size=1, max_size=5))
def test_every_call_object_reads_back_from_sqlite(some: list[Call]) -> None:
    async def round_trip(folder: str) -> None:
        store = Store(f"sqlite:///{Path(folder)}/calls.db")
        await store.open()
        for call in some:
            await store.calls.save(call)
            assert await store.calls.get(call.call_id) == call
        page = await store.calls.list(limit=10)
        assert {call.call_id for call in page.calls} == {call.call_id for call in some}
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(round_trip(folder))
