"""One turn of the agent's: the text of an answer or interruption as it comes, as sentences to be spoken. Pure."""

from __future__ import annotations

from typing import Final

from ari_agent.speech.sentences import Sentence, Sentences

STALL_MS: Final = 400
"""How long, in milliseconds, an agent must write nothing after a full stop for the sentence to count as ended; or after
a piece of which its server does not say whether more comes, for the turn to count as complete."""


class AgentTurn:
    """What the agent is saying, or about to say.

    number: of all turns of the call. response_id or interrupt_id: of the messages it comes in; None for a message that
    the platform itself leaves. is_complete: no more text comes. stalls_ms: when text that has stopped coming counts as
    a sentence; None: not at any time. may_be_whole: then it counts as complete. asks_after: the agent is to be asked
    once all of the turn was heard. normalized_for: see Sentence.
    """

    def __init__(
        self,
        number: int,
        response_id: int | None = None,
        interrupt_id: int | None = None,
        *,
        normalized_for: str | None = None,
    ) -> None:
        self.number = number
        self.response_id, self.interrupt_id = response_id, interrupt_id
        self.is_complete = self.may_be_whole = self.asks_after = False
        self.stalls_ms: float | None = None
        self._sentences = Sentences(normalized_for)

    def add(self, text: str, *, complete: bool, now_ms: float, may_be_last: bool = False) -> list[Sentence]:
        """Take the next piece of the text, and return the sentences that it ends.

        complete: it is the last piece. may_be_last: nobody said whether it is.
        """
        found = self._sentences.feed(text)
        self.may_be_whole = may_be_last
        self.stalls_ms = now_ms + STALL_MS
        return _audible(found) + (self.complete() if complete else [])

    def stalled(self, now_ms: float) -> list[Sentence]:
        """Return the sentences that count as ended because no text has come for STALL_MS."""
        if self.stalls_ms is None or now_ms < self.stalls_ms:
            return []
        if self.may_be_whole:
            return self.complete()
        self.stalls_ms = None
        return _audible(self._sentences.flush())

    def complete(self) -> list[Sentence]:
        """Note that no more text comes, and return the rest of the text as sentences."""
        self.is_complete, self.stalls_ms = True, None
        return _audible(self._sentences.finish())


def _audible(sentences: list[Sentence]) -> list[Sentence]:
    return [sentence for sentence in sentences if sentence.text or sentence.pause_ms]
