"""Words in transcripts: which are found, how far back was searched, and that the search goes on where it ended."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from typing import Any

import pytest

from ari_agent.console.calls import call_search
from ari_agent.console.calls.call_query import CallQuery
from ari_agent.console.calls.call_search import find_calls
from ari_agent.console.calls.said_words import SaidWords
from ari_agent.store.database import dump
from ari_agent.store.store import Store
from tests.console.calls.test_call_list import listed
from tests.console.conftest import NOW_MS, Browser, a_call, text_of


def saying(*said: str) -> dict[str, Any]:
    roles = ("agent", "user")
    return {"transcript_object": [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]}


@pytest.mark.parametrize(
    ("words", "said", "found"),
    [
        ("loaves", ["Two loaves, please."], "Two loaves, please."),
        ("LOAVES two", ["Two Loaves, please."], "Two Loaves, please."),
        ("loaf", ["Two loaves, please."], None),
        ("two seven", ["Two loaves.", "At seven?"], "Two loaves."),
        ("two eight", ["Two loaves.", "At seven?"], None),
        ("Köln", ["Nach KÖLN bitte"], "Nach KÖLN bitte"),
        ("tür", ["Haustür zu"], "Haustür zu"),
        ("東京", ["これは東京です"], "これは東京です"),
        ('say"so\\', ['I say"so\\ indeed'], 'I say"so\\ indeed'),
        ("role user content", ["hello"], None),
        ("end", ["x" * 100 + " the end " + "y" * 100], f"\u2026{'x' * 55} the end {'y' * 59}\u2026"),
    ],
)
def test_words_are_found_in_what_was_said_and_nowhere_else(words: str, said: list[str], found: str | None) -> None:
    document = dump({"metadata": {"transcript": "two eight loaf"}, **saying(*said)})
    assert SaidWords.of(words).found(document) == found


def test_what_the_api_has_changed_since_counts_and_odd_records_hold_no_words() -> None:
    words = SaidWords.of("loaves")
    document = dump(saying("Two loaves"))
    assert words.found(document, dump({"transcript_object": None})) is None
    assert words.found("{}", document) == "Two loaves"
    with_tools = [{"role": "tool_call_result", "content": "loaves"}, {"role": "user", "content": "no"}, "loaves"]
    assert words.found(dump({"transcript_with_tool_calls": with_tools})) is None
    for odd in ("loaves", "[loaves", '["loaves"]', "[" * 100_000 + "loaves"):
        assert words.found(odd) is None
    assert SaidWords.of(" a  I ").words == [] and len(SaidWords.of("word " * 50).words) == 8


async def store_talks(store: Store, count: int, *, each: int) -> None:
    """Each of so many calls, the newest first, but every so many asks for loaves."""
    for number in range(count):
        said = "Two loaves, please" if number % each == 0 else "Good day"
        call = a_call(f"call_{number:03}", start_timestamp=NOW_MS - number * 60_000, **saying(said))
        await store.calls.save(call)


async def test_a_search_for_words_fills_a_page_and_goes_on_behind_it(browser: Browser, store: Store) -> None:
    await store_talks(store, 120, each=2)
    first = await text_of(browser, "/console/calls?words=loaves+two&direction=inbound")
    assert listed(first) == [f"call_{number:03}" for number in range(0, 100, 2)]
    assert "99 calls were searched" in first and "2025-10-09 07:15:20 UTC" in first
    assert first.count("Two loaves, please") == 50
    more = re.search(r'href="(/console/calls\?[^"]*)">Go on', first)
    assert more and "words=loaves+two" in more[1] and "direction=inbound" in more[1]
    second = await text_of(browser, more[1].replace("&amp;", "&"))
    assert listed(second) == [f"call_{number:03}" for number in range(100, 120, 2)]
    assert "21 calls were searched" in second and "These are all." in second
    nothing = await text_of(browser, "/console/calls?words=loaves+two&direction=outbound")
    assert listed(nothing) == [] and "were searched" not in nothing


async def test_a_search_ends_within_its_bounds_and_says_how_far_it_came(store: Store) -> None:
    await store_talks(store, 250, each=249)
    query = CallQuery(words="loaves")
    turn = asyncio.Lock()
    part = await find_calls(store, query, limit=50, after=None, turn=turn, most_searched=150)
    assert (len(part.calls), part.searched, part.searched_back_ms) == (1, 150, NOW_MS - 149 * 60_000)
    late = await find_calls(store, query, limit=50, after=part.next_key, turn=turn, within_s=0.0)
    assert ([call["call_id"] for call in late.calls], late.searched, late.next_key) == ([], 50, late.next_key)
    rest = await find_calls(store, query, limit=50, after=late.next_key, turn=turn)
    assert ([call["call_id"] for call in rest.calls], rest.searched, rest.next_key) == (["call_249"], 50, None)


async def test_the_csv_has_all_of_a_search_for_words(
    browser: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_search, "_SLICE_S", 0.0)  # so that it takes several
    await store_talks(store, 220, each=3)
    text = await text_of(browser, "/console/calls.csv?words=loaves&longer_s=20&shorter_s=22")
    found = [line["call_id"] for line in csv.DictReader(io.StringIO(text))]
    assert found == [f"call_{number:03}" for number in range(0, 220, 3)]


async def test_each_thing_that_is_looked_for_can_be_taken_away(browser: Browser, store: Store) -> None:
    await store.calls.save(a_call(agent_id="agent_a&b"))
    page = await text_of(browser, "/console/calls?number=555&words=two+loaves&after=")
    chips = page[page.index('class="chips"') :]
    assert 'href="/console/calls?words=two+loaves" title="look without this">number: 555' in chips
    assert 'href="/console/calls?number=555" title="look without this">words: two loaves' in chips
    plain = await text_of(browser, "/console/calls")
    assert 'class="chips"' not in plain and 'href="/console/calls?agent=agent_a%26b"' in plain


@pytest.mark.parametrize(
    ("query", "expected"),
    [("shorter_s=20", "a"), ("shorter_s=21", "ab"), ("longer_s=21&shorter_s=21", "b"), ("longer_s=22", "c")],
)
async def test_calls_are_found_by_how_long_they_lasted(
    browser: Browser, store: Store, query: str, expected: str
) -> None:
    for call_id, duration_ms in (("call_a", 20_000), ("call_b", 21_000), ("call_c", 900_000)):
        await store.calls.save(a_call(call_id, duration_ms=duration_ms))
    page = await text_of(browser, f"/console/calls?{query}")
    assert sorted(set(listed(page))) == [f"call_{letter}" for letter in expected]


async def test_a_beginning_that_many_numbers_have_is_found_as_well(
    browser: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_search, "_FEW", 2)
    for number in range(4):
        await store.calls.save(a_call(f"call_{number}", to_number=f"+1415555010{number}"))
    await store.calls.save(a_call("call_x", to_number="+1999"))
    assert len(listed(await text_of(browser, "/console/calls?number=%2B1415"))) == 4
    assert listed(await text_of(browser, "/console/calls?number=%2B1999")) == ["call_x"]
