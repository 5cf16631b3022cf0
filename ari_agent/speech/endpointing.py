"""End-pointing: when the user's turn is over, told from the voice, the recognizer's texts and the time. Pure.

    user ───voice───┐silence_ms┐ ···final text··· ┐
                    └─ ended   └ voice_stopped    └▶ the turn ends

The user is done `silence_ms` after the voice ended where the text looks complete, 200 ms later where that is not known,
and much later where it hangs ("and", "um", three digits); at once where the recognizer is sure. Without the final text,
at most 3 s after the voice ended. Voice in which nobody understands a word for 5 s is no turn any more (a television,
music); nobody speaks for 30 s without a pause either. The numbers: TurnSettings.

A text that comes after its turn was decided without it is dropped, if there was an answer to be asked for; otherwise it
is a turn of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ari_agent.speech.barge_in import BargeIn, BargeInStep
from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.turn_words import rest_after, words_of

NOD_ANSWERS_MS: Final = 1500
"""A nod while the agent speaks is an answer if the agent ends so soon after it: it was one to a question."""
PARTIAL_WITHIN_MS: Final = 5000
"""A recognizer tells words while they are spoken if it tells some so soon after a voice has begun. One that tells those
of a long speech in parts of many seconds does not: that it is silent for five says nothing."""
LONGEST_TEXT: Final = 16_384
"""How many characters of one turn are kept; what is beyond is cut off."""


class TurnEnd(Enum):
    """What has to happen before the user's turn is over."""

    BY_PAUSE = "by pause"
    """The turn ends after a pause, whose length depends on how complete the text looks."""
    AT_ONCE = "at once"
    """The turn ends without a pause: the recognizer is sure, or the text came after the voice."""
    AFTER_AGENT = "after agent"
    """The turn ends when the agent has finished: it did not interrupt the agent, and is to be answered."""
    AS_NOD = "as nod"
    """The turn was a nod: it is answered if the agent finishes within NOD_ANSWERS_MS, and dismissed otherwise."""


@dataclass(slots=True)
class UserTurn:
    """What the user has said since the last decision about it.

    texts: final ones. partial: of the utterance that goes on. is_unfinished: the last one
    sounded as if more were to come. word_ms: when the text last grew. voiced_ms: length of
    the voices that have ended. nod_ms: when it was taken for a nod.
    """

    voice_ended_ms: float
    barge_in: BargeIn
    texts: list[str] = field(default_factory=list)
    partial: str = ""
    is_unfinished: bool = False
    word_ms: float | None = None
    voiced_ms: float = 0.0
    nod_ms: float = 0.0
    end: TurnEnd = TurnEnd.BY_PAUSE

    @property
    def text(self) -> str:
        """Return everything that the user has said in this turn, final or not."""
        return " ".join(filter(None, [*self.texts, self.partial]))

    def take(self, text: str, now_ms: float, *, final: bool, is_sure: bool) -> None:
        """Add a text of the utterance that goes on. is_sure: the recognizer is sure that the user is done."""
        before, had_voice = self.text, self.barge_in.has_voice
        room = LONGEST_TEXT - sum(map(len, self.texts))
        self.partial = text[: max(0, room)]
        if final:
            self.texts += [self.partial] if self.partial else []
            self.partial = ""
        if self.text != before:
            self.word_ms = now_ms
            # A text that nobody speaks any more is late enough.
            at_once = is_sure or (final and not before and not had_voice)
            self.end = TurnEnd.AT_ONCE if at_once else TurnEnd.BY_PAUSE
        elif before and is_sure and self.end is TurnEnd.BY_PAUSE:
            self.end = TurnEnd.AT_ONCE


class Endpointing:
    """The user's side of the floor.

    voice_ms: since when there is a voice; None without one. voice_until_ms: where it ended last, if that is known.
    turn: None while the user has said nothing that is to be decided. has_partials: this recognizer tells words while
    they are spoken. All times are of one monotonic clock.
    """

    def __init__(self) -> None:
        self.voice_ms: float | None = None
        self.voice_until_ms: float | None = None
        self.turn: UserTurn | None = None
        self.has_partials = False
        self._owed = 0  # final texts that the recognizer still owes
        self._unwanted = 0  # of these, the first so many belong to turns that were decided without them
        self._answered: list[str] = []  # words of an utterance that goes on, which were answered

    @property
    def owes_text(self) -> bool:
        """Whether the recognizer still owes the final text of a voice of this turn."""
        return self._owed > self._unwanted

    def open_turn(self, since_ms: float) -> UserTurn:
        """Return the turn that is open; where there is none, open one that began at since_ms."""
        if self.turn is None:
            self.turn = UserTurn(since_ms, BargeIn(has_voice=self.voice_ms is not None))
        return self.turn

    def voice_started(self, since_ms: float, *, is_paused: bool) -> None:
        """Take note that a voice has begun. is_paused: turn-taking is paused, so the voice opens no turn."""
        if self.voice_ms is not None:
            return
        self.voice_ms = since_ms
        if not is_paused:
            turn = self.open_turn(since_ms)
            turn.barge_in.move(BargeInStep.VOICE)
            turn.end = TurnEnd.BY_PAUSE

    def voice_stopped(self, ended_ms: float, *, is_paused: bool) -> None:
        """The voice has ended; the recognizer owes a final text from now on."""
        if self.voice_ms is None:
            return
        ended_ms = max(ended_ms, self.voice_ms)
        self._owed += 1
        if is_paused:
            self._unwanted = self._owed
        elif self.turn is not None:
            self.turn.voice_ended_ms = max(ended_ms, self.turn.voice_ended_ms)
            self.turn.voiced_ms += ended_ms - self.voice_ms
        self.voice_ms = None

    def heard(
        self, text: str, now_ms: float, *, final: bool, is_sure: bool, is_paused: bool, is_unfinished: bool = False
    ) -> None:
        """Take a text from the recognizer: all of its utterance so far or, if final, the utterance's last."""
        text = rest_after(self._answered, text).strip()
        if final:
            self._answered = []
        self.has_partials |= bool(text) and not final and self._has_just_begun(now_ms)
        is_unwanted = self._unwanted > 0
        if final and self._owed:
            self._owed -= 1
            self._unwanted = max(0, self._unwanted - 1)
        if not (is_unwanted or is_paused) and (text or self.turn is not None):
            turn = self.open_turn(now_ms)
            turn.take(text, now_ms, final=final, is_sure=is_sure)
            turn.is_unfinished = is_unfinished

    def _has_just_begun(self, now_ms: float) -> bool:
        """Whether a voice has begun within PARTIAL_WITHIN_MS, or a text comes where no voice was known of."""
        return now_ms - self.voice_ms < PARTIAL_WITHIN_MS if self.voice_ms is not None else not self._owed

    def resume(self, now_ms: float) -> None:
        """Take note that the call is back; somebody who is speaking just now begins a turn."""
        if self.voice_ms is not None:
            self.voice_ms = now_ms
            self.open_turn(now_ms)

    def reconsider(self) -> None:
        """What was kept for after the agent's turn may be allowed to interrupt it now."""
        if self.turn is not None and self.turn.end is TurnEnd.AFTER_AGENT:
            self.turn.end = TurnEnd.BY_PAUSE

    def end_due_ms(self, settings: TurnSettings, *, agent_speaks: bool) -> float | None:
        """Return when the turn is over, or None if something else has to happen first."""
        turn = self.turn
        if turn is None or (turn.end is TurnEnd.AFTER_AGENT and agent_speaks):
            return None
        if turn.end is TurnEnd.AS_NOD:
            return turn.nod_ms + (NOD_ANSWERS_MS if agent_speaks else 0)
        if turn.end is TurnEnd.AT_ONCE and not turn.partial:
            return turn.word_ms
        if self.voice_ms is not None:
            since_ms = max(self.voice_ms, turn.word_ms or 0)
            return since_ms + (settings.wordless_ms if self.has_partials else settings.endless_ms)
        if turn.partial or self.owes_text:
            return max(turn.voice_ended_ms, turn.word_ms or 0) + settings.max_end_ms
        return turn.voice_ended_ms + settings.wait_ms(turn.text, is_unfinished=turn.is_unfinished)

    def answered(self, turn: UserTurn, now_ms: float) -> float:
        """End the turn, which is being answered; return when its voice ended, or its text if it had no voice."""
        if self.voice_ms is None:
            ended_ms = turn.voice_ended_ms if turn.voiced_ms else turn.word_ms or turn.voice_ended_ms
        else:
            self._answered = words_of(turn.partial)
            ended_ms = now_ms if self.voice_until_ms is None else self.voice_until_ms
        self.drop_turn()
        return ended_ms

    def drop_turn(self) -> None:
        """The turn is over; its texts that are still to come belong to nobody."""
        self.turn, self._unwanted = None, self._owed

    def dismiss_turn(self) -> None:
        """The turn needs no answer; its texts that are still to come are a turn of their own."""
        self.turn = None
