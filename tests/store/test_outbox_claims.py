"""Several nodes on one outbox: each event is claimed by one of them, and the order of a call is kept over all."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from contextlib import AsyncExitStack

from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from ari_agent.contract.webhook_event import QueuedEvent, WebhookEventName
from ari_agent.store.due_events import WantedEvents
from ari_agent.store.store import Store
from ari_agent.store.tables import outbox
from tests.store.samples import a_call, an_event
from tests.store.several_nodes import bury, database_of, give_up, join, joined

LATER_MS = 2**50
STARTED, ENDED = WebhookEventName.CALL_STARTED, WebhookEventName.CALL_ENDED
ANALYZED, TRANSCRIPT = WebhookEventName.CALL_ANALYZED, WebhookEventName.TRANSCRIPT_UPDATED


async def queue(store: Store, call_id: str, *events: WebhookEventName) -> None:
    await store.calls.save(a_call(call_id), [an_event(call_id, event) for event in events or (STARTED,)])


async def due(store: Store, limit: int = 10) -> list[tuple[str, WebhookEventName]]:
    return [(each.event.call_id, each.event.event) for each in await store.outbox.due(LATER_MS, limit)]


async def test_what_one_node_has_claimed_another_passes_over(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await queue(one, "call_1")
        await queue(other, "call_2", STARTED, ENDED)
        assert await due(one, 1) == [("call_1", STARTED)]
        assert await due(other) == [("call_2", STARTED)]
        assert await due(one) == [("call_1", STARTED)]  # its own again, should it not know of its claim
        assert await one.outbox.due(LATER_MS, 10, except_calls=["call_1"]) == []


async def test_no_later_event_of_a_call_goes_while_another_node_sends_an_earlier_one(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await queue(one, "call_1", STARTED, ENDED, ANALYZED)
        (started,) = await one.outbox.due(LATER_MS, 10)
        assert await due(other) == []
        await one.outbox.delivered(started.outbox_id)
        (ended,) = await other.outbox.due(LATER_MS, 10)
        assert ended.event.event is ENDED
        await other.outbox.failed(ended.outbox_id, "answered 500", LATER_MS + 1)
        assert await due(one) == [("call_1", ANALYZED)]


async def test_a_later_event_waits_also_where_the_earlier_one_was_sent_again_by_hand(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await queue(one, "call_1", STARTED, ENDED)
        (started,) = await one.outbox.due(LATER_MS, 10)
        await one.outbox.failed(started.outbox_id, "answered 500", None)
        assert await due(other) == [("call_1", ENDED)]
        assert await one.outbox.replay(started.outbox_id)
        assert await due(one) == []


async def test_the_claims_of_a_node_that_is_no_more_are_due_at_once(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await queue(one, "call_1", STARTED, ENDED)
        (started,) = await one.outbox.due(LATER_MS, 10)
        await give_up(other, database_of(one).node_id or 0)
        (again,) = await other.outbox.due(LATER_MS, 10)
        assert (again.outbox_id, again.attempts) == (started.outbox_id, 0)
        # It only stood still: what it has to tell counts no more, and it takes nothing.
        await one.outbox.failed(started.outbox_id, "answered 500", None)
        assert (await one.outbox.dead_count(), await due(one)) == (0, [])
        await other.outbox.delivered(again.outbox_id)
        assert await due(other) == [("call_1", ENDED)]


async def test_what_was_delivered_counts_also_where_the_claim_was_lost_and_nobody_has_it(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await queue(one, "call_1")
        (started,) = await one.outbox.due(LATER_MS, 10)
        await bury(other, database_of(one).node_id or 0)
        await one.outbox.delivered(started.outbox_id)
        assert await due(other) == []


async def test_a_transcript_that_is_on_its_way_keeps_the_next_one_from_overtaking_it(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other:
        await queue(one, "call_1", TRANSCRIPT)
        (first,) = await one.outbox.due(LATER_MS, 10)
        await queue(one, "call_1", TRANSCRIPT)
        await queue(one, "call_1", TRANSCRIPT)
        assert await due(other) == []
        await one.outbox.delivered(first.outbox_id)
        assert await due(other) == [("call_1", TRANSCRIPT)]
        statement = select(outbox.c.state).order_by(outbox.c.outbox_id)
        assert [row.state for row in await database_of(one).rows(statement)] == ["delivered", "pending"]


NODES, CALLS = 4, 40
EVENTS = (STARTED, ENDED, ANALYZED)


async def test_many_who_claim_at_the_same_moment_never_send_two_events_of_one_call(shared_url: str) -> None:
    """Attempts that failed are due by some clocks and not yet by others, which then see a later event as the next."""
    dice = random.Random(5)
    told: dict[str, list[WebhookEventName]] = defaultdict(list)
    on_its_way: set[str] = set()
    failed: set[str] = set()

    async def attempt(store: Store, queued: QueuedEvent) -> None:
        call_id, event = queued.event.call_id, queued.event.event
        assert call_id not in on_its_way, f"two events of {call_id} at the same time"
        on_its_way.add(call_id)
        await asyncio.sleep(dice.random() * 0.01)
        on_its_way.remove(call_id)
        if queued.attempts < 2 and dice.random() < 0.3:
            failed.add(call_id)
            await store.outbox.failed(queued.outbox_id, "answered 500", LATER_MS)
        else:
            told[call_id].append(event)
            await store.outbox.delivered(queued.outbox_id)

    async def claim_all(store: Store, clock_ms: int) -> None:
        while await store.outbox.depth():
            claimed = await store.outbox.due(clock_ms, 8)
            await asyncio.gather(*(attempt(store, queued) for queued in claimed))

    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(joined(shared_url)) for _ in range(NODES)]
        for number in range(CALLS):
            await queue(stores[0], f"call_{number}", *EVENTS)
        await asyncio.gather(*(claim_all(store, LATER_MS - number % 2) for number, store in enumerate(stores)))
    assert {call_id: sorted(events) for call_id, events in told.items()} == {
        f"call_{number}": sorted(EVENTS) for number in range(CALLS)
    }
    assert {tuple(events) for call_id, events in told.items() if call_id not in failed} == {EVENTS}
    assert 0 < len(failed) < CALLS


async def test_a_node_joins_later_without_losing_sight_of_what_it_sends(shared_url: str) -> None:
    store = Store(shared_url)
    await store.open()
    await queue(store, "call_1")
    (queued,) = await store.outbox.due(LATER_MS, 10)
    await join(store)
    await store.outbox.delivered(queued.outbox_id)
    assert await due(store) == []
    await store.close()


async def test_of_two_who_claim_at_the_same_moment_the_second_sees_that_the_call_is_the_firsts(shared_url: str) -> None:
    """By their clocks another event of the call is due for each, and the first has not committed its claim yet."""
    async with joined(shared_url) as one, joined(shared_url) as other:
        await queue(one, "call_1", STARTED, ENDED)
        (started,) = await one.outbox.due(LATER_MS, 10)
        await one.outbox.failed(started.outbox_id, "answered 500", LATER_MS)
        wanted = WantedEvents(LATER_MS, limit=10, node_id=database_of(one).node_id)
        engine = create_async_engine(shared_url)
        async with engine.begin() as connection:
            (claimed,) = await connection.run_sync(wanted.take)
            assert claimed.outbox_id == started.outbox_id
            assert await other.outbox.due(LATER_MS - 1, 10) == []
        assert await other.outbox.due(LATER_MS - 1, 10) == []
        await engine.dispose()
        await one.outbox.delivered(started.outbox_id)
        assert await due(other) == [("call_1", ENDED)]
