"""Turn-taking: whose turn it is in a spoken conversation. Pure.

    user ───voice───┐silence_ms┐ ···final text··· ┐  EndOfTurn          a response is awaited; a newer EndOfTurn
                    └─ ended   └ voice_stopped    └▶ or Dismissed       asks again, for more text
    agent ──────────speaks──────────                                    the user's voice meanwhile: Duck,
             └ 300 ms of echo ┘└ min_voice_ms ┘▶ Duck                   and then Interrupt or Unduck
    nobody ─────────reminder_trigger_ms──────────▶ Remind

    endpointing.py   when the user's turn is over
    barge_in.py      whether the user's voice interrupts the agent
    here             what follows from both, the first words of the call, and reminders

Facts go in (a voice, a text, the agent), decisions come out as values. Nothing waits: `next_tick_ms` says when `tick`
is due. Every rule is a due time made of facts and of the settings of this moment, so settings may change at any time.

What comes of a turn:

    agent silent    words                       EndOfTurn
                    none                        Dismissed; EndOfTurn("") where the agent was cut off for it, or it was
                                                long and no answer is awaited: or else nobody would speak
    agent speaks    words of its own            Interrupt and EndOfTurn, where the settings allow it;
                                                otherwise kept: EndOfTurn once the agent has finished
                    none, or "uh huh", "okay"   Dismissed: it was a nod, a backchannel; EndOfTurn where the agent
                                                finishes right after it: it was an answer

There is one EndOfTurn at most for all that the user says in a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ari_agent.speech.barge_in import BargeInState, BargeInStep, is_confirmed_by_words, voice_due_ms, words_decide
from ari_agent.speech.endpointing import Endpointing, TurnEnd, UserTurn
from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.turn_words import turn_words


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


class AgentFloor(Enum):
    """What the agent is doing, as far as turns depend on it. Each fact about the agent leads to one of these."""

    SILENT = "silent"
    """The agent has said what it had to say, or was cut off."""
    AWAITED = "awaited"
    """The agent was asked, for EndOfTurn or Remind, and has not begun to speak."""
    SPEAKING = "speaking"
    """The agent speaks, and the user's voice or words can cut it off."""
    PROTECTED = "protected"
    """The agent speaks, and nothing that the user says can cut it off."""


class Opening(Enum):
    """How far a call is from the agent's first words."""

    WAITS = "waits"
    """The caller is not connected yet and does not hear the agent."""
    DELAYED = "delayed"
    """The caller hears the agent, and the delay of begin_message_delay_ms is running."""
    PAST = "past"
    """The agent may begin to speak, or somebody has spoken already."""


class Turns:
    """Decides the turns of one call.

    now_ms and since_ms: of one monotonic clock; a time before the last one counts as the last one. Every event returns
    what is decided by it, in order; most decide nothing.
    """

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self._settings = settings or TurnSettings()
        self._now = 0.0
        self._user = Endpointing()
        self._agent = AgentFloor.SILENT
        self._agent_ms = 0.0  # since when it speaks
        self._opening = Opening.WAITS
        self._opening_ms = 0.0  # since when it is delayed
        self._quiet: float | None = None  # since when nobody speaks, after the first words of the call
        self._reminders = 0
        self._is_paused = False

    @property
    def settings(self) -> TurnSettings:
        """The settings by which turns are decided now, the latest that were given."""
        return self._settings

    @property
    def user_has_floor(self) -> bool:
        """The agent is not to begin to speak: the user does, or may not be done. EndOfTurn or Dismissed ends it."""
        return self._user.turn is not None and not self._agent_speaks

    @property
    def may_begin(self) -> bool:
        """The agent may say its first words, as far as the delay goes: Begin was decided, or somebody has spoken."""
        return self._opening is Opening.PAST

    @property
    def next_tick_ms(self) -> float | None:
        """When `tick` is due, later than the last event. None: only another event can decide anything."""
        dues = [due for due in (rule() for rule, _ in self._rules()) if due is not None]
        return max(min(dues), self._now + 1) if dues else None

    # The call

    def begin(self, now_ms: float) -> list[Decision]:
        """The caller hears us: the agent may begin after begin_message_delay_ms."""
        self._pass(now_ms)
        if self._opening is Opening.WAITS:
            self._opening, self._opening_ms = Opening.DELAYED, self._now
        return self._decide()

    def update(self, settings: TurnSettings, now_ms: float) -> list[Decision]:
        """Other settings from now on, for what has begun too (Retell's update_agent)."""
        self._pass(now_ms)
        self._settings = settings
        self._user.reconsider()
        return self._decide()

    def pause(self, now_ms: float) -> list[Decision]:
        """The call is elsewhere (hold, a transfer): what the user says is nobody's turn. Idempotent."""
        self._pass(now_ms)
        self._is_paused = True
        decisions = self._unduck()
        self._user.drop_turn()
        return decisions

    def resume(self, now_ms: float) -> list[Decision]:
        """The user is back; who speaks just now begins a turn, and silence counts from now on. Idempotent."""
        self._pass(now_ms)
        if self._is_paused:
            self._is_paused = False
            self._user.resume(self._now)
            self._still_there()
        return self._decide()

    def tick(self, now_ms: float, *, voice_until_ms: float | None = None) -> list[Decision]:
        """Time has passed; early and superfluous ticks do no harm.

        voice_until_ms: where the last window of voice ended (VoiceActivity.voice_ended_ms), so that a cough does not
        count for as long as the pause after it. Left out, a voice lasts until voice_stopped.
        """
        self._pass(now_ms)
        self._user.voice_until_ms = voice_until_ms
        return self._decide()

    # The user

    def voice_started(self, now_ms: float, *, since_ms: float | None = None) -> list[Decision]:
        """The user's voice has begun. since_ms: when it began, which is some 100 ms before that is known."""
        self._pass(now_ms)
        self._user.voice_started(self._past(since_ms), is_paused=self._is_paused)
        return self._decide()

    def voice_stopped(self, now_ms: float, *, since_ms: float | None = None) -> list[Decision]:
        """The user's voice has ended, at since_ms. The recognizer owes a final text from now on."""
        self._pass(now_ms)
        self._user.voice_stopped(self._past(since_ms), is_paused=self._is_paused)
        return self._decide()

    def heard(
        self, text: str, *, final: bool, end_of_turn: bool = False, is_unfinished: bool = False, now_ms: float
    ) -> list[Decision]:
        """The recognizer tells a text: all of its utterance so far or, if final, the utterance's last.

        end_of_turn, is_unfinished: it is sure that the user is done, or hears that more is to come (Heard).
        """
        self._pass(now_ms)
        self._user.heard(
            text,
            self._now,
            final=final,
            is_sure=end_of_turn,
            is_paused=self._is_paused,
            is_unfinished=is_unfinished,
        )
        return self._decide()

    # The agent

    def agent_began(self, now_ms: float, *, no_interruption: bool = False, cuts_in: bool = False) -> list[Decision]:
        """The agent begins to speak, or goes on with another piece.

        no_interruption: nobody cuts this piece off. cuts_in: it talks the user down (agent_interrupt); a voice that is
        there already does not interrupt it.
        """
        self._pass(now_ms)
        decisions: list[Decision] = []
        if not self._agent_speaks:
            self._agent_ms = self._now
        self._opening, self._quiet = Opening.PAST, self._now
        if cuts_in and self._user.turn is not None:
            decisions = self._unduck()
            self._user.turn.barge_in.move(BargeInStep.TALKED_DOWN)
        if no_interruption != (self._agent is AgentFloor.PROTECTED):
            self._user.reconsider()
        self._agent = AgentFloor.PROTECTED if no_interruption else AgentFloor.SPEAKING
        return decisions + self._decide()

    def agent_finished(self, now_ms: float) -> list[Decision]:
        """All of an answer was heard, or there was nothing to say. Not for what was cut off by Interrupt."""
        self._pass(now_ms)
        self._agent = AgentFloor.SILENT
        self._still_there()
        return self._unduck() + self._decide()

    # Rules: when each is due, and what it does then

    def _rules(self) -> Sequence[tuple[_Due, _Rule]]:
        if self._is_paused:
            return ()
        return (
            (self._begin_due, self._begin),
            (self._barge_in_due, self._barge_in),
            (self._confirmation_due, self._confirmation),
            (self._end_due, self._end),
            (self._reminder_due, self._remind),
        )

    def _begin_due(self) -> float | None:
        if self._opening is not Opening.DELAYED or self._user.turn is not None:
            return None
        return self._opening_ms + self._settings.begin_message_delay_ms

    def _begin(self) -> list[Decision]:
        self._opening = Opening.PAST
        return [Begin()]

    def _barge_in_due(self) -> float | None:
        turn, user = self._interrupting(), self._user
        if turn is None:
            return None
        is_said = user.voice_ms is None or (turn.word_ms or 0.0) >= user.voice_ms  # and not before this voice
        if is_said and is_confirmed_by_words(self._settings, turn.text):
            return self._now
        if turn.barge_in.state is not BargeInState.POSSIBLE or user.voice_ms is None:
            return None
        if user.voice_ms < self._agent_ms:  # the agent had not begun: it is no echo, and has the floor
            return self._now
        return self._voice_due_ms(user.voice_ms, self._settings.min_voice_ms)

    def _barge_in(self) -> list[Decision]:
        turn = self._need_turn()
        if is_confirmed_by_words(self._settings, turn.text):
            return self._cut(turn)
        turn.barge_in.duck(self._now)
        return [Duck()]

    def _confirmation_due(self) -> float | None:
        turn, user = self._user.turn, self._user
        if turn is None or turn.barge_in.state is not BargeInState.DUCKED:
            return None
        if self._interrupting() is None:  # any more, with other settings or in a protected piece
            return self._now
        due_ms = turn.barge_in.ducked_ms + self._settings.confirm_ms
        if self._words_decide(turn):
            return due_ms
        if user.voice_ms is not None:
            return self._voice_due_ms(user.voice_ms, self._settings.nod_ms)
        if user.owes_text:
            return max(due_ms, turn.voice_ended_ms + self._settings.silence_ms + self._settings.confirm_ms)
        return self._now  # the voice is over, and its words are known and do not interrupt

    def _confirmation(self) -> list[Decision]:
        turn = self._interrupting()
        if turn is not None and self._user.voice_ms is not None and not self._words_decide(turn):
            return self._cut(turn)
        return self._unduck()

    def _words_decide(self, turn: UserTurn) -> bool:
        return words_decide(self._settings, turn.text, has_partials=self._user.has_partials)

    def _voice_due_ms(self, voice_ms: float, lasts_ms: float) -> float:
        return voice_due_ms(
            lasts_ms,
            voice_ms=voice_ms,
            voice_until_ms=self._user.voice_until_ms,
            agent_ms=self._agent_ms,
            now_ms=self._now,
        )

    def _end_due(self) -> float | None:
        return self._user.end_due_ms(self._settings, agent_speaks=self._agent_speaks)

    def _end(self) -> list[Decision]:
        turn = self._need_turn()
        if self._agent_speaks:
            return self._end_under_agent(turn)
        if turn.text or turn.barge_in.state is BargeInState.DONE:
            return self._answer(turn)
        if turn.voiced_ms >= self._settings.unintelligible_ms and self._agent is not AgentFloor.AWAITED:
            return self._answer(turn)
        return self._dismiss(turn)

    def _end_under_agent(self, turn: UserTurn) -> list[Decision]:
        if turn_words(self._settings.language).own_words(turn.text):
            turn.end = TurnEnd.AFTER_AGENT
        elif turn.text and turn.end is not TurnEnd.AS_NOD:
            turn.end, turn.nod_ms = TurnEnd.AS_NOD, self._now
        else:
            return self._dismiss(turn)
        return self._unduck()

    def _reminder_due(self) -> float | None:
        user_speaks = self._user.turn is not None or self._user.voice_ms is not None
        if self._quiet is None or user_speaks or self._agent is not AgentFloor.SILENT:
            return None
        if self._reminders >= self._settings.reminder_max_count:
            return None
        return self._quiet + self._settings.reminder_trigger_ms

    def _remind(self) -> list[Decision]:
        self._reminders += 1
        self._agent = AgentFloor.AWAITED
        return [Remind(self._reminders)]

    # What the rules are made of

    @property
    def _agent_speaks(self) -> bool:
        return self._agent is AgentFloor.SPEAKING or self._agent is AgentFloor.PROTECTED

    def _need_turn(self) -> UserTurn:
        turn = self._user.turn
        assert turn is not None  # noqa: S101  (a rule that is due for one asks)
        return turn

    def _interrupting(self) -> UserTurn | None:
        """Return the user's turn if it may cut off what the agent is saying, otherwise None."""
        turn = self._user.turn
        if turn is None or self._agent is not AgentFloor.SPEAKING or not turn.barge_in.may_interrupt:
            return None
        return turn if self._settings.interruption_sensitivity else None

    def _cut(self, turn: UserTurn) -> list[Decision]:
        turn.barge_in.move(BargeInStep.CUT_OFF)
        self._agent = AgentFloor.SILENT
        self._still_there()
        return [Interrupt()]

    def _unduck(self) -> list[Decision]:
        turn = self._user.turn
        return [Unduck()] if turn is not None and turn.barge_in.move(BargeInStep.UNDUCK) else []

    def _answer(self, turn: UserTurn) -> list[Decision]:
        ended_ms = self._user.answered(turn, self._now)
        self._agent, self._opening = AgentFloor.AWAITED, Opening.PAST
        self._reminders, self._quiet = 0, self._now
        return [EndOfTurn(turn.text, ended_ms)]

    def _dismiss(self, turn: UserTurn) -> list[Decision]:
        decisions = self._unduck()
        self._user.dismiss_turn()
        if turn.text:
            self._still_there()
        return [*decisions, Dismissed(turn.text)]

    def _still_there(self) -> None:
        """Silence counts from now on, if anything has been said at all."""
        if self._quiet is not None:
            self._quiet = self._now

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
