"""What several nodes share out beside webhooks and batches: analyses, chats, and what one of them alone does."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.chat import ChatStatus
from ari_agent.errors import TakenOver
from ari_agent.store.store import Store
from tests.store.several_nodes import bury, database_of, join, joined
from tests.store.test_analyses import analysed, over
from tests.store.test_chats import a_chat


def node_of(store: Store) -> int:
    return database_of(store).node_id or 0


async def test_a_call_is_analysed_where_it_has_ended_and_once_that_dies_by_one_other(shared_url: str) -> None:
    async with joined(shared_url) as dead, joined(shared_url) as one, joined(shared_url) as other:
        for number in range(20):
            await dead.calls.save(over(f"call_{number}"), recovery=CallRecovery(analysis_due_ms=100 - number))
        assert await one.analyses.waiting_calls(100) == []
        assert (await dead.analyses.waiting_calls(2)) == [("call_19", 81), ("call_18", 82)]
        await bury(one, node_of(dead))
        assert await dead.analyses.waiting_calls(2) == []
        found = await asyncio.gather(*(node.analyses.waiting_calls(15) for node in (one, other)))
        found += [await one.analyses.waiting_calls(100, except_ids=[call_id for call_id, _ in found[0]])]
        assert sorted(call_id for each in found for call_id, _ in each) == sorted(f"call_{n}" for n in range(20))
        call_id, _ = found[0][0] if found[0] else found[1][0]
        assert await one.analyses.conclude_call(call_id, analysed)
        assert await dead.analyses.conclude_call(call_id, analysed) is None
        assert await one.outbox.depth() == 1


async def test_a_chat_is_led_by_the_node_that_took_it_last(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await one.chats.save(a_chat(1))
        assert await one.chats.is_led_here("chat_1")
        assert not await other.chats.take("chat_1", if_free=True)
        assert await other.chats.take("chat_1")
        assert not await one.chats.is_led_here("chat_1")
        with pytest.raises(TakenOver):
            await one.chats.save(a_chat(1))
        over_now = a_chat(1, chat_status="ended", end_timestamp=5)
        await other.chats.save(over_now)
        for late in (a_chat(1), a_chat(1, chat_status="ended", end_timestamp=6)):
            with pytest.raises(TakenOver):
                await one.chats.save(late)
        await other.chats.save(over_now)
        assert not await one.chats.take("chat_1")
        stored = await one.chats.get("chat_1")
        assert stored and stored.chat_status is ChatStatus.ENDED


async def test_of_several_nodes_the_eldest_alone_forgets_old_calls(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        assert [await store.is_eldest() for store in (one, other)] == [True, False]
        await bury(other, node_of(one))
        assert [await store.is_eldest() for store in (one, other)] == [False, True]
        await join(one)
        assert [await store.is_eldest() for store in (one, other)] == [False, True]


async def test_a_process_that_shares_with_nobody_is_the_eldest_and_leads_its_chats(store: Store) -> None:
    await store.chats.save(a_chat(1))
    assert await store.is_eldest()
    assert await store.chats.is_led_here("chat_1")
    assert await store.chats.take("chat_1", if_free=True)
