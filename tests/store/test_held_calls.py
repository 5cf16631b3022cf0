"""Calls in the hands of nodes: who may write their records, and who takes over those of a node that is no more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import NO_RECOVERY, CallRecovery
from ari_agent.errors import TakenOver
from ari_agent.store.store import Store
from ari_agent.store.tables import calls
from tests.store.samples import a_call, an_event
from tests.store.several_nodes import bury, database_of, joined
from tests.store.test_registrations import a_registration, registered

ENDED: dict[str, Any] = {"call_status": "ended", "end_timestamp": 2_000, "disconnection_reason": "user_hangup"}


def node_of(store: Store) -> int:
    node_id = database_of(store).node_id
    assert node_id is not None
    return node_id


async def holders(store: Store) -> dict[str, int | None]:
    rows = await database_of(store).rows(select(calls.c.call_id, calls.c.node_id))
    return {row.call_id: row.node_id for row in rows}


async def test_a_call_is_in_the_hands_of_the_node_that_writes_it_until_it_is_over(shared_url: str) -> None:
    async with joined(shared_url) as node:
        await node.calls.save(a_call())
        assert await holders(node) == {"call_1": node_of(node)}
        await node.calls.save(a_call(**ENDED))
        await node.calls.save(a_call(**ENDED))  # repeated, as after a database that did not answer
        assert await holders(node) == {"call_1": None}


async def test_one_that_is_to_be_analysed_stays_where_it_ended(shared_url: str) -> None:
    async with joined(shared_url) as node:
        await node.calls.save(a_call())
        await node.calls.save(a_call(**ENDED), recovery=CallRecovery(analysis_due_ms=3_000))
        await node.calls.save(a_call(**ENDED), recovery=NO_RECOVERY)
        assert await holders(node) == {"call_1": node_of(node)}


async def test_a_node_that_stood_still_writes_nothing_of_a_call_that_another_has_taken_over(shared_url: str) -> None:
    async with joined(shared_url) as still, joined(shared_url) as other:
        await still.calls.save(a_call())
        await bury(other, node_of(still))
        (taken,) = await other.held_calls.take_over(node_of(still), node_of(other))
        assert taken.call == a_call()
        assert await other.held_calls.take_over(node_of(still), node_of(other)) == []
        for late in (a_call(transcript="late"), a_call(**ENDED)):
            with pytest.raises(TakenOver):
                await still.calls.save(late, [an_event()])
        await other.calls.save(a_call(**ENDED))
        for late in (a_call(), a_call(**ENDED | {"end_timestamp": 2_001})):
            with pytest.raises(TakenOver):
                await still.calls.save(late, [an_event()])
        assert await other.calls.get("call_1") == a_call(**ENDED)
        assert await other.outbox.depth() == 0


async def test_a_registered_call_is_in_nobodys_hands_and_then_in_those_of_who_takes_it(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await one.registrations.save(a_registration(), registered())
        assert await holders(one) == {"call_1": None}
        taken = await one.registrations.take("call_1", now_ms=0)
        assert taken and await holders(one) == {"call_1": node_of(one)}
        await one.registrations.give_back(taken)
        assert await holders(one) == {"call_1": None}
        await other.registrations.take("call_1", now_ms=0)
        await other.calls.save(registered())
        assert await holders(one) == {"call_1": node_of(other)}


async def test_at_a_start_only_what_is_in_no_living_hands_is_taken_over_and_once(shared_url: str) -> None:
    before = Store(shared_url)  # a version, or a process, that knows no nodes
    await before.open()
    async with joined(shared_url) as dead, joined(shared_url) as one, joined(shared_url) as other:
        await before.calls.save(a_call("of nobody"))
        await dead.calls.save(a_call("of the dead"))
        await one.calls.save(a_call("of a living one"))
        await one.calls.save(a_call("over", **ENDED))
        await one.registrations.save(a_registration("waiting"), registered("waiting"))
        await bury(one, node_of(dead))
        found = await asyncio.gather(*(store.held_calls.take_abandoned() for store in (one, other)))
        assert sorted(len(each) for each in found) == [0, 1]
        assert [each.call.call_id for each in found[0] or found[1]] == ["of the dead"]
        await bury(one, node_of(other))
        assert "of nobody" in {each.call.call_id for each in await one.held_calls.take_abandoned()}
    await before.close()


async def test_without_nodes_all_that_is_unfinished_and_waits_for_nobody_is_abandoned(store: Store) -> None:
    await store.calls.save(a_call("left"))
    await store.registrations.save(a_registration("waiting"), registered("waiting"))
    left: list[Call] = [each.call for each in await store.held_calls.take_abandoned()]
    assert [call.call_id for call in left] == ["left"]
