"""What calls have cost, summed by the database, and which costs are still growing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from ari_agent.contract.cost_summary import CostSum, CostSummaryQuery, TimeSpan
from ari_agent.store import call_costs
from ari_agent.store.call_costs import TooManyGroups
from ari_agent.store.call_filter import AttributeKind
from ari_agent.store.call_index import SPENT
from ari_agent.store.call_records import DAY_MS
from ari_agent.store.store import Store
from ari_agent.store.tables import call_attributes
from tests.store.samples import START_MS, a_call

OURS = "+12137771235"
ALL = TimeSpan(None, 0, 2 * START_MS)


def priced(call_id: str, cents: float | None, **fields: Any) -> Any:
    """An inbound call of 1.5 s that has ended, with this cost."""
    cost = {"combined_cost": cents, "total_duration_seconds": 2, "total_duration_unit_price": 0}
    costs = {} if cents is None else {"call_cost": cost}
    return a_call(call_id, **{"call_status": "ended", "duration_ms": 1_500, **costs, **fields})


async def spent(store: Store, *, since_ms: int = START_MS) -> list[float]:
    """What the calls of the workspace, our number and the agent have cost."""
    names = {"workspace": "", "number": OURS, "agent": "agent_1"}
    return [await store.costs.spent(scope, name, since_ms=since_ms) for scope, name in names.items()]


async def test_what_calls_have_cost_is_summed_for_workspace_number_and_agent(store: Store) -> None:
    await store.calls.save(priced("call_1", 1.25))
    await store.calls.save(priced("call_2", 2.5, direction="outbound", from_number=OURS, to_number="+1415"))
    await store.calls.save(priced("call_3", 4, agent_id="agent_2", to_number="+4930"))
    await store.calls.save(priced("call_4", 8, start_timestamp=START_MS - 1))
    await store.calls.save(priced("call_5", None))
    await store.calls.save(priced("call_6", 0))
    assert await spent(store) == [7.75, 3.75, 3.75]
    assert await spent(store, since_ms=START_MS - 1) == [15.75, 11.75, 11.75]
    assert await spent(store, since_ms=START_MS + 1) == [0, 0, 0]


async def test_a_cost_that_is_reckoned_again_counts_once(store: Store) -> None:
    await store.calls.save(priced("call_1", 1.25))
    cost = priced("call_1", 3).call_cost
    await store.calls.update_fields("call_1", {"call_cost": cost.as_json()})
    assert await spent(store) == [3, 3, 3]


async def test_a_deleted_call_counts_for_its_day_and_leads_to_nobody(database_url: str) -> None:
    clock = [START_MS]
    store = Store(database_url, now_ms=lambda: clock[0])
    await store.open()
    try:
        await store.calls.save(priced("call_1", 3, direction="outbound", from_number=OURS, to_number="+4930123456"))
        await store.calls.save(priced("call_2", 4))
        assert await store.calls.delete("call_1") and await store.calls.delete("call_2")
        assert await spent(store) == [7, 7, 7]
        assert await store.dialled.count("number", OURS, since_ms=START_MS) == 1
        rows = await store._database.rows(call_attributes.select())
        assert len(rows) == 9
        assert "call_" not in str(rows) and "+4930123456" not in str(rows)
        assert (await store.costs.summary([ALL], ("agent",))).total.calls == 0
        await store.dialled.forget_deleted(START_MS + DAY_MS)
        assert await spent(store) == [7, 7, 7]
        await store.dialled.forget_deleted(START_MS + DAY_MS + 1)
        assert await store._database.rows(call_attributes.select()) == []
        await store.calls.save(priced("call_3", 5))
        clock[0] = START_MS + DAY_MS + 1
        await store.calls.delete("call_3")
        assert await store._database.rows(call_attributes.select()) == []
    finally:
        await store.close()


async def test_an_index_alone_tells_what_was_spent(store: Store) -> None:
    await store.calls.save(priced("call_1", 1.25))
    statement = (
        "EXPLAIN QUERY PLAN SELECT sum(number) FROM call_attributes "
        f"WHERE kind = '{SPENT}' AND key = 'workspace' AND text = '' AND listed_ms >= 1"
    )
    if store.shown_url.startswith("sqlite"):
        [step] = await store._database.rows(text(statement))
        assert "USING COVERING INDEX ix_call_attributes_text" in step[-1]
    assert SPENT not in {kind.value for kind in AttributeKind}


async def test_the_calls_that_go_on_are_told_and_those_in_a_transfer_with_their_signalling(store: Store) -> None:
    sip = [{"event": "200", "leg": "target", "timestamp": START_MS}]
    await store.calls.save(a_call("call_1", sip=sip, transcript="Agent: Hello."))
    await store.calls.save(a_call("call_2", sip=sip, transfer_destination="+4930123456"))
    await store.calls.save(priced("call_3", 1))
    await store.calls.save(a_call("call_4", call_status="registered"))
    found = {call.call_id: call for call in await store.costs.ongoing()}
    assert found.keys() == {"call_1", "call_2"}
    assert found["call_1"].transcript is None and found["call_1"].to_number == OURS
    assert found["call_2"].sip


@pytest.mark.parametrize(
    ("groups", "sums"),
    [
        ((), [(None, None, 4, 3, 6.0, 7.3)]),
        (("agent",), [("agent_1", None, 3, 2, 4.5, 3.3), ("agent_2", None, 1, 1, 1.5, 4.0)]),
        (
            ("agent", "number"),
            [
                ("agent_1", OURS, 2, 1, 3.0, 1.1),
                ("agent_1", "+4930", 1, 1, 1.5, 2.2),
                ("agent_2", OURS, 1, 1, 1.5, 4.0),
            ],
        ),
    ],
)
async def test_costs_are_summed_by_agent_and_number(store: Store, groups: tuple[str, ...], sums: list[object]) -> None:
    await store.calls.save(priced("call_1", 1.1))
    await store.calls.save(priced("call_2", 2.2, direction="outbound", from_number="+4930", to_number="+1415"))
    await store.calls.save(priced("call_3", 4, agent_id="agent_2"))
    await store.calls.save(priced("call_4", None))
    summary = await store.costs.summary([ALL], groups)

    def told(each: CostSum) -> tuple[object, ...]:
        return each.agent_id, each.number, each.calls, each.calls_with_cost, each.duration_seconds, each.combined_cost

    assert sorted(told(each) for each in summary.groups) == sorted(sums)  # type: ignore[type-var]
    assert told(summary.total) == (None, None, 4, 3, 6.0, 7.3)


async def test_a_call_counts_on_the_day_on_which_it_began(store: Store) -> None:
    query = CostSummaryQuery.model_validate_strings(
        {"from": "2026-10-24", "to": "2026-10-26", "group_by": "day", "timezone": "Europe/Berlin"}
    )
    days = query.spans(START_MS)
    assert [(span.until_ms - span.since_ms) // 3_600_000 for span in days] == [24, 25, 24]  # summer time ends
    for number, span in enumerate(days):
        await store.calls.save(priced(f"call_{number}a", 0.1, start_timestamp=span.since_ms))
        await store.calls.save(priced(f"call_{number}b", 0.2, start_timestamp=span.until_ms - 1))
    await store.calls.save(priced("call_after", 5, start_timestamp=days[-1].until_ms))
    summary = await store.costs.summary(days[1:], query.groups)
    assert [(str(each.day), each.calls, each.combined_cost) for each in summary.groups] == [
        ("2026-10-25", 2, 0.3),
        ("2026-10-26", 2, 0.3),
    ]
    assert summary.total.combined_cost == 0.6


async def test_an_index_alone_tells_the_summary(store: Store) -> None:
    await store.calls.save(priced("call_1", 1.25))
    statement = (
        "EXPLAIN QUERY PLAN SELECT agent_id, CASE WHEN direction = 'outbound' THEN from_number ELSE to_number END, "
        "count(*), sum(duration_ms), sum(combined_cost) FROM calls WHERE listed_ms >= 1 AND listed_ms < 2 GROUP BY 1, 2"
    )
    if store.shown_url.startswith("sqlite"):
        first, *_ = await store._database.rows(text(statement))
        assert "USING COVERING INDEX ix_calls_listed (listed_ms>? AND listed_ms<?)" in first[-1]


async def test_more_groups_than_anybody_reads_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_costs, "MAX_GROUPS", 1)
    await store.calls.save(priced("call_1", 1))
    await store.calls.save(priced("call_2", 1, agent_id="agent_2"))
    assert (await store.costs.summary([ALL], ["number"])).total.calls == 2
    with pytest.raises(TooManyGroups, match="more than 1 groups: ask for fewer days, or group less finely"):
        await store.costs.summary([ALL], ["agent"])


async def test_where_there_were_no_calls_there_are_no_groups(store: Store) -> None:
    summary = await store.costs.summary([ALL], ())
    assert summary.groups == () and summary.total.calls == 0 and summary.total.combined_cost == 0
