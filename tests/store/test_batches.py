"""Batches in the database: each task is placed once, whatever happens."""

from __future__ import annotations

import asyncio

from ari_agent.contract.batch_call import BatchCall
from ari_agent.contract.phone_call import CallTask
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.store.store import Store
from tests.store.samples import a_call, an_event

NOW_MS = 1_760_000_000_000
TASKS = [CallTask(to_number=f"+1415555019{number}", metadata={"number": number}) for number in range(3)]


def a_batch(batch_call_id: str = "batch_1", *, due_ms: int = NOW_MS) -> BatchCall:
    return BatchCall(
        batch_call_id=batch_call_id,
        name="reminders",
        from_number="+14155550100",
        scheduled_timestamp=due_ms,
        total_task_count=len(TASKS),
    )


async def test_a_batch_is_due_from_its_time_on(store: Store) -> None:
    assert await store.batches.next_due_ms() is None
    await store.batches.create(a_batch("batch_2", due_ms=NOW_MS + 1), TASKS)
    await store.batches.create(a_batch("batch_1"), TASKS)
    assert await store.batches.due(NOW_MS - 1) == []
    assert await store.batches.due(NOW_MS) == [a_batch("batch_1")]
    assert [batch.batch_call_id for batch in await store.batches.due(NOW_MS + 1)] == ["batch_1", "batch_2"]
    assert await store.batches.next_due_ms() == NOW_MS
    await store.batches.postpone("batch_1", NOW_MS + 9)
    assert await store.batches.next_due_ms() == NOW_MS + 1
    await store.batches.close("batch_2")
    assert await store.batches.next_due_ms() == NOW_MS + 9


async def test_tasks_are_placed_in_order_and_once(store: Store) -> None:
    await store.batches.create(a_batch(), TASKS)
    first = await store.batches.next_task("batch_1")
    assert first is not None
    assert (first.position, first.task) == (0, TASKS[0])
    placed = await asyncio.gather(
        *(store.batches.place("batch_1", 0, a_call(f"call_{number}")) for number in range(10))
    )
    assert placed.count(True) == 1
    assert await store.calls.count() == 1
    await store.batches.refuse("batch_1", 1, a_call("call_refused"), (), why="no such agent")
    last = await store.batches.next_task("batch_1")
    assert last is not None
    assert last.position == 2
    await store.batches.place("batch_1", 2, a_call("call_2"))
    assert await store.batches.next_task("batch_1") is None


async def test_a_refused_task_leaves_a_record_and_webhooks_once(store: Store) -> None:
    await store.batches.create(a_batch(), TASKS)
    told = [an_event("call_1", WebhookEventName.CALL_ENDED)]
    refused = [
        await store.batches.refuse("batch_1", 0, a_call(f"call_{number}"), told, why="no such agent")
        for number in (1, 2)
    ]
    assert refused == [True, False]
    assert not await store.batches.place("batch_1", 0, a_call("call_3"))
    assert [call.call_id for call in (await store.calls.list()).calls] == ["call_1"]
    assert len(await store.outbox.due(2 * NOW_MS, 10)) == 1


async def test_what_is_left_survives_a_restart(store: Store, database_url: str) -> None:
    await store.batches.create(a_batch(), TASKS)
    await store.batches.place("batch_1", 0, a_call())
    await store.close()
    again = Store(database_url)
    await again.open()
    assert await again.batches.due(NOW_MS) == [a_batch()]
    pending = await again.batches.next_task("batch_1")
    assert pending is not None
    assert pending.position == 1
    await again.close()
