"""Who took a call and why, out of the lines of its log; which lines a page shows; what a call was given."""

from __future__ import annotations

from ari_agent.console.one_call.call_variables import variables_of
from ari_agent.console.one_call.log_choice import log_choice
from ari_agent.console.one_call.routing_facts import Share, routing_of
from tests.console.conftest import a_call
from tests.console.one_call.test_turn_times import log_of

ROUTED = (
    {"ms": 3, "event": "number", "candidates": ["+1999", "999"], "number": "+1999"},
    {
        "ms": 4,
        "event": "draw",
        "by": "chance",
        "dice": 0.8,
        "agent_id": "agent_b",
        "weights": [{"agent_id": "agent_a", "weight": 3}, {"agent_id": "agent_b", "agent_version": 2, "weight": 1}],
    },
    {"ms": 5, "event": "inbound_webhook_asked", "url": "https://a.example", "content": {"event": "call_inbound"}},
    {"ms": 900, "event": "inbound_webhook_failed", "attempt": 1, "content": "no answer in time"},
    {"ms": 950, "event": "inbound_webhook_answered", "attempt": 2, "ignored": 3},
    {
        "ms": 960,
        "event": "routed",
        "decision": "connect",
        "rule": "inbound_agents of the number",
        "agent_id": "agent_b",
        "agent_version": 2,
    },
    {"ms": 990, "event": "agent_connected"},
    {"ms": 2000, "event": "number", "number": "of another time"},
)


def test_number_draw_webhook_and_rule_are_told_in_words_and_numbers() -> None:
    routing = routing_of(log_of(*ROUTED))
    assert routing
    assert (routing.dialled, routing.candidates) == ("+1999", "+1999, 999")
    assert (routing.draw, routing.drawn_by) == (0.8, "a draw by chance")
    assert routing.shares == [
        Share("agent_a", "the latest", 3.0, 75.0, 0.0, 0.75, is_drawn=False),
        Share("agent_b", "2", 1.0, 25.0, 0.75, 1.0, is_drawn=True),
    ]
    assert (routing.decision, routing.rule) == ("connected with agent_b version 2", "inbound_agents of the number")
    assert [(step.ms, step.what, step.content) for step in routing.webhook] == [
        (5, "asked https://a.example", '{\n  "event": "call_inbound"\n}'),
        (900, "no answer at attempt 1", "no answer in time"),
        (950, "answered at attempt 2, 3 of its fields ignored", ""),
    ]


def test_refusals_and_odd_lines_are_told_as_far_as_they_go() -> None:
    refused = routing_of(log_of({"ms": 1, "event": "routed", "decision": "refuse", "q850_cause": 1, "rule": "x"}))
    assert refused and refused.decision == "turned away with Q.850 cause 1"
    odd = routing_of(
        log_of(
            {"ms": 1, "event": "number", "candidates": "x"},
            {"ms": 1, "event": "draw", "by": "whim", "dice": "x", "weights": [1, {"weight": "x"}, {"weight": -1}]},
            {"ms": 1, "event": "draw", "weights": {}},
            {"ms": 1, "event": "routed"},
        )
    )
    assert odd and (odd.draw, odd.shares, odd.decision) == (None, [], "turned away")
    assert routing_of(log_of({"ms": 1, "event": "state"})) is None


LOG = log_of(
    {"ms": 1, "event": "agent_message", "direction": "sent", "kind": "start"},
    {"ms": 2, "event": "agent_message", "direction": "received", "kind": "mark"},
    {"ms": 3, "event": "agent_message", "direction": "received", "kind": "mark"},
    {"ms": 4, "event": "agent_message"},
    {"ms": 5, "event": "fault"},
    {"ms": 6, "event": "hold"},
)


def test_a_log_is_shown_by_subject_and_messages_by_their_kind() -> None:
    everything = log_choice(LOG, "", "received mark")
    assert (everything.subject, everything.kind, everything.kinds) == ("", "", {})
    assert everything.subjects == {"messages": 4, "signalling": 1, "faults": 1}
    assert len(everything.lines) == 6
    messages = log_choice(LOG, "messages", "")
    assert messages.kinds == {"received mark": 2, "sent start": 1, "unknown": 1}
    assert [line.ms for line in log_choice(LOG, "messages", "received mark").lines] == [2, 3]
    assert [line.ms for line in log_choice(LOG, "faults", "").lines] == [5]
    unknown = log_choice(LOG, "<b>", "x")
    assert (unknown.subject, len(unknown.lines)) == ("", 6)


def test_variables_headers_and_metadata_are_shown_within_bounds() -> None:
    call = a_call(
        retell_llm_dynamic_variables={"name": "Ann"},
        collected_dynamic_variables={f"v{n}": "x" for n in range(205)},
        custom_sip_headers={"X-Long": "y" * 2000},
        metadata={"order": {"id": 7}},
    )
    given, collected, headers, metadata = variables_of(call)
    assert (given.heading, given.rows, given.more) == ("Dynamic variables, given", [("name", "Ann")], 0)
    assert (len(collected.rows), collected.more) == (200, 5)
    assert len(headers.rows[0][1]) == 1001 and headers.rows[0][1].endswith("\u2026")
    assert metadata.rows == [("order", '{"id": 7}')]
    assert variables_of(a_call()) == []
    assert variables_of(a_call().model_copy(update={"metadata": [1]}))[0].rows == [("", "[1]")]
