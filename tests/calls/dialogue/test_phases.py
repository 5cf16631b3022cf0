"""The tables of the conversation, against what they promise."""

from __future__ import annotations

from typing import get_args

import pytest

from ari_agent.calls.dialogue.events import Event
from ari_agent.calls.dialogue.phases import (
    AGENT_PHASES,
    CALLERS,
    HAS_TURN,
    IGNORED,
    STAGES,
    AgentPhase,
    Caller,
    IllegalMove,
    Move,
    Stage,
    moved,
)
from ari_agent.calls.dialogue.spoken_dialogue import SpokenDialogue


def test_an_answer_is_asked_for_only_where_none_is_spoken() -> None:
    assert {phase for phase in AgentPhase if (phase, Move.ASK) not in AGENT_PHASES} == HAS_TURN


@pytest.mark.parametrize("phase", AgentPhase)
def test_the_agent_can_be_cut_off_and_can_cut_in_in_every_phase(phase: AgentPhase) -> None:
    assert moved(phase, Move.CUT) is AgentPhase.SILENT
    assert moved(phase, Move.CUT_IN) is AgentPhase.SPEAKING


def test_what_the_table_does_not_have_is_illegal() -> None:
    with pytest.raises(IllegalMove, match="cannot ask while speaking"):
        moved(AgentPhase.SPEAKING, Move.ASK)


def test_every_phase_stage_and_caller_is_reached() -> None:
    assert {AgentPhase.SILENT, *AGENT_PHASES.values()} == set(AgentPhase)
    assert {Stage.CONVERSATION, *STAGES.values()} == set(Stage)
    assert {Caller.EXPECTED, *CALLERS.values()} == set(Caller)


def test_nothing_leads_back_from_the_end() -> None:
    assert {after for (before, _), after in STAGES.items() if before is Stage.OVER} == {Stage.OVER}


def test_every_event_has_a_handler_and_every_stage_says_what_it_ignores() -> None:
    assert set(SpokenDialogue._HANDLERS) == set(get_args(Event))
    assert set(IGNORED) == set(Stage)
    for stage, ignored in IGNORED.items():
        moving = {event for (before, event), after in STAGES.items() if before is stage and after is not stage}
        assert not ignored & moving
