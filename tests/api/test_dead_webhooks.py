"""The list of webhooks that were given up, and sending them again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.store import Store
from tests.api.conftest import NOW_MS, Api, Json, refused
from tests.api.test_calls import a_call

pytestmark = pytest.mark.slow

URL = "https://user:secret@receiver.example/hook?token=1"


def payload(call_id: str) -> Json:
    """What the webhook would have told."""
    return {"event": "call_ended", "call": {"call_id": call_id, "transcript": "Grüße"}}


async def make_dead(store: Store, count: int) -> Sequence[int]:
    """That many dead letters, oldest first; their ids."""
    for number in range(count):
        call = a_call(number)
        event = WebhookEvent(
            call.call_id, WebhookEventName.CALL_ENDED, URL, compact_json(payload(call.call_id)), timeout_ms=1000
        )
        await store.calls.save(call, [event])
    due = await store.outbox.due(NOW_MS, count)
    for queued in due:
        await store.outbox.failed(queued.outbox_id, "answered 500, expected 2xx", None)
    return [queued.outbox_id for queued in due]


async def listed(api: Api, query: str = "") -> Json:
    response = await api.get(f"/list-dead-webhooks{query}")
    assert response.status == 200
    body: Json = await response.json()
    return body


async def test_a_dead_letter_is_shown_whole(api: Api, store: Store) -> None:
    (webhook_id,) = await make_dead(store, 1)
    call_id = a_call(0).call_id
    assert await listed(api) == {
        "items": [
            {
                "webhook_id": webhook_id,
                "event": "call_ended",
                "call_id": call_id,
                "url": URL,
                "attempts": 1,
                "last_error": "answered 500, expected 2xx",
                "created_timestamp": NOW_MS,
                "failed_timestamp": NOW_MS,
                "payload": payload(call_id),
            }
        ],
        "has_more": False,
    }


async def test_pages_go_from_the_oldest_to_the_newest(api: Api, store: Store) -> None:
    ids = await make_dead(store, 5)
    seen: list[int] = []
    page = await listed(api, "?limit=2")
    while True:
        seen += [item["webhook_id"] for item in page["items"]]
        if not page["has_more"]:
            break
        page = await listed(api, f"?limit=2&pagination_key={page['pagination_key']}")
    assert seen == list(ids)
    assert "pagination_key" not in page


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "pagination_key=-1", "pagination_key=x"])
async def test_a_wrong_page_is_refused(api: Api, query: str) -> None:
    message = await refused(await api.get(f"/list-dead-webhooks?{query}"), 400)
    assert query.split("=", maxsplit=1)[0] in message


async def test_one_is_sent_again(api: Api, store: Store) -> None:
    first, second = await make_dead(store, 2)
    assert (await api.post(f"/replay-dead-webhook/{first}")).status == 204
    (due,) = await store.outbox.due(NOW_MS, 10)
    assert (due.outbox_id, due.attempts) == (first, 0)
    assert [item["webhook_id"] for item in (await listed(api))["items"]] == [second]
    assert "not found" in await refused(await api.post(f"/replay-dead-webhook/{first}"), 422)


async def test_all_are_sent_again(api: Api, store: Store) -> None:
    ids = await make_dead(store, 3)
    response = await api.post("/replay-dead-webhooks")
    assert (response.status, await response.json()) == (200, {"replayed_count": 3})
    assert [queued.outbox_id for queued in await store.outbox.due(NOW_MS, 10)] == list(ids)
    assert (await (await api.post("/replay-dead-webhooks")).json()) == {"replayed_count": 0}


async def test_those_of_one_call_are_listed_and_sent_again(api: Api, store: Store) -> None:
    _, second, _ = await make_dead(store, 3)
    call_id = a_call(1).call_id
    assert [item["webhook_id"] for item in (await listed(api, f"?call_id={call_id}"))["items"]] == [second]
    assert await listed(api, "?call_id=call_nobody") == {"items": [], "has_more": False}
    response = await api.post(f"/replay-dead-webhooks?call_id={call_id}")
    assert await response.json() == {"replayed_count": 1}
    assert [queued.outbox_id for queued in await store.outbox.due(NOW_MS, 10)] == [second]
    assert len((await listed(api))["items"]) == 2


@pytest.mark.parametrize("call_id", ["", "x" * 257])
async def test_what_is_no_id_is_refused(api: Api, store: Store, call_id: str) -> None:
    """So that a client whose variable is empty does not send everything again."""
    await make_dead(store, 1)
    for response in (
        await api.get(f"/list-dead-webhooks?call_id={call_id}"),
        await api.post(f"/replay-dead-webhooks?call_id={call_id}"),
    ):
        assert "call_id" in await refused(response, 400)
    assert await store.outbox.dead_count() == 1


async def test_one_is_forgotten_and_never_queued_again(api: Api, store: Store) -> None:
    (webhook_id,) = await make_dead(store, 1)
    assert (await api.delete(f"/delete-dead-webhook/{webhook_id}")).status == 204
    assert (await listed(api))["items"] == []
    await refused(await api.delete(f"/delete-dead-webhook/{webhook_id}"), 422)
    await refused(await api.post(f"/replay-dead-webhook/{webhook_id}"), 422)
    assert await make_dead(store, 1) == []


@pytest.mark.parametrize("webhook_id", ["0", "7", "x", "-1", "9" * 30, "1%20", "%2B1", "\u0661"])
async def test_an_unknown_id_is_422(api: Api, webhook_id: str) -> None:
    await refused(await api.post(f"/replay-dead-webhook/{webhook_id}"), 422)
    await refused(await api.delete(f"/delete-dead-webhook/{webhook_id}"), 422)
