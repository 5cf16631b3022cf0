"""Whose turn it is in a spoken conversation: when the user is done, may cut the agent off, or is to be reminded. Pure.

    user ───voice───┐silence_ms┐ ···final text··· ┐  EndOfTurn          a response is awaited; a newer EndOfTurn
                    └─ ended   └ voice_stopped    └▶ or Dismissed       asks again, for more text
    agent ──────────speaks──────────                                    the user's voice meanwhile: Interrupt,
             └ 300 ms of echo ┘└ min_voice_ms ┘▶ Interrupt or Duck      or Duck and then Interrupt or Unduck
    nobody ─────────reminder_trigger_ms──────────▶ Remind

Facts go in (a voice, a text, the agent), decisions come out as values. Nothing waits: `next_tick_ms` says when `tick`
is due. Every rule is a due time made of facts and of the settings of this moment, so settings may change at any time.

The end of a turn (the numbers: TurnSettings). The user is done `silence_ms` after the voice ended where the text looks
complete, 200 ms later where that is not known, and much later where it hangs ("and", "um", three digits); at once where
the recognizer is sure. Without the final text, at most 3 s after the voice ended. Voice in which nobody understands a
word for 5 s is no turn any more (a television, music); nobody speaks for 30 s without a pause either.

What comes of a turn:

    agent silent    words                       EndOfTurn
                    none                        Dismissed; EndOfTurn("") where the agent was cut off for it, or it was
                                                long and no answer is awaited: or else nobody would speak
    agent speaks    words of its own            Interrupt and EndOfTurn, where the settings allow it;
                                                otherwise kept: EndOfTurn once the agent has finished
                    none, or "uh huh", "okay"   Dismissed

A text that comes after its turn was decided without it is dropped, if there was an answer to be asked for; otherwise it
is a turn of its own. There is one EndOfTurn at most for all that the user says in a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.turn_words import rest_after, turn_words, words_of

ECHO_MS: Final = 300
"""Voice that begins so soon after the agent does may be the agent's own, before the line's echo canceller has it."""

_LOOK_AGAIN_MS: Final = 20
_LONGEST_TEXT: Final = 16_384  # characters of one turn


@dataclass(frozen=True, slots=True)
class Begin:
    """Nobody has spoken, and the delay is over: the agent may say its first words."""


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """The user is done: the agent is to be asked, whatever it was asked before.

    text: of the turn; "" where a voice said nothing that was understood ("(unintelligible audio)" at Retell).
    voice_ended_ms: when the voice, or the text without one, ended: what latency is counted from.
    """

    text: str
    voice_ended_ms: float


@dataclass(frozen=True, slots=True)
class Dismissed:
    """What seemed to be a turn needs no answer: what waited for the user may be said now.

    text: a nod ("uh huh"), or "".
    """

    text: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The agent is to be silent at once: what was not heard of its answer is dropped. No agent_finished follows."""


@dataclass(frozen=True, slots=True)
class Duck:
    """The agent is to speak lower, or to pause: perhaps it is being interrupted. Unduck or Interrupt follows."""


@dataclass(frozen=True, slots=True)
class Unduck:
    """It was nothing: the agent goes on as before, from where it paused."""


@dataclass(frozen=True, slots=True)
class Remind:
    """Nobody has spoken for long: the agent is to be asked for a reminder. count: how many in a row, from 1."""

    count: int


Decision: TypeAlias = Begin | EndOfTurn | Dismissed | Interrupt | Duck | Unduck | Remind

_Due: TypeAlias = Callable[[], float | None]
_Rule: TypeAlias = Callable[[], list[Decision]]


@dataclass(slots=True)
class _Turn:
    """What the user has said since the last decision about it."""

    voice_ended_ms: float
    texts: list[str] = field(default_factory=list)  # final ones
    partial: str = ""
    word_ms: float | None = None  # when the text last grew
    voiced_ms: float = 0.0  # of the voices that have ended
    voiced: bool = False  # there is more than text, and the agent has not talked it down: it may interrupt
    sure: bool = False  # the recognizer is, that the user is done
    interrupted: bool = False  # the agent was cut off for it
    kept: bool = False  # to be answered when the agent has finished
    ducked_ms: float | None = None  # when the agent was ducked for this voice; not twice for one voice

    @property
    def text(self) -> str:
        return " ".join(filter(None, [*self.texts, self.partial]))


class Turns:
    """One call's.

    now_ms and since_ms: of one monotonic clock; a time before the last one counts as the last one. Every event returns
    what is decided by it, in order; most decide nothing.
    """

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self._settings = settings or TurnSettings()
        self._now = 0.0
        self._turn: _Turn | None = None
        self._voice: float | None = None  # since when there is one
        self._voice_until: float | None = None
        self._owed = 0  # final texts that the recognizer still owes
        self._unwanted = 0  # of these, the first so many belong to turns that were decided without them
        self._answered: list[str] = []  # words of an utterance that goes on, which were answered
        self._has_partials = False
        self._agent: float | None = None  # since when it speaks
        self._protected = False
        self._awaited = False  # an answer is open
        self._ducked = False
        self._begin_at: float | None = None
        self._began = False
        self._quiet: float | None = None  # since when nobody speaks, after the first words of the call
        self._reminders = 0
        self._paused = False

    @property
    def settings(self) -> TurnSettings:
        """As they are now."""
        return self._settings

    @property
    def user_has_floor(self) -> bool:
        """The agent is not to begin to speak: the user does, or may not be done. EndOfTurn or Dismissed ends it."""
        return self._turn is not None and self._agent is None

    @property
    def next_tick_ms(self) -> float | None:
        """When `tick` is due, later than the last event. None: only another event can decide anything."""
        dues = [due for due in (rule() for rule, _ in self._rules()) if due is not None]
        return max(min(dues), self._now + 1) if dues else None

    # The call

    def begin(self, now_ms: float) -> list[Decision]:
        """The caller hears us: the agent may begin after begin_message_delay_ms."""
        self._pass(now_ms)
        if self._begin_at is None:
            self._begin_at = self._now
        return self._decide()

    def update(self, settings: TurnSettings, now_ms: float) -> list[Decision]:
        """Other settings from now on, for what has begun too (Retell's update_agent)."""
        self._pass(now_ms)
        self._settings = settings
        self._reconsider()
        return self._decide()

    def pause(self, now_ms: float) -> list[Decision]:
        """The call is elsewhere (hold, a transfer): what the user says is nobody's turn. Idempotent."""
        self._pass(now_ms)
        self._paused = True
        self._drop_turn()
        return self._unduck()

    def resume(self, now_ms: float) -> list[Decision]:
        """The user is back; who speaks just now begins a turn, and silence counts from now on. Idempotent."""
        self._pass(now_ms)
        if self._paused:
            self._paused = False
            if self._voice is not None:
                self._voice = self._now
                self._open_turn(self._now)
            self._still_there()
        return self._decide()

    def tick(self, now_ms: float, *, voice_until_ms: float | None = None) -> list[Decision]:
        """Time has passed; early and superfluous ticks do no harm.

        voice_until_ms: where the last window of voice ended (VoiceActivity.voice_ended_ms), so that a cough does not
        count for as long as the pause after it. Left out, a voice lasts until voice_stopped.
        """
        self._pass(now_ms)
        self._voice_until = voice_until_ms
        return self._decide()

    # The user

    def voice_started(self, now_ms: float, *, since_ms: float | None = None) -> list[Decision]:
        """VoiceStarted. since_ms: when the voice began, which is some 100 ms before that is known."""
        self._pass(now_ms)
        since = self._past(since_ms)
        if self._voice is None:
            self._voice = since
            if not self._paused:
                turn = self._open_turn(since)
                turn.voiced, turn.ducked_ms, turn.sure, turn.kept = True, None, False, False
        return self._decide()

    def voice_stopped(self, now_ms: float, *, since_ms: float | None = None) -> list[Decision]:
        """VoiceStopped. since_ms: when the voice ended. The recognizer owes a final text from now on."""
        self._pass(now_ms)
        if self._voice is None:
            return self._decide()
        ended = max(self._past(since_ms), self._voice)
        self._owed += 1
        if self._paused:
            self._unwanted = self._owed
        elif self._turn is not None:
            self._turn.voice_ended_ms = max(ended, self._turn.voice_ended_ms)
            self._turn.voiced_ms += ended - self._voice
        self._voice = None
        return self._decide()

    def heard(self, text: str, *, final: bool, end_of_turn: bool = False, now_ms: float) -> list[Decision]:
        """A text of the recognizer's: all of its utterance so far, or the utterance's last."""
        self._pass(now_ms)
        text = rest_after(self._answered, text).strip()
        if final:
            self._answered = []
        self._has_partials |= bool(text) and not final
        unwanted = self._unwanted > 0
        if final and self._owed:
            self._owed -= 1
            self._unwanted = max(0, self._unwanted - 1)
        if not (unwanted or self._paused):
            self._take(text, final=final, end_of_turn=end_of_turn)
        return self._decide()

    # The agent

    def agent_began(self, now_ms: float, *, no_interruption: bool = False, cuts_in: bool = False) -> list[Decision]:
        """The agent begins to speak, or goes on with another piece.

        no_interruption: nobody cuts this piece off. cuts_in: it talks the user down (agent_interrupt); a voice that is
        there already does not interrupt it.
        """
        self._pass(now_ms)
        if self._agent is None:
            self._agent = self._now
        self._began, self._quiet = True, self._now
        if cuts_in and self._turn is not None:
            self._turn.voiced = False
        if no_interruption != self._protected:
            self._protected = no_interruption
            self._reconsider()
        return self._decide()

    def agent_finished(self, now_ms: float) -> list[Decision]:
        """All of an answer was heard, or there was nothing to say. Not for what was cut off by Interrupt."""
        self._pass(now_ms)
        self._agent, self._awaited, self._protected = None, False, False
        self._still_there()
        return self._unduck() + self._decide()

    # Rules: when each is due, and what it does then

    def _rules(self) -> Sequence[tuple[_Due, _Rule]]:
        if self._paused:
            return ()
        return (
            (self._begin_due, self._begin),
            (self._interruption_due, self._interruption),
            (self._confirmation_due, self._confirmation),
            (self._end_due, self._end),
            (self._reminder_due, self._remind),
        )

    def _begin_due(self) -> float | None:
        if self._begin_at is None or self._began or self._turn is not None:
            return None
        return self._begin_at + self._settings.begin_message_delay_ms

    def _begin(self) -> list[Decision]:
        self._began = True
        return [Begin()]

    def _interruption_due(self) -> float | None:
        turn = self._interrupting()
        if turn is None:
            return None
        if not self._settings.cuts_at_once and self._confirmed(turn, by_voice=False):
            return self._now
        if turn.ducked_ms is not None or self._voice is None or self._agent is None:
            return None
        counts_from = max(self._voice, self._agent)
        if self._agent <= self._voice < self._agent + ECHO_MS:
            counts_from = self._agent + ECHO_MS
        due = counts_from + self._settings.min_voice_ms
        if self._voice_until is not None and self._voice_until < due:
            return max(due, self._now + _LOOK_AGAIN_MS)
        return due

    def _interruption(self) -> list[Decision]:
        turn = self._turn
        assert turn is not None  # noqa: S101  (it is due for one)
        if self._settings.cuts_at_once or self._confirmed(turn, by_voice=False):
            return self._cut(turn)
        turn.ducked_ms = self._now
        self._ducked = True
        return [Duck()]

    def _confirmation_due(self) -> float | None:
        turn = self._interrupting()
        if turn is None or turn.ducked_ms is None or not self._ducked:
            return None
        return turn.ducked_ms + self._settings.confirm_ms

    def _confirmation(self) -> list[Decision]:
        turn = self._turn
        assert turn is not None  # noqa: S101  (it is due for one)
        return self._cut(turn) if self._confirmed(turn, by_voice=True) else self._unduck()

    def _end_due(self) -> float | None:
        turn, settings = self._turn, self._settings
        if turn is None or (turn.kept and self._agent is not None):
            return None
        if turn.sure and not turn.partial:
            return turn.word_ms
        if self._voice is not None:
            since = max(self._voice, turn.word_ms or 0)
            return since + (settings.wordless_ms if self._has_partials else settings.endless_ms)
        if turn.partial or self._owed > self._unwanted:
            return max(turn.voice_ended_ms, turn.word_ms or 0) + settings.max_end_ms
        return turn.voice_ended_ms + settings.wait_ms(turn.text)

    def _end(self) -> list[Decision]:
        turn = self._turn
        assert turn is not None  # noqa: S101  (it is due for one)
        if self._agent is not None:
            return self._end_under_agent(turn)
        if turn.text or turn.interrupted:
            return self._answer(turn)
        if turn.voiced_ms >= self._settings.unintelligible_ms and not self._awaited:
            return self._answer(turn)
        return self._dismiss(turn)

    def _end_under_agent(self, turn: _Turn) -> list[Decision]:
        if self._interrupting() and self._confirmed(turn, by_voice=False):
            return [*self._cut(turn), *self._answer(turn)]
        if not turn_words(self._settings.language).own_words(turn.text):
            return self._dismiss(turn)
        turn.kept = True
        return self._unduck()

    def _reminder_due(self) -> float | None:
        somebody_speaks = self._turn is not None or self._voice is not None or self._agent is not None
        if self._quiet is None or somebody_speaks or self._awaited:
            return None
        if self._reminders >= self._settings.reminder_max_count:
            return None
        return self._quiet + self._settings.reminder_trigger_ms

    def _remind(self) -> list[Decision]:
        self._reminders += 1
        self._awaited = True
        return [Remind(self._reminders)]

    # What the rules are made of

    def _interrupting(self) -> _Turn | None:
        """The turn that may cut the agent off."""
        turn = self._turn
        if turn is None or self._agent is None or turn.interrupted or not turn.voiced:
            return None
        return None if self._protected or not self._settings.interruption_sensitivity else turn

    def _confirmed(self, turn: _Turn, *, by_voice: bool) -> bool:
        """Whether its words say that it is an interruption; by_voice: or the lack of words, while a voice goes on."""
        words, text = turn_words(self._settings.language), turn.text
        if text:
            return words.is_stop(text) or words.own_words(text) >= self._settings.min_words
        return by_voice and self._voice is not None and not (self._settings.needs_words and self._has_partials)

    def _cut(self, turn: _Turn) -> list[Decision]:
        turn.interrupted = True
        self._agent, self._awaited, self._protected, self._ducked = None, False, False, False
        self._still_there()
        return [Interrupt()]

    def _unduck(self) -> list[Decision]:
        ducked, self._ducked = self._ducked, False
        return [Unduck()] if ducked else []

    def _answer(self, turn: _Turn) -> list[Decision]:
        if self._voice is not None:
            self._answered = words_of(turn.partial)
        ended_ms = turn.voice_ended_ms if turn.voiced_ms else turn.word_ms or turn.voice_ended_ms
        if self._voice is not None:
            ended_ms = self._now if self._voice_until is None else self._voice_until
        self._drop_turn()
        self._began, self._awaited, self._reminders, self._quiet = True, True, 0, self._now
        return [EndOfTurn(turn.text, ended_ms)]

    def _dismiss(self, turn: _Turn) -> list[Decision]:
        self._turn = None
        if turn.text:
            self._still_there()
        return [*self._unduck(), Dismissed(turn.text)]

    def _drop_turn(self) -> None:
        """Its texts that are still to come belong to nobody."""
        self._turn, self._unwanted = None, self._owed

    def _still_there(self) -> None:
        """Silence counts from now on, if anything has been said at all."""
        if self._quiet is not None:
            self._quiet = self._now

    def _open_turn(self, since: float) -> _Turn:
        if self._turn is None:
            self._turn = _Turn(since, voiced=self._voice is not None)
        return self._turn

    def _take(self, text: str, *, final: bool, end_of_turn: bool) -> None:
        if not text and self._turn is None:
            return
        turn = self._open_turn(self._now)
        before = turn.text
        room = _LONGEST_TEXT - sum(map(len, turn.texts))
        turn.partial = text[: max(0, room)]
        if final:
            turn.texts += [turn.partial] if turn.partial else []
            turn.partial = ""
        if turn.text != before:
            turn.word_ms, turn.kept = self._now, False
            # A text that nobody speaks any more is late enough.
            turn.sure = end_of_turn or (final and not before and not turn.voiced)
        elif turn.text:
            turn.sure |= end_of_turn

    def _reconsider(self) -> None:
        """What was kept for later may be allowed now."""
        if self._turn is not None:
            self._turn.kept = False

    def _pass(self, now_ms: float) -> None:
        self._now = max(self._now, now_ms)

    def _past(self, since_ms: float | None) -> float:
        return self._now if since_ms is None else min(since_ms, self._now)

    def _decide(self) -> list[Decision]:
        decisions: list[Decision] = []
        while due := next((rule for is_due, rule in self._rules() if self._is_due(is_due)), None):
            decisions += due()
        return decisions

    def _is_due(self, due: _Due) -> bool:
        at = due()
        return at is not None and at <= self._now
