"""How much of what the agent says the caller has heard: the sentences that are not over, and their place in time. Pure.

    Speak ─▶ queue: [ sentence 3 ][ sentence 4 ][ sentence 5 ]      those heard to their end go into the transcript
                      ████░░░░░░    ░░░░ sound    no sound yet
                          ▲ played: the last mark that came back, and for INTERPOLATED_MS the clock beyond it

What was heard is known from marks that the caller's side returns. Between two marks the clock tells, for a short while.
A front end that returns none is taken to have played what there is of a sentence OVERDUE_MS after that should have
ended: a long sentence is made piece by piece, as there is room, and would wait for room forever.
"""

from __future__ import annotations

from typing import Final

from ari_agent.calls.dialogue.spoken_sentence import SpokenSentence
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript

OVERDUE_MS: Final = 2_000
"""Sound that should have been heard this long ago counts as heard, because some front ends do not report it."""
INTERPOLATED_MS: Final = 200
"""For how many milliseconds beyond the last mark the clock alone tells what was heard."""


class PlaybackTracker:
    """Tracks the agent's sentences from `add` until they were heard or dropped.

    is_paused: between `pause` and `resume` or `clear`: nothing is being heard. heard_from_ms: before then, no sound of
    the agent's is.
    """

    def __init__(self, transcript: SpokenTranscript) -> None:
        """transcript: the text that the caller has heard is added to it."""
        self._transcript = transcript
        self._queue: list[SpokenSentence] = []
        self._played_ms = 0.0  # when it was last known what is heard
        self.is_paused = False
        self.heard_from_ms = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether every sentence was heard to its end or dropped."""
        return not self._queue

    @property
    def unheard_ms(self) -> float:
        """How many milliseconds of sound there are that the caller has not heard yet."""
        return sum(max(0.0, sentence.audio_ms - sentence.heard_ms) for sentence in self._queue)

    @property
    def heard_so_far(self) -> tuple[int, float] | None:
        """The number of the first sentence that is not over, and how much of it was heard; None: all was."""
        return (self._queue[0].number, self._queue[0].heard_ms) if self._queue else None

    @property
    def overdue_ms(self) -> float | None:
        """When what there is of the first sentence is taken as heard, mark or no mark; None: there is nothing."""
        head = self._queue[0] if self._queue else None
        if head is None or head.began_ms is None or self.is_paused:
            return None
        if head.heard_ms >= head.audio_ms and not head.is_whole:
            return None
        return max(head.began_ms + head.audio_ms, self._played_ms + head.audio_ms - head.heard_ms) + OVERDUE_MS

    def add(self, sentence: SpokenSentence) -> None:
        """Add a sentence that is to be spoken after those before it."""
        self._queue.append(sentence)

    def find(self, number: int) -> SpokenSentence | None:
        """Return the sentence of this number; None if it is over or was dropped."""
        return next((sentence for sentence in self._queue if sentence.number == number), None)

    def begin(self, sentence: SpokenSentence, now_ms: float) -> None:
        """Note that the caller is handed the first sound of a sentence, and hears it after the sound before it."""
        sentence.began_ms = max(now_ms, self.heard_from_ms) + self._unheard_before_ms(sentence)

    def played(self, number: int, heard_ms: float, now_ms: float) -> None:
        """Note that the caller has heard heard_ms of this sentence, and everything before it."""
        for sentence in self._queue:
            if sentence.number == number:
                sentence.heard_ms = max(sentence.heard_ms, heard_ms)
                break
            if sentence.is_whole:
                sentence.heard_ms = sentence.audio_ms
        self._played_ms = now_ms

    def tick(self, now_ms: float) -> bool:
        """Take the sound that the first sentence has as heard if it is overdue; return whether it was."""
        due_ms = self.overdue_ms
        if due_ms is None or now_ms < due_ms:
            return False
        self.played(self._queue[0].number, self._queue[0].audio_ms, now_ms)
        return True

    def take_over(self) -> bool:
        """Move the sentences that are over into the transcript; return whether the transcript has changed."""
        changed = False
        while self._queue and self._queue[0].is_over:
            sentence = self._queue.pop(0)
            if sentence.audio_ms:
                self._keep(sentence)
                changed = True
        return changed

    def keep_heard(self, now_ms: float) -> None:
        """Add to the transcript what the caller has heard by now of the sentences that are not over."""
        for place, sentence in enumerate(self._queue):
            self._keep(sentence, beyond_ms=0.0 if place else self._beyond_ms(now_ms))

    def pause(self, now_ms: float) -> None:
        """Note that the caller hears nothing from now on, until `resume` or `clear`."""
        if self._queue:
            self._queue[0].heard_ms += self._beyond_ms(now_ms)
        self.is_paused = True

    def resume(self, now_ms: float) -> tuple[int, float]:
        """Go on after a pause; return the number of the sentence to go on in, 0 for none, and the ms heard of it."""
        self.is_paused = False
        self._played_ms = now_ms
        sounding = [sentence for sentence in self._queue if sentence.began_ms is not None]
        from_ms = max(now_ms, self.heard_from_ms)
        for sentence in sounding:
            sentence.began_ms = from_ms - sentence.heard_ms + self._unheard_before_ms(sentence)
        return (sounding[0].number, sounding[0].heard_ms) if sounding else (0, 0.0)

    def clear(self, now_ms: float) -> bool:
        """Drop what was not heard, add what was to the transcript, and return whether there was anything to drop."""
        dropped = bool(self._queue) or self.is_paused
        self.keep_heard(now_ms)
        self._queue.clear()
        self.is_paused = False
        return dropped

    def drop_soundless(self) -> None:
        """Drop the sentences that have no sound, and take the others as whole, because no more sound will come."""
        self._queue = [sentence for sentence in self._queue if sentence.audio_ms]
        for sentence in self._queue:
            sentence.is_whole = True

    def _beyond_ms(self, now_ms: float) -> float:
        """Return how many ms of the first sentence, by the clock, were heard since the last mark came back."""
        head = self._queue[0]
        if self.is_paused or head.began_ms is None:
            return 0.0
        ago_ms = now_ms - max(self._played_ms, head.began_ms)
        return max(0.0, min(ago_ms, INTERPOLATED_MS, head.audio_ms - head.heard_ms))

    def _unheard_before_ms(self, sentence: SpokenSentence) -> float:
        before = (other for other in self._queue if other.number < sentence.number)
        return sum(max(0.0, other.audio_ms - other.heard_ms) for other in before)

    def _keep(self, sentence: SpokenSentence, *, beyond_ms: float = 0.0) -> None:
        text, words = sentence.take_heard(beyond_ms=beyond_ms)
        self._transcript.agent_said(
            sentence.turn, text, words, response_id=sentence.response_id, interrupt_id=sentence.interrupt_id
        )
