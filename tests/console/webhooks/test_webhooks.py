"""Webhooks on pages: each attempt with its answer, as real receivers gave it, and sending them again, once."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from ari_agent.console.webhooks.webhook_page import shown_payload
from ari_agent.console.webhooks.webhook_query import WebhookQuery
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.store.store import Store
from ari_agent.webhooks import signature
from ari_agent.webhooks.signed_post import DELIVERY_HEADER
from tests.console.conftest import READ_ONLY_KEY, Browser, a_call, csrf_token, log_in, text_of
from tests.webhooks.deliverer import an_event, delivering, until_settled
from tests.webhooks.receiver import Arrival, Receiver, never

ENDED = WebhookEventName.CALL_ENDED


class Moody:
    """Answers each request as it is told; at the end as the last time."""

    def __init__(self, *answers: int | str) -> None:
        self.answers = list(answers)

    async def __call__(self, arrival: Arrival) -> web.StreamResponse:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "hang":
            return await never(arrival)
        return web.Response(status=int(answer), text=f"<b>{answer}</b> & so on")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver(Moody(200)) as running:
        yield running


async def deliver(store: Store, receiver: Receiver, *calls: str, name: WebhookEventName = ENDED) -> None:
    """Queue an event of each call, and deliver until nothing waits."""
    for call_id in calls:
        url = receiver.url.replace("//", "//user:hunter2@") + "?token=hunter2"
        await store.calls.save(a_call(call_id), [an_event(url, call_id, name, timeout_ms=200)])
    async with delivering(store.outbox):
        await until_settled(store)


def links(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'href="/console/webhooks/(\d+)"', page)]


def shown(page: str) -> str:
    """The text of a page; of elements side by side, with a space between."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def post(browser: Browser, path: str, **fields: str) -> tuple[int, str]:
    """Send a form with the token; returns the status, and where it leads or what it says."""
    form = {"csrf_token": await csrf_token(browser), **fields}
    answer = await browser.post(path, data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location") or await answer.text()


async def test_each_attempt_is_shown_with_what_came(browser: Browser, store: Store, receiver: Receiver) -> None:
    receiver.answer = Moody(500, "hang", 204)
    await deliver(store, receiver, "call_1")
    await deliver(store, receiver, "call_1", name=WebhookEventName.CALL_ANALYZED)
    page = await text_of(browser, "/console/webhooks/1")
    text = shown(page)
    assert "State delivered" in text
    assert re.search(r"500 \d+ ms answered 500, expected 2xx <b>500</b> & so on", text), text
    assert re.search(r"\d+ ms no answer within 0.2 s", text)
    assert re.search(r"204 \d+ ms no text", text)
    assert '"transcript": "Grüße"' in text
    assert "hunter2" not in page and "hunter2" not in await text_of(browser, "/console/webhooks")
    of_call = await text_of(browser, "/console/calls/call_1")
    assert links(of_call) == [1, 2]
    assert "hunter2" not in of_call
    listed = shown(await text_of(browser, "/console/webhooks"))
    assert "0 waiting 2 delivered today UTC 0 dead" in listed


@pytest.mark.parametrize("state", ["delivered", "dead"])
async def test_it_is_sent_once_more_however_often_one_clicks(
    browser: Browser, store: Store, receiver: Receiver, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = Moody(200 if state == "delivered" else 500)
    await deliver(store, receiver, "call_1")
    assert f"State {state}" in shown(await text_of(browser, "/console/webhooks/1"))
    before, receiver.answer = len(receiver.arrivals), Moody(200)
    caplog.set_level("INFO")
    for _ in range(2):  # the second click comes while it waits
        assert await post(browser, "/console/webhooks/1/replay", replays="0") == (303, "/console/webhooks/1")
    page = await text_of(browser, "/console/webhooks/1")
    assert "State waiting sent again " in shown(page)
    assert 'hx-get="/console/webhooks/1/delivery"' in page
    async with delivering(store.outbox):
        await until_settled(store)
    for _ in range(2):  # and when it was delivered already
        await post(browser, "/console/webhooks/1/replay", replays="0", back="call")
    async with delivering(store.outbox):
        await until_settled(store)
    first, again = receiver.arrivals[0], receiver.arrivals[before:]
    assert len(again) == 1
    assert (again[0].body, again[0].path) == (first.body, first.path)
    assert again[0].headers[DELIVERY_HEADER.lower()] == first.headers[DELIVERY_HEADER.lower()]
    assert again[0].is_signed
    assert again[0].headers[signature.HEADER.lower()] != first.headers[signature.HEADER.lower()]
    part = await text_of(browser, "/console/webhooks/1/delivery")
    assert "State delivered sent again " in shown(part)
    assert "hx-get" not in part
    told = [record for record in caplog.records if record.message == "webhook sent again"]
    assert [(record.__dict__["webhook_id"], record.__dict__["login"]) for record in told] == [(1, "admin")]


async def test_from_a_calls_page_one_comes_back_to_it(browser: Browser, store: Store, receiver: Receiver) -> None:
    await deliver(store, receiver, "call_1")
    assert 'name="back" value="call"' in await text_of(browser, "/console/calls/call_1")
    there = await post(browser, "/console/webhooks/1/replay", replays="0", back="call")
    assert there == (303, "/console/calls/call_1#webhooks")


async def test_who_has_a_link_to_a_call_sees_no_webhooks(browser: Browser, store: Store, receiver: Receiver) -> None:
    await deliver(store, receiver, "call_1")
    form = {"csrf_token": await csrf_token(browser)}
    page = await (await browser.post("/console/calls/call_1/share", data=form)).text()
    (path,) = re.findall(r'value="http://[^/"]+(/console/shared/[^"]+)"', page)
    shared = await text_of(browser, path)
    assert "call_1" in shared and links(shared) == [] and "/replay" not in shared


async def test_who_may_only_look_sends_nothing(stranger: Browser, store: Store, receiver: Receiver) -> None:
    receiver.answer = Moody(500)
    await deliver(store, receiver, "call_1")
    await log_in(stranger, READ_ONLY_KEY)
    for path in ("/console/webhooks/1", "/console/webhooks?state=dead", "/console/calls/call_1"):
        assert "/replay" not in await text_of(stranger, path)
    for path in ("/console/webhooks/1/replay", "/console/webhooks/replay"):
        status, text = await post(stranger, path, replays="0", shown_ms="9999999999999")
        assert (status, "may only look" in text) == (403, True)
    assert await store.outbox.dead_count() == 1


async def test_without_the_token_nothing_is_sent(browser: Browser, store: Store, receiver: Receiver) -> None:
    receiver.answer = Moody(500)
    await deliver(store, receiver, "call_1")
    for path in ("/console/webhooks/1/replay", "/console/webhooks/replay"):
        form = {"replays": "0", "shown_ms": "9999999999999"}
        answer = await browser.post(path, data=form, allow_redirects=False)
        assert answer.status == 403
    assert await store.outbox.dead_count() == 1


async def test_all_dead_ones_of_a_host_are_sent_again(
    browser: Browser,
    store: Store,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("ari_agent.console.webhooks.webhook_list.REPLAYED_BY_ONE_CLICK", 2)
    caplog.set_level("INFO")
    receiver.answer = Moody(400)
    async with Receiver(Moody(400)) as other:
        await deliver(store, receiver, "call_1", "call_2", "call_3")
        await deliver(store, other, "call_4")
        host = receiver.url.split("/")[2]
        search = f"/console/webhooks?state=dead&host={host}"
        page = await text_of(browser, search)
        assert links(page) == [3, 2, 1]
        assert "Send the oldest 2 of 3 again" in page
        (shown_ms,) = re.findall(r'name="shown_ms" value="(\d+)"', page)
        status, there = await post(browser, "/console/webhooks/replay", host=host, shown_ms=shown_ms)
        assert status == 303
        text = shown(await text_of(browser, there))
        assert "2 will be sent again. 1 dead ones are left." in text and "Send it again" in text
        receiver.answer = Moody(200)
        before = len(other.arrivals)
        async with delivering(store.outbox):
            await until_settled(store)
        assert [a.document["call"]["call_id"] for a in receiver.arrivals[-2:]] == ["call_1", "call_2"]
        assert len(other.arrivals) == before
    told = next(record.__dict__ for record in caplog.records if record.message == "dead webhooks sent again")
    assert (told["count"], told["login"]) == (2, "admin")


@pytest.mark.parametrize(
    ("path", "form", "status", "said"),
    [
        ("/console/webhooks/replay", {"shown_ms": "1", "host": "a b"}, 400, "is no host"),
        ("/console/webhooks/replay", {}, 400, "when the list was shown"),
        ("/console/webhooks/1/replay", {"replays": "x"}, 400, "open its page again"),
        ("/console/webhooks/7/replay", {"replays": "0"}, 404, "webhook 7 not found"),
        ("/console/webhooks/%00/replay", {"replays": "0"}, 404, "not found"),
    ],
)
async def test_a_form_that_does_not_say_which_is_refused(
    browser: Browser, path: str, form: dict[str, str], status: int, said: str
) -> None:
    answered = await post(browser, path, **form)
    assert answered[0] == status and said in answered[1]


@pytest.mark.parametrize("webhook_id", ["7", "0", "9" * 18, "9" * 19, "-1", "%00", "x"])
async def test_there_is_no_page_of_a_webhook_that_is_not_there(browser: Browser, webhook_id: str) -> None:
    for path in ("", "/delivery"):
        assert "not found" in await text_of(browser, f"/console/webhooks/{webhook_id}{path}", 404)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=fine", "“fine” is no state of a webhook"),
        ("event=lunch", "“lunch” is no event"),
        ("host=a/b", "“a/b” is no host: write hooks.example.com"),
        ("call=a b", "“a b” is no id of a call or chat"),
        ("before=-1", "“-1” is no place in the list"),
        ("replayed=x", ""),
    ],
)
async def test_what_cannot_be_looked_for_is_said_and_the_rest_is_shown(
    browser: Browser, store: Store, receiver: Receiver, query: str, said: str
) -> None:
    await deliver(store, receiver, "call_1")
    page = await text_of(browser, f"/console/webhooks?{query}")
    assert said in page and links(page) == [1]


async def test_the_list_goes_on_where_a_page_ends(browser: Browser, store: Store) -> None:
    events = [an_event("https://hooks.example/", "call_1", WebhookEventName.TRANSFER_STARTED) for _ in range(60)]
    await store.calls.save(a_call(), events)
    first = await text_of(browser, "/console/webhooks?event=transfer_started")
    assert links(first) == list(range(60, 10, -1))
    (older,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = await text_of(browser, older.replace("&amp;", "&"))
    assert links(second) == list(range(10, 0, -1))
    assert 'rel="next"' not in second and "Newest" in second


def test_a_payload_is_text_of_a_bounded_size_without_secrets() -> None:
    assert (
        shown_payload(b'{"call":{"a":"\xc3\xa9","access_token":"hunter2"}}') == '{\n  "call": {\n    "a": "é"\n  }\n}'
    )
    assert shown_payload(b'{"call":"x","chat":{}}') == '{\n  "call": "x",\n  "chat": {}\n}'
    assert shown_payload(b"[1]") == "[\n  1\n]"
    assert shown_payload(b"\xff{") == "\ufffd{"
    long = shown_payload(b'{"call":{"access_token":"hunter2","transcript":"' + b"x" * 2**21 + b'"}}')
    assert len(long) < 2**18 + 100 and "hunter2" not in long


def test_a_search_is_kept_in_links() -> None:
    query = WebhookQuery.of({"state": "dead", "host": "a.example:1", "before": "7", "unknown": "1"})
    assert query.link(before="") == "state=dead&host=a.example%3A1"
    assert query.before_id == 7
