"""How many calls began in each hour, how many were answered, and how quick the replies were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from ari_agent.contract.call_group import HOUR_MS, CallGroup
from ari_agent.store.call_statistics import MAX_REPLY_MS
from ari_agent.store.store import Store
from tests.store.samples import a_call

BEGAN_MS = 500_000 * HOUR_MS


def latency(p50_ms: float) -> Mapping[str, Any]:
    return {"latency": {"e2e": {"p50": p50_ms, "num": 1}}}


async def test_calls_are_counted_by_hour_outcome_and_reply_time(database_url: str) -> None:
    store = Store(database_url, now_ms=lambda: BEGAN_MS + 1)
    await store.open()
    for number, fields in enumerate(
        (
            {"start_timestamp": BEGAN_MS, "call_status": "ended", **latency(803)},
            {"start_timestamp": BEGAN_MS + HOUR_MS - 1, "call_status": "ended", **latency(798.2)},
            {"start_timestamp": BEGAN_MS + 5, "call_status": "error", **latency(10 * MAX_REPLY_MS)},
            {"start_timestamp": BEGAN_MS + 6, "call_status": "ongoing"},
            {"start_timestamp": None, "call_status": "not_connected"},
            {"start_timestamp": None, "call_status": "registered"},
            {"start_timestamp": BEGAN_MS + HOUR_MS, "call_status": "ended", **latency(803)},
            {"start_timestamp": BEGAN_MS - 1, "call_status": "ended"},
            {"start_timestamp": BEGAN_MS + 2 * HOUR_MS, "call_status": "ended"},
        )
    ):
        await store.calls.save(a_call(f"call_{number}", **fields))
    groups = await store.statistics.groups(since_ms=BEGAN_MS, until_ms=BEGAN_MS + 2 * HOUR_MS)
    await store.close()
    assert sorted(groups, key=repr) == sorted(
        [
            CallGroup(BEGAN_MS, is_answered=True, is_over=True, reply_ms=800, calls=2),
            CallGroup(BEGAN_MS, is_answered=True, is_over=True, reply_ms=MAX_REPLY_MS, calls=1),
            CallGroup(BEGAN_MS, is_answered=True, is_over=False, reply_ms=None, calls=1),
            CallGroup(BEGAN_MS, is_answered=False, is_over=True, reply_ms=None, calls=1),
            CallGroup(BEGAN_MS, is_answered=False, is_over=False, reply_ms=None, calls=1),
            CallGroup(BEGAN_MS + HOUR_MS, is_answered=True, is_over=True, reply_ms=800, calls=1),
        ],
        key=repr,
    )


async def test_an_index_alone_answers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if not store.shown_url.startswith("sqlite"):  # PostgreSQL plans by what is in the table
        return
    plans: list[str] = []
    rows = store._database.rows

    async def explained(statement: Any) -> Any:
        sql = statement.compile(compile_kwargs={"literal_binds": True})
        plans.extend(str(row[-1]) for row in await rows(text(f"EXPLAIN QUERY PLAN {sql}")))
        return await rows(statement)

    monkeypatch.setattr(store._database, "rows", explained)
    await store.statistics.groups(since_ms=BEGAN_MS, until_ms=BEGAN_MS + HOUR_MS)
    assert "SEARCH calls USING COVERING INDEX ix_calls_listed (listed_ms>? AND listed_ms<?)" in plans
