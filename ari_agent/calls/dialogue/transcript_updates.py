"""When the transcript is sent (update_only): at once, but only now and then while the user speaks. Pure.

A recognizer tells a text for every word, and each update holds the whole transcript, so that those of a long call would
cost more and more: while the user speaks, one in 250 ms, and 5 ms more for every utterance before.
"""

from __future__ import annotations

from typing import Final

from ari_agent.agents.llm import Turntaking
from ari_agent.calls.dialogue.orders import Order, SendUpdate
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript

PARTIAL_MS: Final = 250
PARTIAL_PER_UTTERANCE_MS: Final = 5


class TranscriptUpdates:
    """Orders the updates of one call. due_ms: when `tick` sends an update that waits; None while none waits."""

    def __init__(self, transcript: SpokenTranscript, orders: list[Order]) -> None:
        """orders: the list to which orders to send the transcript are appended."""
        self._transcript, self._orders = transcript, orders
        self._sent_ms = 0.0
        self._turntaking: Turntaking | None = None  # as it was sent last
        self.due_ms: float | None = None

    def send(self, now_ms: float, turntaking: Turntaking | None = None) -> None:
        """Send the transcript now, with every change that waited."""
        self._orders.append(SendUpdate(turntaking))
        self._sent_ms, self.due_ms = now_ms, None

    def send_soon(self, now_ms: float) -> None:
        """Send the words of a user who goes on speaking: now if an update is due, otherwise later by `tick`."""
        if self.due_ms is None:
            self.due_ms = self._sent_ms + PARTIAL_MS + PARTIAL_PER_UTTERANCE_MS * len(self._transcript)
        self.tick(now_ms)

    def turn_goes_to(self, whose: Turntaking, now_ms: float) -> None:
        """Send an update that says whose turn it is now, unless it was theirs already."""
        if self._turntaking != whose:
            self._turntaking = whose
            self.send(now_ms, whose)

    def tick(self, now_ms: float) -> None:
        """Send the update that waits, if its time has come."""
        if self.due_ms is not None and now_ms >= self.due_ms:
            self.send(now_ms)
