"""The page of one call: what it says of how the call ended, and what it shows of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.console.one_call.call_story import told
from ari_agent.console.one_call.sip_ladder import ladder
from ari_agent.console.one_call.transcript_rows import TranscriptRow, transcript_rows
from ari_agent.console.words import cents, clock_time, iso_time, lasted
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.store.store import Store
from tests.console.conftest import Browser, LiveCalls, OneCall, a_call, keep_file, text_of

NEVER_ANSWERED = [{"event": "INVITE", "direction": "received", "timestamp": 1000}]
ANSWERED = [*NEVER_ANSWERED, {"event": "200", "direction": "sent", "timestamp": 1200, "sip_status": 200}]


@pytest.mark.parametrize("reason", DisconnectionReason)
def test_every_end_is_told_in_a_sentence(reason: DisconnectionReason) -> None:
    sentence = told(a_call(disconnection_reason=reason))
    assert sentence[0].isupper() and sentence.endswith(".") and "{" not in sentence and "_" not in sentence


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "The caller hung up."),
        ({"sip": NEVER_ANSWERED}, "The caller hung up before it was answered."),
        ({"sip": ANSWERED}, "The caller hung up."),
        ({"direction": "outbound"}, "The person called hung up."),
        ({"call_type": "web_call", "direction": None}, "The user hung up."),
        (
            {"disconnection_reason": "call_transfer", "transfer_destination": "+14155550111"},
            "The call was transferred to +14155550111.",
        ),
        ({"disconnection_reason": "call_transfer"}, "The call was transferred to a person."),
        (
            {"disconnection_reason": "error_llm_websocket_open", "faults": ["x", "no answer from wss://a."]},
            "The agent could not be reached: no answer from wss://a.",
        ),
        (
            {
                "disconnection_reason": "manual_stopped",
                "hangup": {"who": "api", "timestamp": 1, "reason": "asked for"},
                "faults": ["another"],
            },
            "The call was ended over the API or the console: asked for.",
        ),
        ({"disconnection_reason": "error_no_audio_received"}, "No audio came from the caller."),
        ({"disconnection_reason": None, "call_status": "ongoing"}, "The call is in progress."),
        ({"disconnection_reason": None, "call_status": "registered"}, "The call has not begun."),
        ({"disconnection_reason": None, "call_status": "ended"}, "The call is over."),
    ],
)
def test_the_sentence_says_who_and_why(facts: dict[str, Any], sentence: str) -> None:
    assert told(a_call(**facts)) == sentence


def test_figures_are_as_people_read_them() -> None:
    assert [lasted(ms) for ms in (None, 0, 7_400, 754_000, 3_723_000)] == ["\u2013", "0:00", "0:07", "12:34", "1:02:03"]
    assert [cents(value) for value in (None, 0, 12.345)] == ["\u2013", "0.00 ct", "12.35 ct"]
    assert (iso_time(1_760_000_000_123), clock_time(1_760_000_000_123)) == (
        "2025-10-09T08:53:20.123Z",
        "2025-10-09 08:53:20 UTC",
    )


def test_the_ladder_shows_each_message_from_whom_to_whom() -> None:
    steps = [
        *ANSWERED,
        {"event": "INVITE", "leg": "target", "direction": "sent", "timestamp": 1300},
        {"event": "failure", "leg": "target", "direction": "received", "timestamp": 1400, "sip_status": 486},
        {"event": "dialplan", "timestamp": 1500},
        {"event": "BYE", "direction": "received", "timestamp": 1600, "q850_cause": 16},
    ]
    shown = ladder(a_call(sip=steps, transfer_destination="+1999"))
    assert shown
    assert [name for _, name in shown.parties] == ["+12025550123", "Asterisk", "+1999"]
    caller, ours, target = (x for x, _ in shown.parties)
    assert [(arrow.x1, arrow.x2, arrow.label, arrow.after_ms) for arrow in shown.arrows] == [
        (caller, ours, "INVITE", 0),
        (ours, caller, "200", 200),
        (ours, target, "INVITE", 300),
        (target, ours, "failure (486)", 400),
        (ours, ours, "goes on in the dialplan", 500),
        (caller, ours, "BYE Q.850 16", 600),
    ]
    assert [arrow.failed for arrow in shown.arrows] == [False, False, False, True, False, False]
    assert all(arrow.y < shown.height for arrow in shown.arrows)
    assert ladder(a_call()) is None
    outbound = ladder(a_call(direction="outbound", sip=NEVER_ANSWERED))
    assert outbound and outbound.parties[0][1] == "+14155550100"


def test_rows_of_a_transcript_have_their_words_and_what_the_agent_did() -> None:
    call = a_call(
        transcript_with_tool_calls=[
            {"role": "agent", "content": "Hello.", "words": [{"word": "Hello.", "start": 1.5, "end": 2.0}]},
            {"role": "user", "content": "Good day", "words": [{"word": "Good", "start": 3.0}, {"word": "day"}]},
            {"role": "tool_call_invocation", "tool_call_id": "1", "name": "look", "arguments": "{}"},
            {"role": "tool_call_result", "tool_call_id": "1", "content": "no", "successful": False},
            {
                "role": "node_transition",
                "former_node_id": "1",
                "former_node_name": "a",
                "new_node_id": "2",
                "new_node_name": "b",
            },
            {"role": "dtmf", "digit": "8"},
            {"role": "sms", "content": "Hi", "time_sec": 1},
            {"role": "injected", "content": "VIP", "time_sec": 1},
        ]
    )
    assert transcript_rows(call) == (
        TranscriptRow("agent", "Agent", "Hello.", 1.5, [("Hello.", 1.5)]),
        TranscriptRow("user", "Caller", "Good day", 3.0, ()),
        TranscriptRow("tool", "Tool", "look {}"),
        TranscriptRow("tool", "Tool's answer", "failed: no"),
        TranscriptRow("tool", "Node", "a \u2192 b"),
        TranscriptRow("tool", "Key", "8"),
        TranscriptRow("tool", "Text message", "Hi"),
        TranscriptRow("tool", "Context added", "VIP"),
    )
    assert transcript_rows(a_call()) == ()


async def test_a_call_in_progress_and_one_that_is_over_have_a_page(
    browser: Browser, store: Store, live_calls: LiveCalls
) -> None:
    live_calls.calls.append(OneCall(a_call("call_live", call_status="ongoing", disconnection_reason=None)))
    page = await text_of(browser, "/console/calls/call_live")
    assert "The call is in progress." in page and "Hang up" in page
    await store.calls.save(a_call("call_over", access_token="secret_token", sip=ANSWERED))
    page = await text_of(browser, "/console/calls/call_over")
    assert "The caller hung up." in page and "Hang up" not in page and "<svg" in page
    assert "secret_token" not in page


def test_every_file_of_others_is_in_the_table_with_its_licence() -> None:
    folder = Path(__file__).parents[3] / "ari_agent" / "console" / "static"
    table = (folder / "README.md").read_text("utf-8")
    for file in folder.iterdir():
        assert f"`{file.name}`" in table or file.name == "README.md", file.name


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps({"ms": 1000, **event}).encode() + b"\n" for event in events)


async def test_turns_quality_routing_and_messages_of_a_call_are_on_its_page(
    browser: Browser, store: Store, artefacts: Artefacts
) -> None:
    told_in_log = lines(
        {"event": "draw", "by": "chance", "dice": 0.25, "weights": [{"agent_id": "agent_drawn", "weight": 1}]},
        {"event": "agent_dialled"},
        {"event": "agent_message", "direction": "received", "kind": "mark", "content": "the mark"},
        {"event": "agent_message", "direction": "sent", "kind": "start", "content": "the start"},
        {"event": "latency", "part": "e2e", "took_ms": 2345},
        {"event": "media", "counters": {"packets_received": 90, "packets_lost": 10}},
        {"event": "call_ended", "ms": 4000},
    )
    url = await keep_file(artefacts, "call_1", "log.jsonl", told_in_log)
    await store.calls.save(a_call(public_log_url=url, collected_dynamic_variables={"order": "o_77"}))
    page = await text_of(browser, "/console/calls/call_1")
    for shown in (
        "The caller hung up while its agent was being reached (3.0 s).",
        "0.250000 of 1, a draw by chance",
        "agent_drawn",
        '<td class="number">2345</td>',
        '<td class="slow">the answer</td>',
        ">lost, %</th>",
        "o_77",
        "the mark",
    ):
        assert shown in page, shown
    page = await text_of(browser, "/console/calls/call_1?log=messages&kind=sent+start")
    assert "the start" in page and "the mark" not in page
    assert 'href="?log=messages&amp;kind=received%20mark#log"' in page


async def test_of_a_huge_log_the_beginning_and_the_end_are_read(
    browser: Browser, store: Store, artefacts: Artefacts
) -> None:
    filler = lines({"event": "fault", "what": "x" * 1000}) * 3000
    log = lines({"event": "agent_dialled"}) + filler + lines({"event": "agent_connected"}, {"event": "call_ended"})
    await store.calls.save(a_call(public_log_url=await keep_file(artefacts, "call_1", "log.jsonl", log)))
    page = await text_of(browser, "/console/calls/call_1")
    assert "The caller hung up." in page and "2000 events, not all" in page


async def test_the_log_of_another_call_is_not_read(browser: Browser, store: Store, artefacts: Artefacts) -> None:
    url = await keep_file(artefacts, "call_2", "log.jsonl", lines({"event": "fault", "what": "of another call"}))
    await store.calls.save(a_call(public_log_url=url))
    assert "of another call" not in await text_of(browser, "/console/calls/call_1")
