"""The page of one number: what it is set to, in words, what is wrong with it, and the try of its inbound webhook."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import pytest

from ari_agent.calls.webhook_trial import TrialsBusy, WebhookTrial
from ari_agent.contract.trunk_status import TrunkDestinationStatus, TrunkStatus
from tests.console.conftest import NOW_MS, READ_ONLY_KEY, Browser, csrf_token, log_in, text_of
from tests.console.number_desk import API_KEY, NUMBER, NumberDesk, weights
from tests.fakes.webhook_server import Answer, WebhookServer

PAGE = "/console/numbers/%2B14155550100"
PROMPT = {"type": "retell-llm", "llm_id": "llm_none"}


@pytest.fixture
async def webhooks() -> AsyncIterator[WebhookServer]:
    async with WebhookServer(api_key=API_KEY) as server:
        yield server


def words(page: str) -> str:
    """The text of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def tried(browser: Browser, **form: str) -> str:
    token = await csrf_token(browser)
    answer = await browser.post(f"{PAGE}/try-webhook", data={"csrf_token": token, **form})
    assert answer.status == 200
    return words(await answer.text())


async def test_agents_are_told_with_shares_and_the_version_that_would_answer(
    browser: Browser, desk: NumberDesk
) -> None:
    ada, bob = await desk.agent("Ada"), await desk.agent("Bob")
    await desk.store.agents.publish(bob, 0)
    await desk.store.agents.create_version(bob, 0)
    await desk.store.agents.assign_tag(bob, "prod", 0)
    thirds = [1 / 3, 1 / 3, 0.3329, 1 - 2 / 3 - 0.3329]
    named: list[tuple[str, Any]] = [(ada, None), (bob, "prod"), (bob, "latest_published"), (bob, 1)]
    inbound = [
        {"agent_id": agent, "agent_version": version, "weight": weight}
        for (agent, version), weight in zip(named, thirds, strict=True)
    ]
    await desk.number(inbound_agents=inbound)
    page = words(await text_of(browser, PAGE))
    assert f"Calls in 33.3 % Ada {ada} version 0, the latest, a draft" in page
    assert f"Calls in 33.3 % Bob {bob} version 0, the tag prod, published" in page
    assert f"Calls in 33.3 % Bob {bob} version 0, the latest that is published, published" in page
    assert f"Calls in < 0.1 % Bob {bob} version 1, the number's own choice, a draft" in page


async def test_trunk_countries_and_policy_are_told_in_words_and_no_password(browser: Browser, desk: NumberDesk) -> None:
    await desk.number(
        nickname="Main line",
        fallback_number="+14155550999",
        sip_trunk_auth_username="acme",
        sip_trunk_auth_password="hidden1",
        termination_uris=["backup.example.com"],
        registration={"expires_s": 600},
        codecs=["PCMA"],
        inbound_webhook_url="https://u:hidden2@shop.example/a?key=hidden3",
        allowed_inbound_country_list=["US", "CA"],
        allowed_outbound_country_list=["DE"],
        dial_policy={"countries": ["DE"], "calls_per_day": 5, "cost_per_day_cents": 250, "number_types": ["mobile"]},
    )
    ways = (TrunkDestinationStatus(uri="sip:sip.example.com;transport=tcp", endpoint="t-1", state="reachable"),)
    desk.trunks.told[NUMBER] = TrunkStatus(
        phone_number=NUMBER,
        state="reachable",
        registration="trying",
        destinations=ways,
        last_error="not registered: the registrar has not answered yet",
        checked_at=NOW_MS,
    )
    answer = await text_of(browser, PAGE)
    page = words(answer)
    for said in (
        "+1 (415) 555-0100 Main line",
        "Inbound webhook shop.example",
        "Fallback number +14155550999",
        "Callers from US, CA alone",
        "Calls to DE alone",
        "State reachable , registration: trying asked at 2025-10-09",
        "Wrong not registered",
        "sip:sip.example.com;transport=tcp reachable endpoint t-1",
        "Login as acme, with a password",
        "Audio TCP, PCMA",
        "where it registers, for 600 s at a time",
        "countries may call numbers of these countries alone: DE",
        "calls_per_day at most 5 calls in 24 hours",
        "cost_per_day_cents nobody is dialled once the calls of 24 hours have cost 250 cents",
    ):
        assert said in page, said
    assert not re.search(r"hidden\d", answer)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"inbound_agents": weights("agent_none")}, "Calls in: agent agent_none not found."),
        ({"outbound_agents": weights("agent_none", agent_version=7)}, "agent agent_none version 7 not found."),
        ({"inbound_agents": "prompt"}, "has a response_engine of type retell-llm, which takes no calls; set"),
        ({"inbound_sms_agents": "prompt"}, "Texts in: agent"),
        ({"inbound_agents": "prompt", "serves": True}, "answers by llm_none, which does not exist"),
        ({}, "no agent and no inbound webhook, so that callers are turned away"),
        ({"sip_trunk_auth_username": "acme"}, "it has a user name and no password"),
        ({"fallback_number": "+88213123456"}, "Fallback number: it is not dialled: the workspace"),
        (
            {"allowed_outbound_country_list": ["US"], "dial_policy": {"countries": ["DE"]}},
            "no country is in both allowed_outbound_country_list and the countries of dial_policy",
        ),
        ({"inbound_webhook_url": "http://h.example/"}, "While the inbound webhook does not answer, callers are turned"),
        ({}, "Calls out have to name their agent (override_agent_id)"),
    ],
)
async def test_what_is_missing_or_contradictory_is_told(
    browser: Browser, desk: NumberDesk, fields: dict[str, Any], said: str
) -> None:
    if fields.pop("serves", False):
        desk.tools.bound._serves = {"audio-websocket", "retell-llm"}
    if "prompt" in fields.values():
        prompt = await desk.agent("Prompt", response_engine=PROMPT, voice_id="none")
        fields = {name: weights(prompt) if value == "prompt" else value for name, value in fields.items()}
    await desk.number(**fields)
    assert said in words(await text_of(browser, PAGE))


async def test_a_long_list_is_told_in_part(browser: Browser, desk: NumberDesk) -> None:
    hosts = [f"h{number}.example" for number in range(40)]
    await desk.number(dial_policy={"sip_domains": hosts, "extensions": []})
    page = words(await text_of(browser, PAGE))
    assert f"may call SIP URIs at these hosts alone: {', '.join(hosts[:30])} and 10 more" in page
    assert "may call these extensions of the PBX alone: none" in page


async def test_outbound_agents_without_a_trunk_are_told(browser: Browser, desk: NumberDesk) -> None:
    number = await desk.number(outbound_agents=weights(await desk.agent()))
    gone = number.model_copy(update={"sip_outbound_trunk_config": None})
    await desk.store.phone_numbers.delete(NUMBER)
    await desk.store.phone_numbers.create(gone)
    page = words(await text_of(browser, PAGE))
    assert "outbound agents, and no trunk to call through" in page
    assert "None: nobody can be called from this number" in page


async def test_a_try_asks_the_webhook_as_for_a_real_call_and_leaves_nothing(
    browser: Browser, desk: NumberDesk, webhooks: WebhookServer
) -> None:
    ada, bob = await desk.agent("Ada"), await desk.agent("Bob")
    hook = webhooks.hook(
        Answer.inbound(
            override_agent_id=bob, dynamic_variables={"name": "Eve", "api_key": "hidden1"}, metadata={"crm": 17}
        )
    )
    url = hook.url.replace("http://", "http://user:hidden2@") + "?caller={{user_number}}&token=hidden3"
    await desk.number(inbound_agents=weights(ada), inbound_webhook_url=url)
    page = await tried(browser, from_number="+4930123456")
    [asked] = hook.deliveries
    assert asked.signed
    assert asked.query["caller"] == "+4930123456"
    assert asked.json == {
        "event": "call_inbound",
        "event_timestamp": NOW_MS,
        "call_inbound": {
            "agent_id": ada,
            "call_id": "call_1",
            "from_number": "+4930123456",
            "to_number": NUMBER,
        },
    }
    assert "Bob, version 0 would take the call." in page
    assert re.search(r"Decided after \d+ ms", page)
    assert 'Dynamic variables { "name": "Eve", "api_key": "***" }' in page
    assert 'Metadata { "crm": 17 }' in page
    assert '"from_number": "+4930123456"' in page
    assert "rule the inbound webhook's override_agent_id" in page
    assert not re.search(r"hidden\d", page)
    assert await desk.store.calls.count() == 0


@pytest.mark.parametrize(
    ("answer", "own", "said"),
    [
        (Answer.inbound(reject=True), True, "(Q.850 21): rejected by the inbound webhook. "),
        (Answer.inbound(), True, "Ada, version 0 would take the call."),
        (Answer.inbound(), False, "the inbound webhook named no agent, and the number has none of its own."),
        (Answer(200, b"<html>"), True, "the answer is not valid JSON"),
        (Answer(500), False, "would end with error_inbound_webhook"),
        (Answer(302, headers={"Location": "http://127.0.0.1:1/secret"}), True, "redirects are not followed"),
        (Answer.inbound(override_agent_id="agent_none"), True, "override_agent_id: agent agent_none not found; agent"),
        (Answer.inbound(dynamic_variables=["no"]), True, "dynamic_variables"),
    ],
)
async def test_a_try_says_what_would_become_of_the_call(
    browser: Browser, desk: NumberDesk, webhooks: WebhookServer, answer: Answer, own: bool, said: str
) -> None:
    hook = webhooks.hook(answer)
    agents = weights(await desk.agent()) if own else None
    await desk.number(inbound_agents=agents, inbound_webhook_url=hook.url)
    assert said in await tried(browser)
    is_asked_again = answer.status != 200 or b"html" in answer.body
    assert [delivery.call["from_number"] for delivery in hook.deliveries] == ["+12137771234"] * (1 + is_asked_again)


async def test_a_caller_whom_the_number_does_not_take_is_refused_before_the_webhook_is_asked(
    browser: Browser, desk: NumberDesk, webhooks: WebhookServer
) -> None:
    hook = webhooks.hook()
    await desk.number(inbound_webhook_url=hook.url, allowed_inbound_country_list=["US"])
    page = await tried(browser, from_number="+4930123456")
    assert "(Q.850 21): calls and texts from DE are not allowed, only from US. " in page
    assert "It would leave no record." in page
    assert hook.deliveries == []


async def test_an_agent_that_takes_no_calls_sends_the_caller_on_in_the_dialplan(
    browser: Browser, desk: NumberDesk, webhooks: WebhookServer
) -> None:
    prompt = await desk.agent("Prompt", response_engine=PROMPT, voice_id="none")
    await desk.number(inbound_agents=weights(prompt), inbound_webhook_url=webhooks.hook(Answer.inbound()).url)
    page = await tried(browser)
    assert "would be turned away and go on in the dialplan (Q.850 38): agent" in page
    assert "would end with error_llm_websocket_open" in page


@pytest.mark.parametrize("typed", ["not a number", "+1\r\nX-Evil: 1", "<script>", "x" * 5000])
async def test_a_caller_that_nobody_can_be_is_refused_in_words(
    browser: Browser, desk: NumberDesk, webhooks: WebhookServer, typed: str
) -> None:
    hook = webhooks.hook()
    await desk.number(inbound_webhook_url=hook.url)
    assert "the caller's number must be a number such as" in await tried(browser, from_number=typed)
    assert hook.deliveries == []


async def test_only_who_may_change_things_asks_a_webhook_and_only_one_that_is_there(
    browser: Browser, desk: NumberDesk, webhooks: WebhookServer
) -> None:
    hook = webhooks.hook()
    await desk.number(inbound_webhook_url=hook.url)
    await desk.number("200")
    token = await csrf_token(browser)
    assert (await browser.post(f"{PAGE}/try-webhook", data={})).status == 403
    answer = await browser.post("/console/numbers/200/try-webhook", data={"csrf_token": token})
    assert (answer.status, "200 has no inbound webhook" in await answer.text()) == (400, True)
    for unknown in ("201", "%00", "..%2f", "+1415555010" + "0" * 60):
        answer = await browser.post(f"/console/numbers/{unknown}/try-webhook", data={"csrf_token": token})
        assert answer.status in {404, 422}, unknown
    await log_in(browser, READ_ONLY_KEY)
    page = await text_of(browser, PAGE)
    assert "The key that may only look asks no webhook" in page
    assert "Try it<" not in page
    answer = await browser.post(f"{PAGE}/try-webhook", data={"csrf_token": await csrf_token(browser)})
    assert answer.status == 403
    assert hook.deliveries == []


async def test_few_webhooks_are_tried_out_at_the_same_time(desk: NumberDesk, webhooks: WebhookServer) -> None:
    number = await desk.number(inbound_webhook_url=webhooks.hook(Answer.inbound(delay_s=0.3)).url)
    found = await asyncio.gather(*(desk.tools.webhooks.run(number, "+1") for _ in range(6)), return_exceptions=True)
    assert [type(each) for each in found] == [WebhookTrial] * 4 + [TrialsBusy] * 2
    assert isinstance(await desk.tools.webhooks.run(number, "+1"), WebhookTrial)


async def test_a_large_answer_is_shown_in_part(browser: Browser, desk: NumberDesk, webhooks: WebhookServer) -> None:
    large = {"dynamic_variables": {f"v{number}": "x" * 1000 for number in range(500)}}
    await desk.number(inbound_webhook_url=webhooks.hook(Answer(200, json.dumps({"call_inbound": large}).encode())).url)
    page = await tried(browser)
    assert len(page) < 200_000
    assert "the inbound webhook named no agent" in page
