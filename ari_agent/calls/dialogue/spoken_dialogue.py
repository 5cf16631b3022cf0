"""A conversation by voice with a text agent: who may speak, what the agent is asked, what of its words was heard. Pure.

    voice, texts, keys ──▶ turns ──▶ EndOfTurn, Remind: Ask ──▶ the agent's server
                                     Interrupt: Silence               │ pieces of an answer
                                                                      ▼
    heard so far ◀── playout ◀── Speak, sentence by sentence ◀── requests, sentences

Every method takes what happened and the time, in ms since the call was answered, and leaves its orders
(spoken_orders.py) in `take_orders`.

An answer that comes while the user has the floor again waits: a new EndOfTurn drops it, a noise lets it be spoken.

A machine that answered (`voicemail`) has no turns: the agent is silent while the greeting lasts, leaves its message,
and hangs up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ari_agent.agents.llm import (
    UNINTELLIGIBLE,
    Action,
    EndCall,
    LlmAgentConfig,
    LlmInterrupt,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
    PressDigits,
    TransferTo,
    Turntaking,
)
from ari_agent.agents.llm_requests import OPENING, Requests
from ari_agent.calls.dialogue.call_latency import CallLatency
from ari_agent.calls.dialogue.keypad import Keypad
from ari_agent.calls.dialogue.spoken_orders import (
    Ask,
    GoOn,
    HangUp,
    Hold,
    Order,
    Press,
    Silence,
    Speak,
    Told,
    Transfer,
)
from ari_agent.calls.dialogue.spoken_sentence import SpokenSentence
from ari_agent.calls.dialogue.spoken_transcript import PRESSED, SpokenTranscript
from ari_agent.contract.agent_options import UserDtmfOptions
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.transcript import ToolCallInvocation, ToolCallResult, Word
from ari_agent.speech.recognizer import Heard
from ari_agent.speech.sentences import Sentence, Sentences
from ari_agent.speech.synthesizer import SpokenWord
from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.turns import Begin, Decision, Duck, EndOfTurn, Interrupt, Remind, Turns, Unduck

OVERDUE_MS: Final = 2_000
"""A sentence that should have been heard so long ago was: some front ends do not tell."""
LULL_MS: Final = 400
"""An agent that writes nothing for so long after a full stop has ended a sentence."""
INTERPOLATED_MS: Final = 200
"""How far the clock tells what was heard beyond the last mark."""
_OWN_TURNS: Final = 10**9  # beyond those of the requests
MOST_RETRIES: Final = 2
"""How often in a row the agent is asked again because what it wanted done failed, without a word of the user's."""


@dataclass(slots=True)
class _AgentTurn:
    """What the agent is saying.

    has_begun: the caller hears it, or could. waits: for the user's turn to end. hangs_up: after it, in any case.
    """

    number: int
    sentences: Sentences
    response_id: int | None = None
    interrupt_id: int | None = None
    is_complete: bool = False
    has_begun: bool = False
    hangs_up: bool = False
    waits: bool = True


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """allow_dtmf_interruption: a key cuts the agent off, whatever the sensitivity to voices."""

    turns: TurnSettings = field(default_factory=TurnSettings)
    dtmf: UserDtmfOptions | None = None
    allow_dtmf_interruption: bool = False


class SpokenDialogue:
    """One call's. holds: between Hold and GoOn or Silence."""

    def __init__(self, settings: DialogueSettings) -> None:
        self._may_interrupt_by_key = settings.allow_dtmf_interruption
        self.requests = Requests()
        self.transcript = SpokenTranscript()
        self.latency = CallLatency()
        self._turns = Turns(settings.turns)
        self._keypad = Keypad(settings.dtmf)
        self._orders: list[Order] = []
        self._turn: _AgentTurn | None = None
        self._queue: list[SpokenSentence] = []  # not over yet
        self._last_number = 0
        self._whose: Turntaking | None = None
        self._has_started = self._is_over = self.holds = False
        self._away = self._may_begin = False
        self._machine: Literal["greeting", "recording"] | None = None
        self._asks_later = self._hangs_up_later = False
        self._stopped_ms: float | None = None  # where the user's voice ended, and its text has not come
        self._asked_ms: float | None = None  # and not a sentence of the answer has come
        self._turn_ended_ms: float | None = None  # where the voice ended that the agent was last asked about
        self._lull_ms: float | None = None
        self._actions = self._retries = 0
        self._own_turns = 0
        self._last_action = "action"
        self._played_ms = 0.0  # when it was last known what is heard
        self.requests.await_opening()

    def take_orders(self) -> Sequence[Order]:
        """What is to be done now, in order."""
        orders, self._orders = self._orders, []
        return orders

    # time

    @property
    def next_tick_ms(self) -> float | None:
        """When `tick` is due; None: not before something happens."""
        due = (self._turns.next_tick_ms, self._keypad.due_ms, self._overdue_ms, self._lull_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def tick(self, now_ms: float, *, voice_until_ms: float | None = None) -> None:
        """Time has passed. voice_until_ms: where the last of the user's voice so far ended."""
        self._decide(self._turns.tick(now_ms, voice_until_ms=voice_until_ms), now_ms)
        self._take_keys(self._keypad.tick(now_ms), now_ms)
        if self._lull_ms is not None and now_ms >= self._lull_ms:
            self._lull_ms = None
            if self._turn and not self._turn.is_complete:
                self._speak(self._turn, self._turn.sentences.lull(), now_ms)
        if self._overdue_ms is not None and now_ms >= self._overdue_ms:
            self.played(self._queue[0].number, self._queue[0].audio_ms, now_ms)

    # the caller

    def start(self, now_ms: float) -> None:
        """The caller is there."""
        self._has_started = True
        self._decide(self._turns.begin(now_ms), now_ms)

    def pause(self, now_ms: float) -> None:
        """The caller is away."""
        self._away = True
        self._decide(self._turns.pause(now_ms), now_ms)

    def resume(self, now_ms: float) -> None:
        """The caller is back."""
        self._away = False
        if self._machine is None:
            self._decide(self._turns.resume(now_ms), now_ms)

    @property
    def silence_ms(self) -> int:
        """The pause that ends a voice."""
        return self._turns.settings.silence_ms

    def voice_started(self, now_ms: float, *, since_ms: float) -> None:
        """since_ms: where it began."""
        self._decide(self._turns.voice_started(now_ms, since_ms=since_ms), now_ms)
        if self._turns.user_has_floor:
            self._turn_goes_to("user_turn")

    def voice_stopped(self, now_ms: float, *, since_ms: float) -> None:
        """since_ms: where it ended."""
        self._stopped_ms = since_ms
        self._decide(self._turns.voice_stopped(now_ms, since_ms=since_ms), now_ms)

    def heard(self, heard: Heard, now_ms: float, words: Sequence[Word] = ()) -> None:
        """What the user is saying or has said. words: of it, with seconds since the call began."""
        text = heard.text.strip()
        if text:
            self._retries = 0
        if heard.final:
            if self._stopped_ms is not None:
                self.latency.took("asr", now_ms - self._stopped_ms)
                self._stopped_ms = None
            if text:
                self._keep_what_was_heard(now_ms)  # it was heard before this was said
            self.transcript.user_said(text, words)
            changed = bool(text)
        else:
            changed = self.transcript.user_is_saying(text)
        if changed:
            self._orders.append(Told(is_partial=not heard.final))
        decisions = self._turns.heard(text, final=heard.final, end_of_turn=heard.end_of_turn, now_ms=now_ms)
        self._decide(decisions, now_ms)

    def pressed(self, digit: str, now_ms: float) -> None:
        """The user pressed a key."""
        self.transcript.press(digit)
        self._orders.append(Told())
        self._retries = 0
        if self._may_interrupt_by_key and self.is_speaking:
            self._interrupt(now_ms)
            self._decide(self._turns.agent_finished(now_ms), now_ms)
        self._take_keys(self._keypad.press(digit, now_ms), now_ms)

    # the agent

    def says(self, message: LlmResponse | LlmInterrupt, now_ms: float) -> None:
        """A piece of what the agent says."""
        speech = self.requests.take(message)
        if speech is None or self._machine == "greeting":
            return
        if speech.cuts_in:
            self._cut(now_ms)
            self._asks_later = False
        turn = self._turn
        if turn is None or turn.number != speech.turn:
            turn = self._turn = _AgentTurn(
                speech.turn,
                Sentences(),
                response_id=speech.response_id,
                interrupt_id=speech.interrupt_id,
                hangs_up=self._machine == "recording",
                waits=not speech.cuts_in,
            )
        if speech.cuts_in:
            self._begin_to_speak(turn, now_ms, no_interruption=speech.no_interruption, cuts_in=True)
        self._speak(turn, turn.sentences.feed(speech.text), now_ms, protected=speech.no_interruption)
        self._lull_ms = None if speech.complete else now_ms + LULL_MS
        if speech.complete:
            self._complete(turn, now_ms, protected=speech.no_interruption)

    def tool(self, item: LlmToolInvocation | LlmToolResult) -> None:
        """Tools of the agent's own, for the record."""
        given = item.model_dump(exclude_none=True)
        if isinstance(item, LlmToolInvocation):
            kept = self.transcript.tool(ToolCallInvocation(role="tool_call_invocation", **given))
        else:
            kept = self.transcript.tool(ToolCallResult(role="tool_call_result", **given))
        if kept:
            self._orders.append(Told())

    def configure(self, config: LlmAgentConfig, now_ms: float) -> None:
        """How the agent listens from now on."""
        settings = replace(self._turns.settings, **config.model_dump(exclude_none=True))
        self._decide(self._turns.update(settings, now_ms), now_ms)

    def line_is_back(self, now_ms: float) -> None:
        """The agent's server was lost and is there again: whatever it still had to say is gone."""
        if not self.requests.is_open or self.requests.open_id == OPENING:
            return
        if self.is_speaking and self._turn:
            self.requests.cut()
            self._complete(self._turn, now_ms)
        else:
            self._ask(now_ms)

    def hang_up_when_done(self, now_ms: float) -> None:
        """The agent has hung up: what it said before is still spoken."""
        self._hangs_up_later = True
        self.requests.cut()
        if self._turn:
            self._complete(self._turn, now_ms)
        else:
            self._end_turn_if_over(now_ms)

    # what becomes of its sentences

    @property
    def is_speaking(self) -> bool:
        """The agent has the turn: something of it was played, or could have been."""
        return self._turn is not None and self._turn.has_begun

    @property
    def may_speak(self) -> bool:
        """Whether what the agent says may be played now. What has begun goes on."""
        turn = self._turn
        if turn is None or not self._has_started or self._away or self.holds:
            return False
        if turn.has_begun or not turn.waits:
            return True
        return not self._turns.user_has_floor and (self._may_begin or turn.response_id != OPENING)

    def sound(self, number: int, duration_ms: float, words: Sequence[SpokenWord], now_ms: float) -> bool:
        """A piece of a sentence's sound comes. False: nobody wants it any more; else it is played now."""
        sentence = self._sentence(number)
        if sentence is None:
            return False
        if sentence.began_ms is None:
            sentence.began_ms = now_ms + self._unheard_before_ms(sentence)
            if self._turn:
                self._begin_to_speak(self._turn, now_ms, no_interruption=sentence.protected)
        sentence.sound(duration_ms, words)
        return sentence in self._queue  # unless it was cut off just now

    def sound_ms(self, number: int) -> float:
        """How much of a sentence's sound has come."""
        sentence = self._sentence(number)
        return sentence.audio_ms if sentence else 0.0

    def sound_is_whole(self, number: int, now_ms: float) -> None:
        """No more sound of this sentence comes, or none at all."""
        if sentence := self._sentence(number):
            sentence.is_whole = True
            self._sweep(now_ms)

    def played(self, number: int, heard_ms: float, now_ms: float) -> None:
        """So much of a sentence was heard, and everything before it."""
        for sentence in self._queue:
            if sentence.number == number:
                sentence.heard_ms = max(sentence.heard_ms, heard_ms)
                break
            if sentence.is_whole:
                sentence.heard_ms = sentence.audio_ms
        self._played_ms = now_ms
        self._sweep(now_ms)

    @property
    def _overdue_ms(self) -> float | None:
        head = self._queue[0] if self._queue else None
        if head is None or head.began_ms is None or not head.is_whole or self.holds:
            return None
        return max(head.began_ms + head.audio_ms, self._played_ms + head.audio_ms - head.heard_ms) + OVERDUE_MS

    @property
    def heard_so_far(self) -> tuple[int, float] | None:
        """The first sentence that is not over, and how much of it was heard; None: all was."""
        return (self._queue[0].number, self._queue[0].heard_ms) if self._queue else None

    @property
    def unheard_ms(self) -> float:
        """How much sound there is that was not heard yet."""
        return sum(max(0.0, sentence.audio_ms - sentence.heard_ms) for sentence in self._queue)

    # what the API and the call tell

    def control(self, *, context: str | None, triggers: bool, now_ms: float) -> None:
        """The API adds context, or wants the agent to speak now."""
        if context is not None:
            self.transcript.inject(context, time_s=max(0.0, now_ms) / 1000)
            self._orders.append(Told())
        if triggers:
            self._ask_or_later(now_ms)

    def transfer_result(self, outcome: TransferOutcome, now_ms: float) -> None:
        """What came of a Transfer."""
        worked = outcome.status == "succeeded"
        self._action_result(outcome.message or outcome.status, successful=worked)
        if not worked:
            self._ask_again(now_ms)

    def press_failed(self, why: str, now_ms: float) -> None:
        """The digits of a Press were not sent."""
        self._action_result(why, successful=False)
        self._ask_again(now_ms)

    def voicemail(self, notice: VoicemailNotice, now_ms: float) -> None:
        """A machine has answered, or its greeting is over."""
        self._machine = notice.status
        self._cut(now_ms)
        self.requests.cut()
        self._turns.pause(now_ms)
        self._asks_later = False
        if notice.status == "greeting":
            return
        if notice.action == "static_text" and notice.text:
            self._own_turns += 1
            turn = self._turn = _AgentTurn(_OWN_TURNS + self._own_turns, Sentences(), hangs_up=True, waits=False)
            self._speak(turn, turn.sentences.feed(notice.text), now_ms)
            self._complete(turn, now_ms)
        elif notice.action == "prompt":
            if notice.text:
                self.transcript.inject(notice.text, time_s=max(0.0, now_ms) / 1000)
            self._ask(now_ms)

    def settle(self, now_ms: float) -> None:
        """The call is over: what was heard so far is all."""
        if self._queue:
            self._keep_what_was_heard(now_ms)
            self._queue.clear()
            self._orders.append(Told())

    # decisions

    def _decide(self, decisions: Sequence[Decision], now_ms: float) -> None:
        for decision in decisions:
            match decision:
                case Begin():
                    self._may_begin = True
                case Interrupt():
                    self._interrupt(now_ms)
                case Duck():
                    self._hold(now_ms)
                case Unduck():
                    self._go_on(now_ms)
                case EndOfTurn(text, ended_ms):
                    if not text:
                        self.transcript.user_said(UNINTELLIGIBLE)
                        self._orders.append(Told())
                    self._turn_ended_ms = ended_ms
                    self._ask_or_later(now_ms)
                case Remind():
                    if not self.requests.is_open:
                        self._ask(now_ms, reminds=True)

    def _hold(self, now_ms: float) -> None:
        """Perhaps the agent is being cut off."""
        if self._queue:
            self._queue[0].heard_ms += self._beyond_ms(now_ms)
        self.holds = True
        self._orders.append(Hold())

    def _go_on(self, now_ms: float) -> None:
        """It was not."""
        if not self.holds:
            return
        self.holds = False
        self._played_ms = now_ms
        sounding = [sentence for sentence in self._queue if sentence.began_ms is not None]
        for sentence in sounding:
            sentence.began_ms = now_ms - sentence.heard_ms + self._unheard_before_ms(sentence)
        if sounding:
            self._orders.append(GoOn(sounding[0].number, sounding[0].heard_ms))

    def _interrupt(self, now_ms: float) -> None:
        """The agent is cut off."""
        self._cut(now_ms)
        self.requests.cut()
        self._turn_goes_to("user_turn")
        if self._hangs_up_later:
            self._hangs_up_later = False
            self._hang_up()

    def _ask_or_later(self, now_ms: float) -> None:
        """What the user says while the agent keeps the turn is for after it."""
        if self.is_speaking:
            self._asks_later = True
        else:
            self._ask(now_ms)

    def _ask(self, now_ms: float, *, reminds: bool = False) -> None:
        if self._hangs_up_later or self._is_over:
            return
        self._asks_later = False
        self._cut(now_ms)  # an answer that waits for the user's turn to end is not wanted any more
        self._asked_ms = now_ms
        self._orders.append(Ask(self.requests.ask(), reminds))

    def _ask_again(self, now_ms: float) -> None:
        self._retries += 1
        if self._retries <= MOST_RETRIES:
            self._ask_or_later(now_ms)

    def _turn_goes_to(self, whose: Turntaking) -> None:
        if self._whose != whose:
            self._whose = whose
            self._orders.append(Told(whose))

    def _take_keys(self, entered: str | None, now_ms: float) -> None:
        if entered is None:
            return
        self.transcript.user_said(PRESSED + entered)
        self._orders.append(Told())
        if self._machine is None:
            self._ask_or_later(now_ms)

    # the agent's turn

    def _complete(self, turn: _AgentTurn, now_ms: float, *, protected: bool = False) -> None:
        """No more text of this turn comes."""
        self._speak(turn, turn.sentences.finish(), now_ms, protected=protected)
        turn.is_complete = True
        self._end_turn_if_over(now_ms)

    def _speak(
        self, turn: _AgentTurn, sentences: Sequence[Sentence], now_ms: float, *, protected: bool = False
    ) -> None:
        for sentence in sentences:
            if not sentence.text:
                continue
            if self._asked_ms is not None and turn.response_id is not None:
                self.latency.took("llm", now_ms - self._asked_ms)
                self._asked_ms = None
            self._last_number += 1
            self._queue.append(SpokenSentence(self._last_number, turn.number, sentence, protected=protected))
            self._orders.append(Speak(self._last_number, sentence.text))

    def _begin_to_speak(self, turn: _AgentTurn, now_ms: float, *, no_interruption: bool, cuts_in: bool = False) -> None:
        """Or go on with another sentence."""
        if not turn.has_begun:
            turn.has_begun = True
            if self._turn_ended_ms is not None and turn.response_id is not None:
                self.latency.took("e2e", now_ms - self._turn_ended_ms)
                self._turn_ended_ms = None
            self._turn_goes_to("agent_turn")
        began = self._turns.agent_began(now_ms, no_interruption=no_interruption, cuts_in=cuts_in)
        self._decide(began, now_ms)

    def _sweep(self, now_ms: float) -> None:
        """Sentences that are over go into the transcript."""
        changed = False
        while self._queue and self._queue[0].is_over:
            sentence = self._queue.pop(0)
            if sentence.audio_ms:
                self._keep(sentence)
                changed = True
        if changed:
            self._orders.append(Told())
        self._end_turn_if_over(now_ms)

    def _end_turn_if_over(self, now_ms: float) -> None:
        turn = self._turn
        if turn is None:
            if self._hangs_up_later:
                self._hang_up()
                self._hangs_up_later = False
            return
        if self._queue or not turn.is_complete:
            return
        self._turn = None
        action = EndCall() if turn.hangs_up or self._hangs_up_later else self.requests.spoken(turn.number)
        self._hangs_up_later = False
        decisions = self._turns.agent_finished(now_ms)
        if action is not None:
            self._do(action)
        if isinstance(action, EndCall | TransferTo):
            self._asks_later = False
            return
        self._decide(decisions, now_ms)
        if self._asks_later:
            self._ask(now_ms)

    def _cut(self, now_ms: float) -> None:
        """The agent says no more of what it was saying."""
        self._keep_what_was_heard(now_ms)
        if self._queue:
            self._orders.append(Silence())
            self._queue.clear()
        elif self.holds:
            self._orders.append(Silence())
        self.holds = False
        self._turn = None

    def _keep_what_was_heard(self, now_ms: float) -> None:
        for place, sentence in enumerate(self._queue):
            self._keep(sentence, beyond_ms=0.0 if place else self._beyond_ms(now_ms))

    def _beyond_ms(self, now_ms: float) -> float:
        """How much of the first sentence was heard since that was last told, by the clock."""
        head = self._queue[0]
        if self.holds or head.began_ms is None:
            return 0.0
        ago_ms = now_ms - max(self._played_ms, head.began_ms)
        return max(0.0, min(ago_ms, INTERPOLATED_MS, head.audio_ms - head.heard_ms))

    def _keep(self, sentence: SpokenSentence, *, beyond_ms: float = 0.0) -> None:
        text, words = sentence.take_heard(beyond_ms=beyond_ms)
        turn = self._turn
        self.transcript.agent_said(
            sentence.turn,
            text,
            words,
            response_id=turn.response_id if turn else None,
            interrupt_id=turn.interrupt_id if turn else None,
        )

    def _sentence(self, number: int) -> SpokenSentence | None:
        return next((sentence for sentence in self._queue if sentence.number == number), None)

    def _unheard_before_ms(self, sentence: SpokenSentence) -> float:
        before: Iterator[SpokenSentence] = (other for other in self._queue if other.number < sentence.number)
        return sum(max(0.0, other.audio_ms - other.heard_ms) for other in before)

    # actions

    def _hang_up(self) -> None:
        self._is_over = True
        self._orders.append(HangUp())

    def _do(self, action: Action) -> None:
        """What the platform does itself stands in the transcript like a tool."""
        self._actions += 1
        match action:
            case EndCall():
                self._action_begins("end_call", {})
                self._hang_up()
            case TransferTo(number):
                self._action_begins("transfer_call", {"transfer_number": number})
                self._orders.append(Transfer(number))
            case PressDigits(digits):
                self._action_begins("press_digit", {"digit": digits})
                self._orders.append(Press(digits))

    def _action_begins(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.transcript.tool(
            ToolCallInvocation(
                role="tool_call_invocation",
                tool_call_id=f"{name}_{self._actions}",
                name=name,
                arguments=json.dumps(arguments),
                type=name,
            )
        )
        self._last_action = name
        self._orders.append(Told())

    def _action_result(self, content: str, *, successful: bool) -> None:
        self.transcript.tool(
            ToolCallResult(
                role="tool_call_result",
                tool_call_id=f"{self._last_action}_{self._actions}",
                content=content,
                successful=successful,
            )
        )
        self._orders.append(Told())
