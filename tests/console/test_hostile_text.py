"""Whatever a caller, a webhook or an agent says is shown as text, on every page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls.bound_agent import Bound, BoundAgent
from ari_agent.check.finding import Finding, Status
from ari_agent.check.report import Entry
from ari_agent.contract.agent import AgentCreate, AgentUpdate
from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberUpdate
from ari_agent.contract.retell_llm import LlmCreate, LlmUpdate
from ari_agent.contract.trunk_status import TrunkDestinationStatus, TrunkStatus
from ari_agent.contract.webhook_attempt import WebhookAttempt
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.store import Store
from tests.console.conftest import NOW_MS, Browser, Checks, LiveCalls, OneCall, a_call, csrf_token, keep_file, text_of
from tests.console.number_desk import API_KEY, NumberDesk, weights
from tests.fakes.webhook_server import Answer, Delivery, WebhookServer

CORPUS = [
    text.replace("MARK", "x55")
    for text in json.loads((Path(__file__).parents[1] / "data" / "hostile_texts.json").read_text("utf-8"))
]


class Page(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def shape(page: Page) -> tuple[list[str], list[str]]:
    """The elements and the names of attributes: what a text that became markup would change."""
    return page.elements, [name for name, _ in page.attributes]


async def _bound(
    named: list[BoundAgent], numbers: Sequence[object], *, most: int = 1000
) -> Sequence[Mapping[str, Bound]]:
    return [{"inbound_agents": Bound(named[n : n + most], len(named))} for n in range(len(numbers))]


def call_that_says(text: str) -> dict[str, object]:
    said = [
        {"role": "user", "content": text, "words": [{"word": text, "start": 0.1, "end": 0.2}]},
        {"role": "agent", "content": text, "words": []},
        {"role": "tool_call_invocation", "tool_call_id": "1", "name": text, "arguments": text},
    ]
    return {
        "from_number": text,
        "to_number": text,
        "agent_name": text,
        "transfer_destination": text,
        "faults": [text],
        "hangup": {"who": "caller", "timestamp": 1, "reason": text},
        "retell_llm_dynamic_variables": {text: text},
        "custom_sip_headers": {text: text},
        "collected_dynamic_variables": {text: text},
        "custom_attributes": {text: text},
        "metadata": {text: text},
        "transcript_with_tool_calls": said,
        "transcript_object": said[:2],
        "call_analysis": {"call_summary": text},
        "sip": [{"event": "INVITE", "direction": "received", "timestamp": 1, "leg": "target"}],
    }


def webhook_that_says(call_id: str, text: str) -> WebhookEvent:
    body = json.dumps({"event": "call_ended", "call": {"transcript": text}}, ensure_ascii=False).encode()
    url = f"https://{text}:{text}@hooks.example/{text}?{text}"
    return WebhookEvent(call_id, WebhookEventName.CALL_ENDED, url, body)


async def refuse(store: Store, text: str) -> None:
    """Answer the webhook that waits with a text, which also is the reason of the failure."""
    (queued,) = await store.outbox.due(NOW_MS, 9)
    attempt = WebhookAttempt(NOW_MS, 1, 500, text, text)
    await store.outbox.failed(queued.outbox_id, text, None, attempt=attempt)


def log_that_says(text: str) -> bytes:
    facts: list[dict[str, Any]] = [
        {"event": "number", "candidates": [text], "number": text},
        {"event": "draw", "by": text, "dice": 0.5, "weights": [{"agent_id": text, "agent_version": text, "weight": 1}]},
        {"event": "inbound_webhook_asked", "url": text, "content": text},
        {"event": "inbound_webhook_answered", "attempt": text, "ignored": text, "content": {text: text}},
        {"event": "routed", "decision": "connect", "rule": text, "agent_id": text, "agent_version": text},
        {"event": "agent_message", "direction": "received", "kind": text, "content": {text: [text]}},
        {"event": "agent_message", "direction": "sent", "kind": "start", "content": text},
        {"event": "latency", "part": "e2e", "took_ms": 900},
        {"event": "media", "seconds": 10, "counters": {"packets_received": 500, text: 1}},
        {"event": "media_quality", "codec": text, "caller_to_agent": {"jitter_ms": 1.5, text: text}},
    ]
    return b"".join(json.dumps({"ms": 1000, **each}).encode() + b"\n" for each in facts)


async def test_a_hundred_hostile_texts_are_text_on_every_page(
    browser: Browser, store: Store, live_calls: LiveCalls, artefacts: Artefacts
) -> None:
    assert len(CORPUS) >= 100
    while "are being counted" in await text_of(browser, "/console"):  # figures, which come when they are known
        pass
    for number, text in enumerate(["harmless x55", *CORPUS]):
        call_id = f"call_{number}"
        log_url = await keep_file(artefacts, call_id, "log.jsonl", log_that_says(text))
        call = a_call(call_id, public_log_url=log_url, **call_that_says(text))
        await store.calls.save(call, [webhook_that_says(call_id, text)])
        await refuse(store, text)
        live_calls.calls[:] = [OneCall(call)]
        pages = [
            Page(await text_of(browser, path))
            for path in (
                "/console",
                f"/console/calls/call_{number}",
                "/console/calls",
                f"/console/calls/call_{number}?log=messages",
                "/console/webhooks",
                f"/console/webhooks/{number + 1}",
                f"/console/calls/call_{number}/control",
            )
        ]
        if number == 0:
            expected = [shape(page) for page in pages]
        assert [shape(page) for page in pages] == expected, text
        shown = "".join(text.split())
        assert shown in "".join(pages[0].text.split()), text
        assert "".join(pages[1].text.split()).count(shown) >= 20, text
        assert "".join(pages[3].text.split()).count(shown) >= 5, text
        assert "".join(pages[5].text.split()).count(shown) >= 3, text
        await store.calls.delete(call.call_id)


def agent_that_says(text: str) -> dict[str, object]:
    custom = {"type": "custom", "name": "x", "url": "https://x.example", "description": text}
    return {
        "agent_name": text[:1000],
        "version_title": text,
        "version_description": text,
        "expressive_mode_prompt": text,
        "boosted_keywords": [text],
        "voice_id": text[:256] or "v",
        "voicemail_option": {"action": {"type": "static_text", "text": text}},
        "pre_session_tools": [custom],
    }


async def test_a_hundred_hostile_texts_of_agents_and_prompts_are_text(browser: Browser, store: Store) -> None:
    llm = await store.retell_llms.create(LlmCreate(general_prompt="x"))
    engine = {"type": "retell-llm", "llm_id": llm.llm_id}
    made = AgentCreate.model_validate({"response_engine": engine, **agent_that_says("x55")})
    agent = await store.agents.create(made)
    bound = {"phone_number": "+14155550100", "inbound_agents": [{"agent_id": agent.agent_id, "weight": 1}]}
    number = PhoneNumber.model_validate({**bound, "nickname": "x55", "last_modification_timestamp": 1})
    await store.phone_numbers.create(number)
    await store.agents.publish(agent.agent_id, None)
    await store.agents.update(agent.agent_id, AgentUpdate(agent_name="other"))
    path = f"/console/agents/{agent.agent_id}"
    for place, text in enumerate(["harmless x55", *CORPUS]):
        prompt = {"general_prompt": text, "begin_message": text, "s2s_model": text[:256] or "m"}
        await store.retell_llms.update(llm.llm_id, LlmUpdate.model_validate(prompt))
        await store.agents.update(agent.agent_id, AgentUpdate.model_validate(agent_that_says(text)))
        pages = [Page(await text_of(browser, each)) for each in ("/console/agents", path, f"{path}/talk")]
        if place == 0:
            expected = [shape(page) for page in pages]
        assert [shape(page) for page in pages] == expected, text
        shown = "".join(text[:60].split())
        assert shown in "".join(pages[0].text.split()), text
        assert "".join(pages[1].text.split()).count(shown) >= 3, text


async def pages_of_numbers(browser: Browser, desk: NumberDesk, checks: Checks, texts: list[str]) -> list[Page]:
    """The pages of numbers and of checks, whose every field somebody has filled with these texts."""
    found = await desk.store.agents.get(await desk.agent())
    assert found
    named = [BoundAgent(text, text, 0.01, found.model_copy(update={"agent_name": text}), text) for text in texts]
    desk.tools.bound.of = partial(_bound, named)  # type: ignore[method-assign]
    ways = tuple(TrunkDestinationStatus(uri=text, endpoint=text, state="reachable") for text in texts)
    status = {"state": "reachable", "registration": "none", "checked_at": 0, "last_error": texts[0]}
    desk.trunks.told["+14155550000"] = TrunkStatus(phone_number="+14155550000", destinations=ways, **status)
    for place, text in enumerate(texts):
        given = PhoneNumberUpdate(nickname=text[:1000])
        if await desk.store.phone_numbers.update(f"+1415555{place:04}", given) is None:
            await desk.number(f"+1415555{place:04}", nickname=text[:1000])
    checks.find = [Entry("Asterisk", "ari", Finding(Status.FAILED, text, text)) for text in texts]
    await browser.post("/console/check", data={"csrf_token": await csrf_token(browser)}, allow_redirects=False)
    lists = [f"/console/numbers?after=%2B14155{place}" for place in (549999, 550049, 550099)]
    return [
        Page(await text_of(browser, path)) for path in (*lists, "/console/numbers/%2B14155550000", "/console/check")
    ]


async def test_whatever_numbers_agents_trunks_and_checks_say_is_text(
    browser: Browser, desk: NumberDesk, checks: Checks
) -> None:
    """What a number holds is written by API clients, what a check finds by whoever is asked."""
    checks.go_on.set()
    plain = await pages_of_numbers(browser, desk, checks, [f"harmless {place}" for place in range(len(CORPUS))])
    pages = await pages_of_numbers(browser, desk, checks, CORPUS)
    assert [shape(page) for page in pages] == [shape(page) for page in plain]
    lists, number, check = "".join(page.text for page in pages[:3]), pages[3].text, pages[4].text
    for text in CORPUS:
        shown = "".join(text.split())
        assert shown[:60] in "".join(lists.split()), text
        assert "".join(number.split()).count(shown) >= 5, text
        assert "".join(check.split()).count(shown) >= 2, text


async def test_what_a_webhook_answers_to_a_try_is_text(browser: Browser, desk: NumberDesk) -> None:
    texts = [["harmless x55"], CORPUS]

    def answer(_: Delivery) -> Answer:
        said = texts.pop(0)
        return Answer.inbound(dynamic_variables=dict(zip(said, said, strict=True)), metadata={"said": said})

    async with WebhookServer(api_key=API_KEY) as webhooks:
        await desk.number(inbound_agents=weights(await desk.agent()), inbound_webhook_url=webhooks.hook(answer).url)
        form = {"csrf_token": await csrf_token(browser), "from_number": "+1"}
        path = "/console/numbers/%2B14155550100/try-webhook"
        plain, page = [Page(await (await browser.post(path, data=form)).text()) for _ in "ab"]
        assert shape(page) == shape(plain)
        assert "alert(" in page.text


async def test_what_is_asked_about_dialling_and_numbers_is_text(browser: Browser, desk: NumberDesk) -> None:
    await desk.number()
    plain = [
        shape(Page(await text_of(browser, path)))
        for path in ("/console/dial?to=x55&from=x55&agent=x55", "/console/numbers?q=x55")
    ]
    for text in CORPUS:
        dial = await browser.get("/console/dial", params={"to": text, "from": text, "agent": text})
        search = await browser.get("/console/numbers", params={"q": text})
        assert [shape(Page(await page.text())) for page in (dial, search)] == plain, text


async def test_what_is_looked_for_is_text_as_well(browser: Browser) -> None:
    plain = shape(Page(await text_of(browser, "/console/calls?number=x55&since=x55&agent=x55&words=x55")))
    for text in CORPUS:
        answer = await browser.get(
            "/console/calls", params={"number": text, "since": text, "agent": text, "words": text}
        )
        assert shape(Page(await answer.text())) == plain, text


async def test_what_is_looked_for_among_webhooks_is_text_as_well(browser: Browser) -> None:
    plain = shape(Page(await text_of(browser, "/console/webhooks?host=x/55&call=x/55&event=x55")))
    for text in CORPUS:
        answer = await browser.get("/console/webhooks", params={"host": f"{text}/", "call": f"{text}/", "event": text})
        assert shape(Page(await answer.text())) == plain, text


async def test_what_is_looked_for_among_agents_is_text_as_well(browser: Browser) -> None:
    plain = shape(Page(await text_of(browser, "/console/agents?name=x55")))
    for text in CORPUS:
        answer = await browser.get("/console/agents", params={"name": text, "after": text})
        assert shape(Page(await answer.text())) == plain, text
