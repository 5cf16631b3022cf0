"""What is stored of a webhook's delivery: found page by page, sent again once, and no more than its record holds."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from ari_agent.contract.webhook_attempt import MOST_ATTEMPTS, WebhookAttempt
from ari_agent.contract.webhook_delivery import DeliveryCounts, DeliveryFilter, DeliveryState, WebhookDelivery
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.call_parts import CallPart
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import outbox
from tests.store.samples import a_call
from tests.store.test_chats import a_chat

LATER_MS = 2**50
NOW_MS = 1_790_000_000_000
STARTED, ENDED, TOLD = WebhookEventName.CALL_STARTED, WebhookEventName.CALL_ENDED, WebhookEventName.TRANSCRIPT_UPDATED
ANSWER = WebhookAttempt(NOW_MS, 12, 200, "thank you, my secret")


def an_event(call_id: str = "call_1", name: WebhookEventName = ENDED, *, host: str = "a.example") -> WebhookEvent:
    subject = "chat" if name.startswith("chat") else "call"
    body = f'{{"event":"{name}","{subject}":{{"transcript":"my secret"}}}}'.encode()
    return WebhookEvent(call_id, name, f"https://user:password@{host}/hook", body)


async def settle(store: Store, *, dead: bool = False, attempt: WebhookAttempt = ANSWER) -> None:
    for queued in await store.outbox.due(LATER_MS, 1000):
        if dead:
            await store.outbox.failed(queued.outbox_id, "answered 500", None, attempt=attempt)
        else:
            await store.outbox.delivered(queued.outbox_id, attempt)


async def only(store: Store) -> tuple[WebhookDelivery, bytes]:
    page, _ = await store.webhooks.page(DeliveryFilter())
    found = await store.webhooks.get(page[0].webhook_id)
    assert found and len(page) == 1
    return found


async def all_text(database_url: str) -> str:
    """Everything that the outbox holds."""
    database = Database(database_url)
    rows = await database.rows(select(outbox))
    await database.close()
    return repr(rows)


async def test_what_was_sent_and_what_came_is_there(store: Store) -> None:
    await store.calls.save(a_call(), [an_event()])
    (queued,) = await store.outbox.due(LATER_MS, 1)
    refusal = WebhookAttempt(NOW_MS - 9, 3, 500, "\0\ud800\ufffd", "answered 500")
    await store.outbox.failed(queued.outbox_id, "answered 500", NOW_MS, attempt=refusal)
    waiting, _ = await only(store)
    assert (waiting.state, waiting.due_ms, waiting.why) == (DeliveryState.PENDING, NOW_MS, "answered 500")
    await settle(store)
    delivery, body = await only(store)
    assert (delivery.state, delivery.due_ms, delivery.why) == (DeliveryState.DELIVERED, None, None)
    assert delivery.attempts == [refusal, ANSWER]
    assert (body, delivery.is_kept) == (an_event().body, True)
    assert "password" not in delivery.shown_url and "password" not in repr(delivery)


async def test_only_the_last_attempts_are_kept(store: Store) -> None:
    await store.calls.save(a_call(), [an_event()])
    (queued,) = await store.outbox.due(LATER_MS, 1)
    for number in range(MOST_ATTEMPTS + 5):
        await store.outbox.failed(queued.outbox_id, "x", NOW_MS, attempt=WebhookAttempt(number, 0, 500, "x" * 2048))
    delivery, _ = await only(store)
    assert [attempt.at_ms for attempt in delivery.attempts] == list(range(5, MOST_ATTEMPTS + 5))


@pytest.mark.parametrize("dead", [False, True])
async def test_one_at_its_end_is_sent_again_once_for_each_time_that_it_was_seen(store: Store, dead: bool) -> None:
    await store.calls.save(a_call(), [an_event()])
    (sent,) = await store.outbox.due(LATER_MS, 1)
    woken: list[bool] = []
    store.outbox.on_added = lambda: woken.append(True)
    assert not await store.webhooks.replay(sent.outbox_id, replays=0), "it waits already"
    await settle(store, dead=dead)
    assert not await store.webhooks.replay(sent.outbox_id, replays=1)
    assert await store.webhooks.replay(sent.outbox_id, replays=0)
    assert not await store.webhooks.replay(sent.outbox_id, replays=0)
    assert woken == [True]
    (again,) = await store.outbox.due(LATER_MS, 1)
    assert (again.event, again.delivery_id, again.attempts) == (sent.event, sent.delivery_id, 0)
    await settle(store)
    assert not await store.webhooks.replay(sent.outbox_id, replays=0), "the second click came late"
    assert await store.webhooks.replay(sent.outbox_id, replays=1)
    delivery, _ = await only(store)
    assert (delivery.replays, len(delivery.attempts)) == (2, 2)


async def test_the_api_replay_counts_as_well(store: Store) -> None:
    await store.calls.save(a_call(), [an_event()])
    await settle(store, dead=True)
    assert await store.outbox.replay_all() == 1
    await settle(store, dead=True)
    delivery, _ = await only(store)
    assert not await store.webhooks.replay(delivery.webhook_id, replays=0)


async def test_dead_ones_that_die_again_are_not_met_twice(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_agent.store.webhook_deliveries.REPLAYED_AT_ONCE", 2)
    clock = [NOW_MS]
    store = Store(database_url, now_ms=lambda: clock[0])
    await store.open()
    for number in range(5):
        await store.calls.save(a_call(f"call_{number}"), [an_event(f"call_{number}")])
    await store.calls.save(a_call("other"), [an_event("other", host="b.example")])
    await settle(store, dead=True)
    wanted = DeliveryFilter(host="a.example")
    assert await store.webhooks.replay_dead(wanted, died_until_ms=NOW_MS, limit=3) == 3
    clock[0] += 1
    await settle(store, dead=True)
    assert await store.webhooks.replay_dead(wanted, died_until_ms=NOW_MS, limit=100) == 2
    assert await store.webhooks.replay_dead(wanted, died_until_ms=NOW_MS, limit=100) == 0
    counts = await store.webhooks.counts(delivered_since_ms=0)
    assert (counts.pending, counts.dead) == (2, 4)
    await store.close()


FOUND: list[tuple[DeliveryFilter, list[int]]] = [
    (DeliveryFilter(), [5, 4, 3, 2, 1]),
    (DeliveryFilter(state=DeliveryState.PENDING), [5]),
    (DeliveryFilter(state=DeliveryState.DEAD), [4, 3]),
    (DeliveryFilter(state=DeliveryState.DELIVERED), [2, 1]),
    (DeliveryFilter(event=STARTED), [2, 1]),
    (DeliveryFilter(host="A.example"), [3, 1]),
    (DeliveryFilter(host="b.example"), [4, 2]),
    (DeliveryFilter(host="b.example:8443"), [4, 2]),
    (DeliveryFilter(host="b.example:844"), []),
    (DeliveryFilter(host="example"), []),
    (DeliveryFilter(call_id="call_1"), [5, 3, 1]),
    (DeliveryFilter(DeliveryState.DEAD, ENDED, "b.example", "call_2"), [4]),
]


async def pages(store: Store, wanted: DeliveryFilter) -> list[int]:
    """All that fit, from pages of two."""
    found, before = [], None
    while True:
        page, before = await store.webhooks.page(wanted, limit=2, before_id=before)
        found += [delivery.webhook_id for delivery in page]
        if before is None:
            return found


async def test_they_are_found_from_the_newest_page_by_page(store: Store) -> None:
    for name, dead in ((STARTED, False), (ENDED, True)):
        await store.calls.save(a_call("call_1"), [an_event("call_1", name)])
        await store.calls.save(a_call("call_2"), [an_event("call_2", name, host="b.example:8443")])
        await settle(store, dead=dead)
    await store.calls.save(a_call("call_1"), [an_event("call_1", WebhookEventName.CALL_ANALYZED, host="b.examples")])
    await store.calls.save(a_call("gone"), [an_event("gone")])
    (_, gone) = await store.outbox.due(LATER_MS, 9)
    await store.outbox.failed(gone.outbox_id, "x", None)
    await store.outbox.bury(gone.outbox_id)
    for wanted, expected in FOUND:
        assert await pages(store, wanted) == expected, wanted
        assert await store.webhooks.count(wanted) == len(expected), wanted
    assert await store.webhooks.counts(delivered_since_ms=0) == DeliveryCounts(1, 2, 2)
    assert await store.webhooks.counts(delivered_since_ms=LATER_MS) == DeliveryCounts(1, 0, 2)
    assert [delivery.event for delivery in await store.webhooks.of_call("call_2")] == [STARTED, ENDED]
    assert await store.webhooks.get(gone.outbox_id) is None


async def test_a_transcript_is_not_kept_twice_and_cannot_be_sent_again(store: Store) -> None:
    await store.calls.save(a_call(), [an_event(name=TOLD)])
    await settle(store)
    delivery, body = await only(store)
    assert (delivery.is_kept, delivery.can_be_replayed, body) == (False, False, b"")
    assert not await store.webhooks.replay(delivery.webhook_id, replays=0)


async def save(store: Store, of: str, *names: str, **facts: Any) -> None:
    """Save a call or chat of the id `one` that is over, with events."""
    events = [an_event("one", WebhookEventName(name)) for name in names]
    if of == "call":
        await store.calls.save(a_call("one", call_status="ended", **facts), events)
    else:
        await store.chats.save(a_chat(chat_id="one", chat_status="ended", **facts), events)


@pytest.mark.parametrize("setting", ["everything_except_pii", "basic_attributes_only"])
@pytest.mark.parametrize("is_late", [False, True], ids=["from the beginning", "made stricter later"])
@pytest.mark.parametrize("of", ["call", "chat"])
async def test_of_what_may_not_be_stored_neither_sent_nor_answered_words_stay(
    store: Store, database_url: str, of: str, is_late: bool, setting: str
) -> None:
    await save(store, of, f"{of}_started", data_storage_setting=None if is_late else setting)
    await settle(store)
    assert ("thank you" in await all_text(database_url)) == is_late
    await save(store, of, data_storage_setting=setting)
    delivery, body = await only(store)
    assert [(attempt.status, attempt.answer) for attempt in delivery.attempts] == [(200, "")]
    assert body == f'{{"event":"{of}_started","{of}":{{}}}}'.encode()
    assert "my secret" not in await all_text(database_url)


@pytest.mark.parametrize("of", ["call", "chat"])
@pytest.mark.parametrize("what", ["deleted", "forgotten"])
async def test_of_what_was_deleted_or_forgotten_nothing_stays(
    store: Store, database_url: str, of: str, what: str
) -> None:
    """One webhook was delivered before, one was given up, and one is still sent afterwards."""
    for number, name in enumerate(("started", "ended", "analyzed")):
        await save(store, of, f"{of}_{name}")
        if name != "analyzed":
            await settle(store, dead=number == 1)
    assert "my secret" in await all_text(database_url)
    if what == "deleted":
        await (store.calls if of == "call" else store.chats).delete("one")
    elif of == "call":
        await store.calls.forget("one", CallPart.TRANSCRIPT)
    else:
        await store.chats.forget_transcript("one")
    await settle(store)
    delivery, body = await only(store)
    assert (delivery.event, body, delivery.is_kept) == (f"{of}_analyzed", b"", False)
    assert "my secret" not in await all_text(database_url)


@pytest.mark.parametrize("dead", [False, True])
async def test_what_is_old_goes_with_its_attempts(store: Store, database_url: str, dead: bool) -> None:
    await store.calls.save(a_call(call_status="ended"), [an_event()])
    await settle(store, dead=dead)
    purge = store.outbox.purge_dead if dead else store.outbox.purge_settled
    assert await purge(LATER_MS) == 1
    assert await all_text(database_url) == "[]"
    assert await store.webhooks.page(DeliveryFilter()) == ([], None)
