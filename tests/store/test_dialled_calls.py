"""How many calls were placed lately, and by whom: the records tell, whatever became of the process."""

from __future__ import annotations

from typing import Any, Final

import pytest
from sqlalchemy import text

from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.store.call_filter import AttributeKind
from ari_agent.store.call_index import DIALLED
from ari_agent.store.store import Store
from tests.store.samples import START_MS, a_call

OURS, THEIRS = "+12137771235", "+12137771234"
OUTBOUND: Final[dict[str, Any]] = {"direction": "outbound", "from_number": OURS, "to_number": THEIRS}
NEVER_DIALLED: Final[dict[str, Any]] = {
    "call_status": CallStatus.NOT_CONNECTED,
    "disconnection_reason": DisconnectionReason.DIAL_FAILED,
    "start_timestamp": None,
}


async def counted(store: Store, *, since_ms: int = START_MS) -> list[int]:
    """How many calls the workspace, our number and the agent have placed."""
    names = {"workspace": "", "number": OURS, "agent": "agent_1"}
    return [await store.dialled.count(scope, name, since_ms=since_ms) for scope, name in names.items()]


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, 0),  # it came in
        (OUTBOUND, 1),
        ({**OUTBOUND, "call_status": "registered"}, 1),  # it rings
        ({**OUTBOUND, "transfer_destination": "+4930123456"}, 2),
        ({"transfer_destination": "+4930123456"}, 1),
        ({"transfer_destination": "sip:bob@example.com"}, 1),
        ({"transfer_destination": "200"}, 0),  # an extension of the PBX
        ({**OUTBOUND, **NEVER_DIALLED}, 0),
        ({**OUTBOUND, **NEVER_DIALLED, "telephony_identifier": {"sip_call_id": "a@b"}}, 1),
        ({"call_type": "web_call", "direction": None}, 0),
    ],
)
async def test_a_call_counts_for_each_whom_it_dialled(store: Store, fields: dict[str, Any], count: int) -> None:
    start_ms = fields.get("start_timestamp", START_MS)
    await store.calls.save(a_call(**{**fields, "start_timestamp": start_ms or START_MS}))
    assert await counted(store) == [count] * 3


async def test_what_is_counted_is_whose_it_is_and_not_older(store: Store) -> None:
    await store.calls.save(a_call("call_1", **OUTBOUND))
    await store.calls.save(a_call("call_2", **{**OUTBOUND, "from_number": "+12137779999", "agent_id": "agent_2"}))
    await store.calls.save(a_call("call_3", **OUTBOUND, start_timestamp=START_MS - 1))
    assert await counted(store) == [2, 1, 1]
    assert await counted(store, since_ms=START_MS - 1) == [3, 2, 2]
    assert await counted(store, since_ms=START_MS + 1) == [0, 0, 0]


async def test_a_call_that_turns_out_never_to_have_been_dialled_counts_no_more(store: Store) -> None:
    await store.calls.save(a_call(**{**OUTBOUND, "call_status": "registered"}))
    await store.calls.save(a_call(**{**OUTBOUND, **NEVER_DIALLED, "start_timestamp": START_MS}))
    assert await counted(store) == [0, 0, 0]


async def test_the_count_outlives_the_process(store: Store, database_url: str) -> None:
    await store.calls.save(a_call(**OUTBOUND))
    await store.close()
    other = Store(database_url)
    await other.open()
    assert await counted(other) == [1, 1, 1]
    await other.close()


async def test_an_index_alone_tells_the_count(store: Store) -> None:
    await store.calls.save(a_call(**OUTBOUND))
    statement = (
        "EXPLAIN QUERY PLAN SELECT sum(number) FROM call_attributes "
        f"WHERE kind = '{DIALLED}' AND key = 'workspace' AND text = '' AND listed_ms >= 1"
    )
    if store.shown_url.startswith("sqlite"):
        [step] = await store._database.rows(text(statement))
        assert "USING COVERING INDEX ix_call_attributes_text (kind=? AND key=? AND text=? AND listed_ms>?)" in step[-1]


def test_no_filter_of_the_api_reads_the_counts() -> None:
    assert DIALLED not in {kind.value for kind in AttributeKind}
