"""Whether a voice or its words interrupt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.barge_in import (
    BARGE_INS,
    ECHO_MS,
    LOOK_AGAIN_MS,
    BargeIn,
    BargeInState,
    BargeInStep,
    is_confirmed_by_words,
    voice_due_ms,
    words_decide,
)
from ari_agent.speech.turn_settings import TurnSettings

CAREFUL = TurnSettings(interruption_sensitivity=0.9)
WORDS = TurnSettings(interruption_sensitivity=0.5)
HARD = TurnSettings(interruption_sensitivity=0.2)


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([BargeInStep.VOICE], BargeInState.POSSIBLE),
        ([BargeInStep.VOICE, BargeInStep.DUCK], BargeInState.DUCKED),
        ([BargeInStep.VOICE, BargeInStep.DUCK, BargeInStep.VOICE], BargeInState.DUCKED),
        ([BargeInStep.VOICE, BargeInStep.DUCK, BargeInStep.UNDUCK], BargeInState.REFUTED),
        ([BargeInStep.VOICE, BargeInStep.DUCK, BargeInStep.UNDUCK, BargeInStep.DUCK], BargeInState.REFUTED),
        ([BargeInStep.VOICE, BargeInStep.DUCK, BargeInStep.UNDUCK, BargeInStep.VOICE], BargeInState.POSSIBLE),
        ([BargeInStep.VOICE, BargeInStep.DUCK, BargeInStep.CUT_OFF], BargeInState.DONE),
        ([BargeInStep.VOICE, BargeInStep.CUT_OFF, BargeInStep.VOICE], BargeInState.DONE),
        ([BargeInStep.CUT_OFF], BargeInState.IMPOSSIBLE),
    ],
)
def test_an_attempt_goes_through_its_states(steps: list[BargeInStep], state: BargeInState) -> None:
    barge_in = BargeIn(has_voice=False)
    for step in steps:
        barge_in.move(step)
    assert barge_in.state is state


def test_an_agent_that_talks_the_user_down_ends_every_attempt_until_there_is_another_voice() -> None:
    assert {BARGE_INS[state, BargeInStep.TALKED_DOWN] for state in BargeInState} == {BargeInState.IMPOSSIBLE}
    barge_in = BargeIn(has_voice=True)
    barge_in.move(BargeInStep.CUT_OFF)
    barge_in.move(BargeInStep.TALKED_DOWN)
    assert not barge_in.may_interrupt
    barge_in.move(BargeInStep.VOICE)
    assert barge_in.may_interrupt


@given(st.lists(st.sampled_from(BargeInStep), max_size=20), st.booleans())
def test_whatever_happens_each_duck_is_undone_once_at_most(steps: list[BargeInStep], has_voice: bool) -> None:
    barge_in = BargeIn(has_voice=has_voice)
    assert barge_in.has_voice == has_voice
    ducked = 0
    for step in steps:
        changed = barge_in.move(step)
        ducked += (step is BargeInStep.DUCK and changed) - (step is BargeInStep.UNDUCK and changed)
        ducked = 0 if step in (BargeInStep.CUT_OFF, BargeInStep.TALKED_DOWN) and changed else ducked
        assert ducked == (barge_in.state is BargeInState.DUCKED)


@pytest.mark.parametrize(
    ("voice_ms", "agent_ms", "due_ms"),
    [
        (1000, 0, 1160),
        (1000, 1000, 1000 + ECHO_MS + 160),  # perhaps the agent's own echo
        (1299, 1000, 1000 + ECHO_MS + 160),
        (1300, 1000, 1460),
        (500, 1000, 1160),  # who spoke already is no echo
    ],
)
def test_a_voice_interrupts_when_it_is_long_enough(voice_ms: float, agent_ms: float, due_ms: float) -> None:
    given_ms = {"voice_ms": voice_ms, "agent_ms": agent_ms, "now_ms": voice_ms + 100}
    assert voice_due_ms(160, voice_until_ms=None, **given_ms) == due_ms
    assert voice_due_ms(160, voice_until_ms=due_ms, **given_ms) == due_ms


def test_a_voice_that_has_ended_before_is_looked_at_again() -> None:
    due_ms = voice_due_ms(160, voice_ms=1000, voice_until_ms=1100, agent_ms=0, now_ms=1200)
    assert due_ms == 1200 + LOOK_AGAIN_MS


@pytest.mark.parametrize(
    ("settings", "text", "interrupts"),
    [
        (WORDS, "", False),
        (WORDS, "uh huh", False),
        (WORDS, "tomorrow", True),
        (HARD, "tomorrow", False),
        (HARD, "tomorrow morning", True),
        (HARD, "stop", True),
    ],
)
def test_words_of_ones_own_interrupt(settings: TurnSettings, text: str, interrupts: bool) -> None:
    assert is_confirmed_by_words(settings, text) == interrupts


@pytest.mark.parametrize(
    ("settings", "text", "has_partials", "decide"),
    [
        (WORDS, "yeah", True, True),
        (WORDS, "", True, True),
        (WORDS, "yeah", False, False),  # of an utterance before
        (WORDS, "", False, False),
        (CAREFUL, "yeah", True, True),
        (CAREFUL, "", True, False),
    ],
)
def test_words_decide_where_they_can_be_had_and_are_needed(
    settings: TurnSettings, text: str, has_partials: bool, decide: bool
) -> None:
    assert words_decide(settings, text, has_partials=has_partials) == decide
