"""When the transcript is sent."""

from __future__ import annotations

from ari_agent.calls.dialogue.orders import Order, SendUpdate
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript
from ari_agent.calls.dialogue.transcript_updates import PARTIAL_MS, PARTIAL_PER_UTTERANCE_MS, TranscriptUpdates


def test_what_the_user_is_saying_is_sent_now_and_then() -> None:
    orders: list[Order] = []
    transcript = SpokenTranscript()
    updates = TranscriptUpdates(transcript, orders)
    transcript.user_said("one")
    updates.send(1000)
    updates.send_soon(1010)
    updates.send_soon(1100)
    due_ms = 1000 + PARTIAL_MS + PARTIAL_PER_UTTERANCE_MS
    assert (orders, updates.due_ms) == ([SendUpdate()], due_ms)
    updates.tick(due_ms - 1)
    assert len(orders) == 1
    updates.tick(due_ms)
    assert (len(orders), updates.due_ms) == (2, None)
    updates.send_soon(due_ms + 5000)  # long after the last one
    assert (len(orders), updates.due_ms) == (3, None)


def test_an_update_holds_what_waited() -> None:
    orders: list[Order] = []
    updates = TranscriptUpdates(SpokenTranscript(), orders)
    updates.send(1000)
    updates.send_soon(1010)
    updates.turn_goes_to("user_turn", 1020)
    updates.turn_goes_to("user_turn", 1030)
    assert orders == [SendUpdate(), SendUpdate("user_turn")]
    assert updates.due_ms is None
