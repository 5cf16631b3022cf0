"""Each character of a timeline is 100 ms; `#` is sound, `k` a key, `(` and `)` the beginning and end of an absence."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.media.turn_clock import ANSWER_WITHIN_S, SETTLED_S, SHORTEST_S, TurnClock

STEP_S = 0.1
BEGAN_S = 100.0


def waits(clock: TurnClock, now_s: float = inf) -> list[float | None]:
    """How long the caller waited in the turns that are settled."""
    return [turn.waited_s for turn in clock.settle(now_s)]


def turns(caller: str, agent: str, events: str = "") -> list[int]:
    """How long the caller waited for each answer, in steps. Both sides' edges come in order of their time."""
    clock, told = TurnClock(), list[float | None]()
    caller_speaks = agent_speaks = False
    for step in range(max(map(len, (caller, agent, events)))):
        now_s = BEGAN_S + step * STEP_S
        match events[step : step + 1]:
            case "k":
                clock.key_pressed(now_s)
            case "(":
                clock.pause(now_s)
            case ")":
                clock.resume(now_s)
        if (caller[step : step + 1] == "#") != caller_speaks:
            caller_speaks = not caller_speaks
            clock.caller(caller_speaks, now_s)
        if (agent[step : step + 1] == "#") != agent_speaks:
            agent_speaks = not agent_speaks
            clock.agent(agent_speaks, now_s)
        told += waits(clock, now_s)
    return [round(waited_s / STEP_S) for waited_s in (*told, *waits(clock)) if waited_s is not None]


@pytest.mark.parametrize(
    ("caller", "agent", "waited"),
    [
        ("..######", "..............####", [6]),
        ("..######", "........####", [0]),
        ("", "..####", []),
        ("............####", "..####..............####", [4]),
        ("..####............####", "..........####..........####", [4, 2]),
        ("..####", "..........##....####...####", [4]),
        ("..####......####", "..................####", [2]),
        ("..##.##.##", "..............####", [4]),
        ("..######..####", ".........####", []),
        ("..######", "...####", []),
        ("..########....", "...####........####", [5]),
        ("......#######", "####..........####", [1]),
        ("......########....", "#########.........####", [4]),
        ("......##.........", "##############...####", []),
        ("......##.........", "#############...####", [8]),
        ("..####", "..........#.####", [4]),
        (".." + "#" * 4, "." * 320 + "####", []),
    ],
    ids=[
        "a question is answered",
        "an answer follows at once",
        "a greeting is no turn",
        "a greeting, then a turn",
        "two turns",
        "a filler is the answer, and what follows it is none",
        "two sentences before the answer",
        "a caller who speaks with short pauses",
        "the caller goes on, after a breath, while the agent begins",
        "the agent interrupts",
        "the agent interrupts, stops, and answers",
        "the caller interrupts, the agent has stopped",
        "the caller interrupts, the agent stops before the caller does",
        "the agent speaks on",
        "the agent stops half a second after a short interruption",
        "a short pause of the agent's is no second answer",
        "what comes too late is no answer",
    ],
)
def test_a_turn_is_measured_from_the_callers_end_to_the_agents_beginning(
    caller: str, agent: str, waited: list[int]
) -> None:
    assert turns(caller, agent) == waited


@pytest.mark.parametrize(
    ("caller", "agent", "events", "waited"),
    [
        ("..####", "..............####", ".........k", []),
        ("..####", "..........####", "...........k", [4]),
        ("..####......####", "....................####", ".........k", [4]),
        ("..####", "..............####", "........(", []),
        ("..####", "..............####", "........(...)", []),
        ("..####", "..........####", "...........(", [4]),
        ("..######", "............####", "....(.)", [4]),
        ("..######", "............####", "....(", []),
        ("......####", "............####", "..(.)", [2]),
        ("........####", "............####.......####", "(................)", []),
    ],
    ids=[
        "a key after speaking: it is the key that is answered",
        "a key during the answer",
        "a key, then speech again",
        "the caller goes away",
        "the caller goes away and comes back: what was said before is forgotten",
        "the answer begins just before the caller goes away",
        "the caller comes back while speaking",
        "the caller speaks on while away",
        "the caller comes back, then speaks",
        "what is heard while the caller is away is no turn, nor what the agent says to greet them again",
    ],
)
def test_keys_and_absences_end_what_is_to_be_answered(caller: str, agent: str, events: str, waited: list[int]) -> None:
    assert turns(caller, agent, events) == waited


def test_a_click_is_no_speech_and_moves_no_end() -> None:
    clock = TurnClock()
    for speaks, at_s in ((True, 1.0), (False, 2.0), (True, 2.6), (False, 2.6 + SHORTEST_S - 0.02)):
        clock.caller(speaks, at_s)
    assert clock.is_open
    clock.agent(True, 3.0)
    assert waits(clock, 4.0) == [1.0]
    assert not clock.is_open


def test_it_waits_until_what_came_before_is_known() -> None:
    clock = TurnClock()
    clock.caller(True, 1.0)
    clock.agent(True, 2.5)  # told before the caller's end
    assert waits(clock, 2.5 + SETTLED_S - 0.01) == []
    clock.caller(False, 2.4)
    assert waits(clock, 2.5 + SETTLED_S) == [pytest.approx(0.1)]
    assert waits(clock) == []


def test_sound_that_was_taken_back_before_it_was_heard_is_no_answer() -> None:
    clock = TurnClock()
    clock.caller(True, 1.0)
    clock.caller(False, 2.0)
    clock.agent(True, 2.5)  # lies ahead, with a pause in it
    clock.agent(False, 4.0)
    clock.agent(True, 5.0)
    clock.agent(False, 6.0)
    clock.agent_cleared(2.2)
    clock.agent(True, 2.6)
    clock.agent_cleared(2.7)
    assert waits(clock) == [pytest.approx(0.6)]


def test_it_is_open_while_the_caller_waits() -> None:
    clock = TurnClock()
    found = [clock.is_open]
    clock.caller(True, 1.0)
    found.append(clock.is_open)
    clock.caller(False, 2.0)
    found.append(clock.is_open)
    clock.pause(2.1)
    found.append(clock.is_open)
    clock.resume(2.2)
    found.append(clock.is_open)
    assert found == [False, False, True, False, False]


def test_an_end_without_a_beginning_is_ignored() -> None:
    clock = TurnClock()
    clock.caller(False, 1.0)
    assert not clock.is_open


@given(
    st.lists(
        st.tuples(st.sampled_from(["caller", "agent", "cleared", "key", "pause", "resume", "settle"]), st.floats(0, 1)),
        max_size=60,
    )
)
def test_no_order_of_events_gives_a_turn_that_cannot_be(happened: list[tuple[str, float]]) -> None:
    clock, now_s, told = TurnClock(), 0.0, list[float | None]()
    speaks = {"caller": False, "agent": False}
    for what, pause_s in happened:
        now_s += pause_s
        match what:
            case "caller" | "agent":
                speaks[what] = not speaks[what]
                (clock.caller if what == "caller" else clock.agent)(speaks[what], now_s)
            case "cleared":
                clock.agent_cleared(now_s)
            case "key":
                clock.key_pressed(now_s)
            case "pause":
                clock.pause(now_s)
            case "resume":
                clock.resume(now_s)
            case _:
                told += waits(clock, now_s)
    told += waits(clock)
    assert len(told) <= sum(1 for what, _ in happened if what == "agent")
    assert all(waited_s is not None and 0 <= waited_s <= ANSWER_WITHIN_S for waited_s in told)
