"""The list of numbers: found by number, nickname and agent, with what is bound to each, and quick with many."""

from __future__ import annotations

import re

import pytest

from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.store import phone_numbers
from tests.console.conftest import NOW_MS, Browser, text_of
from tests.console.number_desk import NumberDesk, weights


def listed(page: str) -> list[str]:
    return [found.replace("%2B", "+") for found in re.findall(r'<a href="/console/numbers/([^"?]+)">', page)]


async def looked_for(browser: Browser, **query: str) -> list[str]:
    answer = await browser.get("/console/numbers", params=query)
    assert answer.status == 200
    return listed(await answer.text())


async def test_numbers_are_found_by_what_people_know_of_them(browser: Browser, desk: NumberDesk) -> None:
    ada, bob = await desk.agent("Ada Müller"), await desk.agent("Bob")
    await desk.number("+14155550100", nickname="Main LINE", inbound_agents=weights(ada, bob))
    await desk.number("+493012345601", nickname="Büro", outbound_agents=weights(bob))
    await desk.number("reception", sip_trunk_auth_username="acme", sip_trunk_auth_password="hunter2")
    assert await looked_for(browser) == ["+14155550100", "+493012345601", "reception"]
    for text, found in (
        ("+1 (415) 555", ["+14155550100"]),
        ("3012345", ["+493012345601"]),
        ("main line", ["+14155550100"]),
        ("BÜRO", ["+493012345601"]),
        ("Müller", ["+14155550100"]),
        ("bob", ["+14155550100", "+493012345601"]),
        (ada, ["+14155550100"]),
        ("rece", ["reception"]),
        ("nobody", []),
        # the document has the trunk's login too, which nobody shall guess letter by letter
        ("hunter2", []),
        ("acme", []),
        ("\0", ["+14155550100", "+493012345601", "reception"]),
    ):
        assert await looked_for(browser, q=text) == found, text


async def test_a_row_says_who_answers_where_calls_go_and_that_something_is_wrong(
    browser: Browser, desk: NumberDesk
) -> None:
    agents = [await desk.agent(f"Agent {number}") for number in range(5)]
    await desk.number(
        inbound_agents=[{"agent_id": agent, "weight": 0.2} for agent in agents],
        outbound_agents=weights("agent_none"),
        inbound_webhook_url="https://user:hidden1@shop.example:8443/hook?token=hidden2",
        fallback_number="200",
        sip_trunk_auth_username="acme",
        sip_trunk_auth_password="hidden3",
    )
    desk.trunks.told["+14155550100"] = TrunkStatus(
        phone_number="+14155550100", state="unreachable", registration="rejected", destinations=(), checked_at=NOW_MS
    )
    page = await text_of(browser, "/console/numbers")
    for said in ("Agent 0", "20 %", "2 more", "shop.example:8443", "sip.example.com", "unreachable", "rejected", "200"):
        assert said in page, said
    assert "1 problem<" in page
    assert not re.search(r"hidden\d", page)


async def test_pages_lead_on_by_key_and_keep_the_search(browser: Browser, desk: NumberDesk) -> None:
    for number in range(60):
        await desk.number(f"+1415555{number:04}", nickname="line")
    for query in ("", "?q=line"):
        page, seen = await text_of(browser, f"/console/numbers{query}"), []
        while True:
            seen += listed(page)
            following = re.search(r'href="(/console/numbers\?[^"]*)" rel="next"', page)
            if not following:
                break
            assert ("q=line" in following[1]) == bool(query)
            page = await text_of(browser, following[1].replace("&amp;", "&"))
        assert seen == [f"+1415555{number:04}" for number in range(60)]
        assert ">First<" in page
    # a key that is none begins at the first
    assert await looked_for(browser, after="'; DROP") == [f"+1415555{number:04}" for number in range(50)]


async def test_a_search_that_finds_little_goes_on_behind_what_it_looked_at(
    desk: NumberDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        await desk.number(f"+1415555000{number}", nickname="last" if number == 8 else "line")
    monkeypatch.setattr(phone_numbers, "_IN_ONE_READ", 2)
    monkeypatch.setattr(phone_numbers, "_MOST_READS", 3)
    page = await desk.store.phone_numbers.search("last")
    assert (page.phone_numbers, page.next_key) == ([], "+14155550005")
    page = await desk.store.phone_numbers.search("last", pagination_key=page.next_key)
    assert ([number.phone_number for number in page.phone_numbers], page.next_key) == (["+14155550008"], None)


async def test_without_numbers_the_page_says_how_to_import_one(browser: Browser) -> None:
    assert "No number is imported" in await text_of(browser, "/console/numbers")
    assert "No number is like that" in await text_of(browser, "/console/numbers?q=x")
