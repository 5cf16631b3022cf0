"""Records and logs that are odd, broken or huge have a page all the same, of a bounded size."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.console.live_record import live_record
from ari_agent.console.one_call.call_log import log_lines
from ari_agent.console.one_call.log_entries import LogEntry, log_entries
from ari_agent.console.one_call.sip_ladder import ladder
from ari_agent.console.one_call.transcript_rows import TranscriptRow, fitting
from ari_agent.console.words import clock_time, iso_time, lasted
from ari_agent.store.store import Store
from tests.console.conftest import Browser, LiveCalls, OneCall, a_call, text_of

FAR = 10**15
ODD: list[dict[str, Any]] = [
    {"start_timestamp": FAR, "duration_ms": FAR, "end_timestamp": FAR},
    {"start_timestamp": None, "duration_ms": None, "disconnection_reason": None},
    {"start_timestamp": 0, "duration_ms": 0, "call_cost": None, "latency": {"e2e": {}}},
    {"call_type": "web_call", "direction": None, "from_number": None, "to_number": None},
    {"from_number": "", "to_number": "", "agent_name": "", "transcript_with_tool_calls": []},
    {"transcript_object": [{"role": "user", "content": "", "words": [{"start": 1e308}, {"word": "x"}]}]},
    {"transcript_object": [{"role": "user", "content": "x", "words": [{"word": "x", "start": 1e308}]}]},
    {"sip": [{"event": "INVITE", "timestamp": FAR}, {"event": "BYE", "timestamp": 0}]},
    {"public_log_url": "http://[", "recording_url": "x"},
    {"public_log_url": "https://a.example/artefacts/../../etc/passwd", "recording_url": "/artefacts/"},
]


@pytest.mark.parametrize("facts", ODD, ids="-".join)
async def test_a_record_with_odd_values_is_shown(
    browser: Browser, store: Store, live_calls: LiveCalls, facts: dict[str, Any]
) -> None:
    call = a_call(**facts)
    live_calls.calls.append(OneCall(call))
    await text_of(browser, "/console")
    await text_of(browser, "/console/calls/call_1")
    live_calls.calls.clear()
    await store.calls.save(call)
    for path in ("/console/calls", "/console/calls.csv", "/console/calls/call_1"):
        await text_of(browser, path)


def test_figures_have_no_bounds_to_break() -> None:
    assert (iso_time(FAR), clock_time(FAR)) == ("9999-12-31T23:59:59.000Z", "9999-12-31 23:59:59 UTC")
    assert lasted(float("inf")) == lasted(float("nan")) == "\u2013"


async def test_half_a_surrogate_pair_of_a_call_in_progress_breaks_no_page(
    browser: Browser, live_calls: LiveCalls
) -> None:
    live_calls.calls.append(OneCall(a_call().model_copy(update={"agent_name": "half \ud800 pair"})))
    for path in ("/console", "/console/calls/call_1"):
        assert "half ? pair" in await text_of(browser, path)
    async with browser.get("/console/now/events") as answer:
        assert b"half ? pair" in await answer.content.readuntil(b"\n\n")


@pytest.mark.parametrize("odd", ["%00", "%ff", "%ed%a0%80", "a%0d%0ab", "x" * 300, "..%2f..", "%F0%9F%98%80"])
async def test_odd_ids_and_words_are_looked_for_in_vain(browser: Browser, odd: str) -> None:
    assert "not found" in await text_of(browser, f"/console/calls/{odd}", 422)
    await text_of(browser, f"/console/calls?number={odd}&agent={odd}")
    assert await text_of(browser, f"/console/calls?after={odd}", 400 if odd not in {"%00", ""} else 200)


def test_a_log_is_shown_as_far_as_it_can_be_read() -> None:
    text = b'{"ms": 1, "event": "fault", "what": {"a": 1}, "content": "x"}\n{"ms": \n[1]\n\xff\n{"event": null}'
    assert log_entries(log_lines(text + b"\n")) == [
        LogEntry(1, "fault", 'what {"a": 1}', "x"),
        LogEntry(1, "unreadable", "", '{"ms": '),
        LogEntry(1, "unreadable", "", "[1]"),
        LogEntry(1, "unreadable", "", "\ufffd"),
        LogEntry(1, "null", "", ""),
    ]
    assert log_entries(log_lines(b"[" * 100_000 + b"\n"))[0].event == "unreadable"


def test_what_is_shown_of_a_long_call_is_bounded() -> None:
    rows = [TranscriptRow("user", "Caller", "x" * 100, 0.0, [("x", 0.0)] * 50)] * 5000
    shown = fitting(rows)
    assert len(shown) == 193 and shown[0] == rows[0]
    assert (shown[-1].words, len(shown[-1].text)) == ((), 100)
    assert len(fitting([TranscriptRow("user", "Caller", "x")] * 5000)) == 2000
    assert len(fitting([TranscriptRow("user", "Caller", "x" * 10**6)])[0].text) == 500_000
    assert fitting(()) == []
    steps = [{"event": "re-INVITE hold", "direction": "received", "timestamp": n} for n in range(1000)]
    drawn = ladder(a_call(sip=steps))
    assert drawn and len(drawn.arrows) == 200


def long_call() -> dict[str, Any]:
    said = [
        {
            "role": "user",
            "content": "a word " * 40,
            "words": [{"word": "word", "start": float(n), "end": 1.0}] * 2,
        }
        for n in range(5000)
    ]
    return {"transcript_object": said, "transcript_with_tool_calls": said}


async def test_the_page_of_the_longest_call_is_small_enough_for_a_browser(browser: Browser, store: Store) -> None:
    await store.calls.save(a_call(**long_call()))
    page = await text_of(browser, "/console/calls/call_1")
    assert len(page) < 2_500_000
    assert "more turns are in the record" in page and "answers all of it" in page


@pytest.mark.parametrize("setting", [None, "everything", "everything_except_pii", "basic_attributes_only"])
async def test_a_call_in_progress_shows_no_words_that_are_not_to_be_stored(
    browser: Browser, live_calls: LiveCalls, setting: str | None
) -> None:
    said = [{"role": "user", "content": "my secret illness", "words": []}]
    facts: dict[str, Any] = {
        "transcript_object": said,
        "transcript_with_tool_calls": said,
        "transcript": "User: my secret illness",
    }
    call = a_call(data_storage_setting=setting, call_status="ongoing", disconnection_reason=None, **facts)
    live_calls.calls.append(OneCall(call))
    is_shown = setting in {None, "everything"}
    assert (live_record(call) is call) == is_shown
    for path in ("/console", "/console/calls/call_1"):
        assert ("my secret illness" in await text_of(browser, path)) == is_shown, path
