"""The turns of a call, step by step, out of the lines of its log, and the picture of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.console.one_call.call_log import LogLine, log_lines, number
from ari_agent.console.one_call.transcript_rows import TranscriptRow
from ari_agent.console.one_call.turn_times import MOST_TURNS, TurnTimes, turn_times
from ari_agent.console.one_call.waterfall import waterfall
from tests.console.conftest import NOW_MS, a_call

BEGAN = {"ms": 0, "event": "call_began", "at": NOW_MS - 60_000 - 200}
"""The call of `a_call` was answered 200 ms after that."""


def log_of(*events: dict[str, Any]) -> list[LogLine]:
    return list(log_lines(b"".join(json.dumps(event).encode() + b"\n" for event in events)))


def took(ms: float, part: str, took_ms: float, **facts: Any) -> dict[str, Any]:
    return {"ms": ms, "event": "latency", "part": part, "took_ms": took_ms, **facts}


TEXT_TURN = (
    # speech ended at 5000, its text came at 5300, the agent was asked at 5500 and answered at 7500
    took(5300, "asr", 300),
    took(7500, "llm", 2000),
    took(7700, "tts", 200),
    took(7950, "tts", 150),  # of the second sentence
    took(8000, "e2e", 3000),
    took(8000, "queue", 300),
)


def steps(turn: TurnTimes) -> list[tuple[str, float, float]]:
    return [(step.name, step.began_ms, step.took_ms) for step in turn.steps]


def test_a_text_agents_turn_has_every_step() -> None:
    (turn,) = turn_times(log_of(*TEXT_TURN))
    assert (turn.ended_ms, turn.took_ms) == (5000, 3000)
    assert steps(turn) == [
        ("text", 0, 300),
        ("turn", 300, 200),
        ("answer", 500, 2000),
        ("sound", 2500, 200),
        ("caller", 2700, 300),
    ]
    assert turn.slow == ["first answer"]
    assert (turn.took("sound"), TurnTimes(0, 1).took("sound")) == (200, None)


def test_steps_that_are_not_known_belong_to_the_next_one() -> None:
    asked_early = (took(5200, "llm", 400), took(5300, "asr", 300), took(6000, "e2e", 1000))
    (turn,) = turn_times(log_of(*asked_early))
    assert steps(turn) == [("text", 0, 300), ("turn", 300, 0), ("answer", 300, 0), ("caller", 300, 700)]
    assert turn.slow == ["at the caller"]


def test_of_an_answer_that_was_given_up_nothing_counts() -> None:
    given_up = (took(1300, "asr", 300), took(2000, "llm", 500), took(2100, "tts", 100))
    (turn,) = turn_times(log_of(*given_up, *TEXT_TURN))
    assert [step for step in steps(turn) if step[0] != "text"] == [
        ("turn", 300, 200),
        ("answer", 500, 2000),
        ("sound", 2500, 200),
        ("caller", 2700, 300),
    ]


def test_of_an_audio_agent_the_whole_is_known_and_the_round_trip() -> None:
    events = (took(2000, "llm_websocket_network_rtt", 23), took(9000, "e2e", 1800, ago_ms=1000))
    (turn,) = turn_times(log_of(*events))
    assert turn == TurnTimes(6200, 1800, (), 23)
    assert turn.slow == ("the answer",) and TurnTimes(0, 900).slow == ()


def test_odd_lines_are_no_turns() -> None:
    odd = [took(1, "e2e", -5), took(1, "e2e", float("nan")), took(1, "e2e", True), took(1, "mystery", 5)]
    assert turn_times(log_of(*odd, {"ms": 1, "event": "latency"}, {"ms": 2, "event": "state"})) == []
    assert len(turn_times(log_of(*[took(n, "e2e", 1) for n in range(MOST_TURNS + 5)]))) == MOST_TURNS
    assert number(10**400) is None and number("7") is None and number(7) == 7.0


def test_lines_that_cannot_be_read_stand_at_the_time_of_the_line_before() -> None:
    lines = log_lines(b'x\n{"ms": 7, "event": "state"}\n[1]\n{"event": "limit"}\n{"ms": 9')
    assert [(line.ms, line.event) for line in lines] == [
        (0.0, "unreadable"),
        (7.0, "state"),
        (7.0, "unreadable"),
        (7.0, "limit"),
    ]


def test_each_turn_is_tied_to_recording_and_transcript() -> None:
    rows = [
        TranscriptRow("agent", "Agent", "Hello", 0.4),
        TranscriptRow("user", "Caller", "I would like", 3.5),
        TranscriptRow("agent", "Agent", "Gladly", 7.9),
        TranscriptRow("agent", "Agent", "no time"),
    ]
    shown = waterfall(a_call(), log_of(BEGAN, *TEXT_TURN, took(50_000, "e2e", 400)), rows)
    assert shown and (shown.scale_ms, shown.has_steps) == (3000, True)
    first, second = shown.turns
    assert (first.at_s, first.row, second.at_s, second.row) == (7.8, 2, 49.8, None)
    assert [(bar.step, bar.x, bar.width, bar.is_slow) for bar in first.bars][2:4] == [
        ("answer", 166.7, 666.6, True),
        ("sound", 833.3, 66.7, False),
    ]
    assert [(bar.step, bar.width) for bar in second.bars] == [("caller", 133.3)]


@pytest.mark.parametrize("facts", [{"start_timestamp": None}, {}])
def test_without_a_common_time_there_is_no_link(facts: dict[str, Any]) -> None:
    shown = waterfall(a_call(**facts), log_of(*([BEGAN] if facts else []), took(900, "e2e", 60_000)), ())
    assert shown and shown.scale_ms == 10_000
    assert [(row.at_s, row.row, row.bars[0].width) for row in shown.turns] == [(None, None, 1000.0)]
    assert waterfall(a_call(), (), ()) is None
