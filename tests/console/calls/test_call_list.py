"""The list of calls: what people look for, page by page, and as CSV."""

from __future__ import annotations

import csv
import io
import re

import aiohttp
import pytest

from ari_agent.console.calls.call_list import _harmless
from ari_agent.console.calls.call_query import CallQuery
from ari_agent.contract.agent import AgentCreate
from ari_agent.errors import StoreError
from ari_agent.store.store import Store
from tests.console.conftest import NOW_MS, Browser, a_call, text_of

DAY_MS = 86_400_000


async def store_calls(store: Store) -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/x"}
    bakery = await store.agents.create(AgentCreate.model_validate({"agent_name": "Bakery", "response_engine": engine}))
    for call in (
        a_call("call_a", from_number="+12025550123", to_number="+14155550100", agent_id="agent_1"),
        a_call(
            "call_b",
            from_number="+442071234567",
            disconnection_reason="agent_hangup",
            duration_ms=300_000,
            agent_id=bakery.agent_id,
        ),
        a_call("call_c", direction="outbound", agent_id="agent_2", start_timestamp=NOW_MS - 3 * DAY_MS),
        a_call("call_d", call_status="error", disconnection_reason="error_llm_websocket_open"),
    ):
        await store.calls.save(call)


def listed(page: str) -> list[str]:
    return re.findall(r'href="/console/calls/(call_\w+)"', page)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abcd"),
        ("number=%2B44", "b"),
        ("number=%2B44+20-7123+4567", "b"),
        ("number=7123", "b"),
        ("number=%2B442071234567", "b"),
        ("number=%2B44207123456", "b"),
        ("number=%2B1415", "abcd"),
        ("number=%2B999", ""),
        ("number=5550100", "abcd"),
        ("agent=agent_2", "c"),
        ("agent=AKE", "b"),
        ("agent=nobody", ""),
        ("reason=agent_hangup", "b"),
        ("status=error", "d"),
        ("direction=outbound", "c"),
        ("longer_s=60", "b"),
        ("since=2025-10-09", "abd"),
        ("until=2025-10-08", "c"),
        ("since=2025-10-06T08:53&until=2025-10-06T08:53", "c"),
        ("number=%2B44&reason=user_hangup", ""),
        ("unknown=1&number=", "abcd"),
    ],
)
async def test_calls_are_found_as_people_think(browser: Browser, store: Store, query: str, expected: str) -> None:
    await store_calls(store)
    page = await text_of(browser, f"/console/calls?{query}")
    assert sorted(listed(page)) == [f"call_{letter}" for letter in expected]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", "“yesterday” is no day: write 2026-11-30"),
        ("until=2026-13-01", "“2026-13-01” is no day"),
        ("longer_s=-1", "“-1” is no number of seconds"),
        ("longer_s=99999999999", "is no number of seconds"),
        ("shorter_s=1.5", "“1.5” is no number of seconds"),
        ("words=a", "“a” is too short: look for words of 2 letters or more"),
        ("reason=hunger", "“hunger” is no reason"),
        ("status=fine", "“fine” is no status"),
        ("direction=up", "“up” is no direction"),
    ],
)
async def test_what_cannot_be_looked_for_is_said_and_the_rest_is_shown(
    browser: Browser, store: Store, query: str, said: str
) -> None:
    await store_calls(store)
    page = await text_of(browser, f"/console/calls?{query}")
    assert said in page
    assert len(listed(page)) == 4
    assert said in await text_of(browser, f"/console/calls.csv?{query}", 400)


async def test_pages_lead_to_older_calls_and_back_with_the_same_search(browser: Browser, store: Store) -> None:
    for number in range(60):
        await store.calls.save(a_call(f"call_{number:02}", start_timestamp=NOW_MS - number * 1000))
    first = await text_of(browser, "/console/calls?number=5550100")
    assert listed(first) == [f"call_{number:02}" for number in range(50)]
    older = re.search(r'href="(/console/calls\?[^"]*)" rel="next"', first)
    assert older
    second = await text_of(browser, older[1].replace("&amp;", "&"))
    assert listed(second) == [f"call_{number:02}" for number in range(50, 60)]
    assert 'href="/console/calls?number=5550100">Newest' in second
    assert "begin at the first" in await text_of(browser, "/console/calls?after=call_none", 400)


async def test_all_calls_of_a_search_are_one_csv_that_no_spreadsheet_runs(browser: Browser, store: Store) -> None:
    await store_calls(store)
    await store.calls.save(a_call("call_x", from_number='=cmd|" /C calc"!A0', agent_name="+1+cmd()", to_number="+1"))
    lines = list(csv.DictReader(io.StringIO(await text_of(browser, "/console/calls.csv?direction=inbound"))))
    found = {line["call_id"]: line for line in lines}
    assert sorted(found) == ["call_a", "call_b", "call_d", "call_x"]
    assert found["call_b"]["start"] == "2025-10-09T08:52:20.000Z"
    assert (found["call_b"]["duration_s"], found["call_b"]["from_number"]) == ("300.0", "+442071234567")
    assert (found["call_x"]["from_number"], found["call_x"]["agent_name"]) == ('\'=cmd|" /C calc"!A0', "'+1+cmd()")


def test_a_link_keeps_the_search_and_changes_what_it_is_told_to() -> None:
    query = CallQuery.of({"number": "+1 2", "after": "k", "longer_s": ""})
    assert query.link(after="") == "number=%2B1+2"
    assert query.link(after="x&y") == "number=%2B1+2&after=x%26y"


async def test_a_csv_that_cannot_be_read_to_its_end_does_not_end_in_order(
    browser: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.calls.save(a_call())

    async def fails(*_given: object, **_named: object) -> None:
        raise StoreError("the database is gone")

    monkeypatch.setattr(type(store.calls), "list_items", fails)
    with pytest.raises(aiohttp.ClientError):
        await (await browser.get("/console/calls.csv")).read()


@pytest.mark.parametrize("sign", "=-@\t\r\n\uff1d\uff0b+")
def test_no_field_of_a_csv_begins_a_formula(sign: str) -> None:
    assert _harmless(f"{sign}cmd()") == f"'{sign}cmd()"
    assert (_harmless("+4420"), _harmless(-1), _harmless(None)) == ("+4420", -1, None)
