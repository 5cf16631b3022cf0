"""What an agent writes in one turn, as sentences."""

from __future__ import annotations

from ari_agent.calls.dialogue.agent_turn import STALL_MS, AgentTurn


def test_text_that_stops_coming_after_a_full_stop_is_a_sentence() -> None:
    turn = AgentTurn(1, response_id=0)
    assert turn.add("One is here.", complete=False, now_ms=100) == []
    assert turn.stalls_ms == 100 + STALL_MS
    assert turn.stalled(499) == []
    assert [sentence.text for sentence in turn.stalled(500)] == ["One is here."]
    assert turn.stalled(9000) == []
    assert turn.stalls_ms is None


def test_a_turn_is_complete_with_its_last_piece_and_waits_for_nothing() -> None:
    turn = AgentTurn(1, response_id=0)
    turn.add("One", complete=False, now_ms=0)
    assert [sentence.text for sentence in turn.add(" two", complete=True, now_ms=10)] == ["One two"]
    assert turn.is_complete
    assert turn.stalls_ms is None


def test_a_piece_that_may_be_the_last_is_it_when_nothing_more_comes() -> None:
    turn = AgentTurn(1, response_id=0)
    turn.add("One ", complete=False, may_be_last=True, now_ms=0)
    turn.add("two", complete=False, may_be_last=True, now_ms=STALL_MS - 1)
    assert turn.stalled(STALL_MS) == []
    assert [sentence.text for sentence in turn.stalled(2 * STALL_MS)] == ["One two"]
    assert turn.is_complete
    assert turn.stalls_ms is None


def test_what_cannot_be_said_is_no_sentence() -> None:
    turn = AgentTurn(1)
    assert turn.add("\n \n", complete=True, now_ms=0) == []
