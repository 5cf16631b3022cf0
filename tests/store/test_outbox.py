"""The outbox: what is due, in which order, and what became of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import outbox
from tests.store.samples import a_call, an_event
from tests.store.test_chats import a_chat

LATER_MS = 2**50
ENDED = WebhookEventName.CALL_ENDED


async def queue(store: Store, *calls: str, url: str = "http://127.0.0.1:9/hook") -> None:
    for call_id in calls:
        await store.calls.save(a_call(call_id), [an_event(call_id, url=url)])


async def test_an_event_is_due_as_it_was_saved(store: Store) -> None:
    event = an_event(timeout_ms=1234)
    await store.calls.save(a_call(), [event])
    (queued,) = await store.outbox.due(LATER_MS, 10)
    assert (queued.event, queued.attempts) == (event, 0)


async def test_saving_an_event_wakes_whoever_delivers(store: Store) -> None:
    woken: list[bool] = []
    store.outbox.on_added = lambda: woken.append(True)
    await store.calls.save(a_call())
    assert woken == []
    await store.calls.save(a_call(), [an_event()])
    assert woken == [True]


async def test_of_one_call_the_oldest_that_is_due_comes_first(store: Store) -> None:
    await store.calls.save(a_call(), [an_event(), an_event(event=ENDED)])
    (first,) = await store.outbox.due(LATER_MS, 10)
    assert first.event.event is WebhookEventName.CALL_STARTED
    await store.outbox.failed(first.outbox_id, "answered 500", LATER_MS)
    (second,) = await store.outbox.due(LATER_MS - 1, 10)
    assert second.event.event is ENDED
    (first_again,) = await store.outbox.due(LATER_MS, 10)
    assert (first_again.outbox_id, first_again.attempts) == (first.outbox_id, 1)


async def test_busy_calls_and_receivers_are_passed_over(store: Store) -> None:
    await queue(store, "call_1", "call_2", url="http://dead.example:81/a")
    await queue(store, "call_3", url="https://user:password@ALIVE.example/b")
    due = await store.outbox.due(LATER_MS, 10, except_calls=["call_1"], except_receivers=["alive.example"])
    assert [queued.event.call_id for queued in due] == ["call_2"]


async def test_a_delivered_event_is_never_due_again(store: Store) -> None:
    await queue(store, "call_1")
    (queued,) = await store.outbox.due(LATER_MS, 10)
    await store.outbox.delivered(queued.outbox_id)
    await store.outbox.failed(queued.outbox_id, "late", 0)
    await queue(store, "call_1")
    assert await store.outbox.due(LATER_MS, 10) == []
    assert await store.outbox.depth() == await store.outbox.dead_count() == 0
    assert await store.outbox.replay(queued.outbox_id) is False


async def test_a_dead_letter_is_shown_and_can_be_replayed_once(store: Store) -> None:
    await queue(store, "call_1", "call_2")
    for queued in await store.outbox.due(LATER_MS, 10):
        await store.outbox.failed(queued.outbox_id, "answered 500\x00\ud800 " + "x" * 1000, None)
    assert await store.outbox.due(LATER_MS, 10) == []
    assert await store.outbox.dead_count() == 2
    first, second = await store.outbox.dead_letters()
    assert (first.event, first.attempts) == (an_event("call_1"), 1)
    assert first.why.startswith("answered 500")
    assert [letter.outbox_id for letter in await store.outbox.dead_letters(limit=1)] == [first.outbox_id]
    assert [letter.outbox_id for letter in await store.outbox.dead_letters(after_id=first.outbox_id)] == [
        second.outbox_id
    ]
    assert await store.outbox.replay(first.outbox_id) is True
    assert await store.outbox.replay(first.outbox_id) is False
    (again,) = await store.outbox.due(LATER_MS, 10)
    assert (again.outbox_id, again.attempts) == (first.outbox_id, 0)


async def test_the_next_due_time_is_told(store: Store) -> None:
    assert await store.outbox.next_due_ms(0) is None
    await queue(store, "call_1", "call_2")
    one, other = await store.outbox.due(LATER_MS, 10)
    await store.outbox.failed(one.outbox_id, "", LATER_MS + 5)
    await store.outbox.failed(other.outbox_id, "", LATER_MS + 2)
    assert await store.outbox.next_due_ms(LATER_MS) == LATER_MS + 2
    assert await store.outbox.next_due_ms(LATER_MS + 2) == LATER_MS + 5


@pytest.mark.parametrize("outbox_id", [0, -1, 2**40])
async def test_an_unknown_id_changes_nothing(store: Store, outbox_id: int) -> None:
    await store.outbox.delivered(outbox_id)
    await store.outbox.failed(outbox_id, "why", None)
    assert await store.outbox.replay(outbox_id) is False


async def settle(store: Store) -> None:
    """Deliver everything that is due."""
    for queued in await store.outbox.due(LATER_MS, 1000):
        await store.outbox.delivered(queued.outbox_id)


async def give_up(store: Store) -> list[int]:
    """The same, with no success."""
    due = await store.outbox.due(LATER_MS, 1000)
    for queued in due:
        await store.outbox.failed(queued.outbox_id, "answered 500", None)
    return [queued.outbox_id for queued in due]


async def rows(database_url: str) -> list[tuple[str, str]]:
    """Call and state of what is there."""
    database = Database(database_url)
    statement = select(outbox.c.call_id, outbox.c.state).order_by(outbox.c.outbox_id)
    found = await database.read(lambda connection: connection.execute(statement).all())
    await database.close()
    return [(row.call_id, row.state) for row in found]


async def test_dead_letters_of_one_call_are_listed_and_replayed_alone(store: Store) -> None:
    await queue(store, "call_1", "call_2")
    one, _ = await give_up(store)
    assert [letter.outbox_id for letter in await store.outbox.dead_letters(call_id="call_1")] == [one]
    assert await store.outbox.dead_letters(call_id="call_3") == []
    assert await store.outbox.replay_all(call_id="call_1") == 1
    assert [queued.outbox_id for queued in await store.outbox.due(LATER_MS, 10)] == [one]
    assert await store.outbox.dead_count() == 1


async def test_however_many_are_dead_all_are_replayed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_agent.store.outbox._AT_ONCE", 3)
    names = [f"call_{number}" for number in range(10)]
    await queue(store, *names)
    dead = await give_up(store)
    assert await store.outbox.replay_all() == 10
    assert [queued.outbox_id for queued in await store.outbox.due(LATER_MS, 100)] == dead


async def test_what_was_settled_long_ago_is_deleted_a_little_at_a_time(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_agent.store.outbox._AT_ONCE", 2)
    for number in range(3):
        await store.calls.save(a_call(f"call_{number}", call_status="ended"), [an_event(f"call_{number}")])
    await settle(store)
    await store.calls.save(a_call("pending", call_status="ended"), [an_event("pending")])
    assert await store.outbox.purge_settled(0) == 0
    assert await store.outbox.purge_dead(LATER_MS) == 0
    assert [await store.outbox.purge_settled(LATER_MS) for _ in range(3)] == [2, 1, 0]
    assert await rows(database_url) == [("pending", "pending")]


async def test_dead_letters_stay_until_their_own_time_is_up(store: Store, database_url: str) -> None:
    for name in ("dead", "buried"):
        await store.calls.save(a_call(name, call_status="ended"), [an_event(name)])
    _, buried = await give_up(store)
    assert await store.outbox.bury(buried)
    assert await store.outbox.purge_settled(LATER_MS) == 1
    assert await rows(database_url) == [("dead", "dead")]
    assert await store.outbox.purge_dead(0) == 0
    assert await store.outbox.purge_dead(LATER_MS) == 1
    assert await rows(database_url) == []


@pytest.mark.parametrize("call_status", ["registered", "ongoing"])
async def test_while_a_call_goes_on_none_of_its_events_can_be_queued_again(store: Store, call_status: str) -> None:
    await store.calls.save(a_call(call_status=call_status), [an_event()])
    await settle(store)
    assert await store.outbox.purge_settled(LATER_MS) == 0
    await store.calls.save(a_call(call_status="ended"), [an_event()])
    assert await store.outbox.due(LATER_MS, 10) == []
    assert await store.outbox.purge_settled(LATER_MS) == 1


async def test_while_a_chat_goes_on_what_was_told_of_it_is_remembered(store: Store, database_url: str) -> None:
    started = an_event("chat_1", WebhookEventName.CHAT_STARTED)
    await store.chats.save(a_chat(), [started])
    await settle(store)
    assert await store.outbox.purge_settled(LATER_MS) == 0
    await store.chats.save(a_chat(chat_status="ended"), [started])
    assert await rows(database_url) == [("chat_1", "delivered")]
    assert await store.outbox.purge_settled(LATER_MS) == 1


async def test_what_belongs_to_a_deleted_call_is_purged_too(store: Store, database_url: str) -> None:
    await store.calls.save(a_call(call_status="ended"), [an_event()])
    await store.calls.delete("call_1")
    await settle(store)
    assert await rows(database_url) == [("call_1", "delivered")]
    assert await store.outbox.purge_settled(LATER_MS) == 1
