"""Of a call's transcripts only the last one waits."""

from __future__ import annotations

from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.store import Store
from tests.store.samples import a_call

UPDATED, STARTED = WebhookEventName.TRANSCRIPT_UPDATED, WebhookEventName.TRANSFER_STARTED


def event(name: WebhookEventName, body: bytes, call_id: str = "call_1") -> WebhookEvent:
    return WebhookEvent(call_id=call_id, event=name, url="http://127.0.0.1:1/", body=body)


async def waiting(store: Store) -> list[tuple[int, bytes]]:
    """Ids and bodies of what the outbox would send, one after the other."""
    found: list[tuple[int, bytes]] = []
    while due := await store.outbox.due(10**15, 10):
        for queued in due:
            found.append((queued.outbox_id, queued.event.body))
            await store.outbox.delivered(queued.outbox_id)
    return found


async def test_a_newer_transcript_takes_the_place_of_those_that_wait(store: Store) -> None:
    await store.calls.save(a_call(), [event(UPDATED, b"1"), event(STARTED, b"a"), event(UPDATED, b"2")])
    await store.calls.save(a_call(), [event(UPDATED, b"of another", "call_2")])
    await store.calls.save(a_call(), [event(UPDATED, b"3"), event(STARTED, b"b")])
    assert sorted(body for _, body in await waiting(store)) == [b"3", b"a", b"b", b"of another"]


async def test_one_that_is_just_being_sent_is_not_sent_again(store: Store) -> None:
    await store.calls.save(a_call(), [event(UPDATED, b"1")])
    (sending,) = await store.outbox.due(10**15, 10)
    await store.calls.save(a_call(), [event(UPDATED, b"2")])
    await store.outbox.failed(sending.outbox_id, "503", 0)
    await store.outbox.delivered(sending.outbox_id)
    assert [body for _, body in await waiting(store)] == [b"2"]


async def test_what_was_delivered_stays_so(store: Store) -> None:
    for body in (b"1", b"2"):
        await store.calls.save(a_call(), [event(UPDATED, body)])
        assert [found for _, found in await waiting(store)] == [body]
