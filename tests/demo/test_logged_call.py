"""The public log of a scripted call: as a controller has written it, and wrong in one thing each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from ari_agent.demo.logged_call import checked_log, has_ended, lines_of
from ari_agent.demo.report import StepFailed

LOG: Final = (Path(__file__).parents[1] / "data" / "demo_call_log.jsonl").read_text()
"""Of a run of the demo."""
CALL: Final = {
    "call_id": "call_ca9ea8e5fe53858220f040a69141ebce",
    "number": "+12025550100",
    "customer_name": "demo 2d858379",
}


def _checked(lines: list[dict[str, Any]]) -> str:
    """Check these lines, with their ms and their number made right."""
    for ms, line in enumerate(lines):
        line["ms"] = ms
    lines[-1]["lines"] = len(lines) - 1
    return checked_log(lines, **CALL)


def _lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LOG.splitlines()]


def _place(**wanted: Any) -> int:
    return next(
        place for place, line in enumerate(_lines()) if all(line.get(name) == value for name, value in wanted.items())
    )


def test_the_log_of_a_demo_is_right() -> None:
    lines = lines_of(LOG)
    assert has_ended(lines)
    assert checked_log(lines, **CALL).startswith(f"{len(lines)} lines, from the INVITE")


@pytest.mark.parametrize(
    "step",
    [
        {"event": "sip", "message": "INVITE"},
        {"event": "sip", "message": "180"},
        {"event": "draw"},
        {"event": "inbound_webhook_asked"},
        {"event": "inbound_webhook_answered"},
        {"event": "routed"},
        {"event": "agent_dialled"},
        {"event": "agent_message", "kind": "start"},
        {"event": "agent_connected"},
        {"event": "key", "content": "1"},
        {"event": "agent_message", "kind": "mark", "direction": "received"},
        {"event": "agent_message", "kind": "mark", "direction": "sent"},
        {"event": "key", "content": "2"},
        {"event": "agent_message", "kind": "clear"},
        {"event": "key", "content": "9"},
        {"event": "command"},
        {"event": "transfer", "step": "started"},
        {"event": "sip", "message": "REFER"},
        {"event": "transfer_outcome"},
        {"event": "transfer", "step": "ended"},
        {"event": "sip", "message": "BYE"},
        {"event": "call_ended"},
        {"event": "webhook", "webhook": "call_started", "outcome": "delivered"},
        {"event": "webhook", "webhook": "call_analyzed", "outcome": "delivered"},
    ],
    ids=lambda step: " ".join(step.values()),
)
def test_a_step_that_is_missing_is_told(step: dict[str, str]) -> None:
    lines = _lines()
    del lines[_place(**step)]
    with pytest.raises(StepFailed, match=f'no line of the public log after line .*"{[*step.values()][-1]}"'):
        _checked(lines)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"event": "inbound_webhook_answered"}, {"event": "routed"}),
        ({"event": "agent_connected"}, {"event": "key", "content": "1"}),
        ({"event": "command"}, {"event": "transfer", "step": "started"}),
        ({"webhook": "call_ended", "outcome": "delivered"}, {"webhook": "call_analyzed", "outcome": "delivered"}),
    ],
)
def test_steps_in_another_order_are_told(first: dict[str, str], then: dict[str, str]) -> None:
    lines, one, other = _lines(), _place(**first), _place(**then)
    lines[one], lines[other] = lines[other], lines[one]
    with pytest.raises(StepFailed, match="no line of the public log after line"):
        _checked(lines)


@pytest.mark.parametrize("name", CALL)
def test_another_call_is_not_taken_for_it(name: str) -> None:
    with pytest.raises(StepFailed, match="somebody else"):
        checked_log(_lines(), **{**CALL, name: "somebody else"})


def test_a_log_that_is_not_whole_is_told() -> None:
    lines = _lines()
    with pytest.raises(StepFailed, match=f"has {len(lines) - 1} lines"):
        checked_log(lines[:1] + lines[2:], **CALL)
    lines[-1]["left_out"] = {"agent_message": 3}
    with pytest.raises(StepFailed, match="left_out"):
        _checked(lines)
    assert not has_ended(lines[:-1])
    assert not has_ended([])


def test_lines_in_another_order_than_their_time_are_told() -> None:
    lines = _lines()
    lines[3], lines[20] = lines[20], lines[3]
    with pytest.raises(StepFailed, match="not in the order of their ms"):
        checked_log(lines, **CALL)


@pytest.mark.parametrize(("text", "said"), [("{}\n<html>", "is no JSON"), ("[]\n", "no JSON object")])
def test_text_that_is_no_log_is_told(text: str, said: str) -> None:
    with pytest.raises(StepFailed, match=said):
        lines_of(text)
