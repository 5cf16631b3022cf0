"""A conversation by voice with a text agent: who may speak, what the agent is asked, what of its words was heard. Pure.

    events ──▶ feed ──▶ orders            events.py, orders.py: everything that goes in and out
                 │
                 ├── phases.py            what mode the conversation is in, as tables
                 ├── user_words.py        what the user says and presses, for the transcript
                 ├── speech/turns.py      when the user's turn is over, and when a voice is a barge-in
                 ├── playback_tracker.py  how much of the agent's sentences was heard
                 └── llm_requests.py      what the agent was asked, and which of its pieces are still wanted

`feed` takes what happened and the time, in ms since the call was answered, and returns what is to be done, in order.
After it, `may_speak` and `next_tick_ms` say whether sound may be played and when TimePassed is to be fed.

An answer that comes while the user has the floor again waits: a new EndOfTurn drops it, a noise lets it be spoken.
What the user says while the agent keeps the turn is answered after it.
A machine that answered has no turns: the agent is silent while the greeting lasts, leaves its message, and hangs up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from ari_agent.agents.llm import EndCall, GoOn, TransferTo
from ari_agent.agents.llm_requests import OPENING, Requests
from ari_agent.calls.dialogue import events
from ari_agent.calls.dialogue.agent_actions import AgentActions
from ari_agent.calls.dialogue.agent_settings import DialogueSettings
from ari_agent.calls.dialogue.agent_speech import AgentSpeech
from ari_agent.calls.dialogue.agent_turn import AgentTurn
from ari_agent.calls.dialogue.events import Event
from ari_agent.calls.dialogue.orders import Ask, Fail, HangUp, Order
from ari_agent.calls.dialogue.phases import (
    CALLERS,
    CHANGES_MODE,
    ENDS_WITH_TURN,
    HAS_TURNS,
    IGNORED,
    MAY_ASK,
    STAGES,
    AgentPhase,
    Caller,
    Move,
    Stage,
)
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript
from ari_agent.calls.dialogue.transcript_updates import TranscriptUpdates
from ari_agent.calls.dialogue.user_words import UserWords
from ari_agent.calls.media.call_latency import CallLatency
from ari_agent.contract.call import Call
from ari_agent.speech.turns import Decision, Duck, EndOfTurn, Interrupt, Remind, Turns, Unduck

MESSAGE_TURN: Final = 10**9
"""The number of the turn in which a message is left on a machine: beyond those of the requests."""


class SpokenDialogue:
    """Decides the conversation of one call. Its mode is in the three values of phases.py; all else is data.

    stage, caller: see phases.py; the third value is `speech.phase`. speech: what the agent says. turns: of the user.
    after: the call with all that was said before, where the conversation goes on with another connection.
    """

    def __init__(self, settings: DialogueSettings, *, after: Call | None = None) -> None:
        self.stage, self.caller = Stage.CONVERSATION, Caller.EXPECTED
        self.requests = Requests()
        self.requests.await_opening()
        self.transcript = SpokenTranscript()
        if after:
            self.transcript.resume(after)
        self.latency = CallLatency()
        self._orders: list[Order] = []
        self.speech = AgentSpeech(self.transcript, self.latency, self._orders)
        self.turns = Turns(settings.turns)
        self._normalized_for = settings.normalized_for
        self._keys_barge_in = settings.allow_dtmf_interruption
        self._updates = TranscriptUpdates(self.transcript, self._orders)
        self._actions = AgentActions(self.transcript)
        self._words = UserWords(
            self.transcript, self._updates, self._actions, self.speech.playback, self.latency, dtmf=settings.dtmf
        )
        self._ending: HangUp | Fail = HangUp()  # how the call ends, once it ends with the agent's turn

    def __repr__(self) -> str:
        return f"SpokenDialogue({self.stage.value}, agent {self.speech.phase.value}, caller {self.caller.value})"

    def feed(self, event: Event, now_ms: float) -> Sequence[Order]:
        """Take what happened, and return the orders that are to be carried out now, in order.

        Raises:
            IllegalMove: a defect: the event led to what the agent's phase does not allow.
        """
        kind = type(event)
        if kind not in IGNORED[self.stage]:
            if kind in CHANGES_MODE:
                self.stage = STAGES.get((self.stage, kind), self.stage)
                self.caller = CALLERS.get((self.caller, kind), self.caller)
            self._HANDLERS[kind](self, event, now_ms)
        orders = tuple(self._orders)
        self._orders.clear()
        return orders

    @property
    def is_over(self) -> bool:
        """Whether the call was told to end, so that nothing more is decided in it."""
        return self.stage is Stage.OVER

    @property
    def is_speaking(self) -> bool:
        """Whether the agent has the turn: something of it was played, or could have been."""
        return self.speech.has_turn

    @property
    def may_speak(self) -> bool:
        """Whether what the agent says may be played now. What has begun goes on, unless it is held."""
        turn, phase = self.speech.turn, self.speech.phase
        if turn is None or self.is_over or self.caller is not Caller.PRESENT:
            return False
        if phase is not AgentPhase.PREPARING:
            return phase is AgentPhase.SPEAKING
        return not self.turns.user_has_floor and (self.turns.may_begin or turn.response_id != OPENING)

    @property
    def next_tick_ms(self) -> float | None:
        """When TimePassed is to be fed next, in ms; None: not before something else happens."""
        if self.is_over:
            return None
        turn = self.speech.turn
        due = (
            self.turns.next_tick_ms,
            self._words.due_ms,
            self.speech.playback.overdue_ms,
            self._updates.due_ms,
            turn.stalls_ms if turn else None,
        )
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    # the clock

    def _time_passed(self, event: events.TimePassed, now_ms: float) -> None:
        self._decide(self.turns.tick(now_ms, voice_until_ms=event.voice_until_ms), now_ms)
        self._keys_entered(self._words.tick(now_ms), now_ms)
        if (ended := self.speech.tick(now_ms)) is not None:
            self.requests.complete(ended)
            self._end_turn_if_heard(now_ms)
        if self.speech.playback.tick(now_ms):
            self._after_playback(now_ms)
        self._updates.tick(now_ms)

    # the caller

    def _caller_joined(self, event: events.CallerJoined, now_ms: float) -> None:
        self.speech.playback.heard_from_ms = now_ms + event.hears_agent_in_ms
        self._decide(self.turns.begin(now_ms), now_ms)

    def _caller_left(self, _: events.CallerLeft, now_ms: float) -> None:
        self._decide(self.turns.pause(now_ms), now_ms)

    def _caller_returned(self, _: events.CallerReturned, now_ms: float) -> None:
        if self.stage in HAS_TURNS:
            self._decide(self.turns.resume(now_ms), now_ms)

    def _voice_started(self, event: events.UserVoiceStarted, now_ms: float) -> None:
        self._decide(self.turns.voice_started(now_ms, since_ms=event.since_ms), now_ms)
        if self.turns.user_has_floor:
            self._updates.turn_goes_to("user_turn", now_ms)

    def _voice_stopped(self, event: events.UserVoiceStopped, now_ms: float) -> None:
        self.latency.voice_ended(event.since_ms)
        self._decide(self.turns.voice_stopped(now_ms, since_ms=event.since_ms), now_ms)

    def _user_heard(self, event: events.UserHeard, now_ms: float) -> None:
        self._words.heard(event, now_ms)
        heard = event.heard
        decisions = self.turns.heard(
            heard.text.strip(),
            final=heard.final,
            end_of_turn=heard.end_of_turn,
            is_unfinished=heard.is_unfinished,
            now_ms=now_ms,
        )
        self._decide(decisions, now_ms)

    def _key_pressed(self, event: events.KeyPressed, now_ms: float) -> None:
        self._words.pressed(event.digit, now_ms)
        if self._keys_barge_in and self.is_speaking and self.stage in HAS_TURNS:
            self._barge_in(now_ms)
            self._decide(self.turns.agent_finished(now_ms), now_ms)
        self._keys_entered(self._words.entered(event.digit, now_ms), now_ms)

    def _keys_entered(self, is_entry: bool, now_ms: float) -> None:
        if is_entry and self.stage is Stage.CONVERSATION:
            self._ask_or_later(now_ms)

    def _machine_answered(self, _: Event, now_ms: float) -> None:
        """Cut the agent off and pause the turns, because what a machine says is nobody's turn."""
        self._cut(now_ms)
        self.turns.pause(now_ms)
        self.turns.agent_finished(now_ms)

    def _recording_began(self, event: events.RecordingBegan, now_ms: float) -> None:
        self._machine_answered(event, now_ms)
        notice = event.notice
        if notice.action == "static_text" and notice.text:
            turn = AgentTurn(MESSAGE_TURN, normalized_for=self._normalized_for)
            self.speech.begin(turn, now_ms, Move.LEAVE_MESSAGE)
            self.speech.speak(turn, turn.add(notice.text, complete=True, now_ms=now_ms), now_ms)
            self._end_turn_if_heard(now_ms)
        elif notice.action == "static_text":
            self._do(self._ending)  # there is nothing to say
        elif notice.action == "prompt":
            if notice.text:
                self.transcript.inject(notice.text, time_s=max(0.0, now_ms) / 1000)
            self._ask(now_ms)

    # the agent

    def _agent_said(self, event: events.AgentSaid, now_ms: float) -> None:
        said = self.requests.take(event.message)
        if said is None or self.stage is Stage.GREETING:
            return
        turn = self.speech.turn
        if turn is None or said.cuts_in:
            turn = AgentTurn(said.turn, said.response_id, said.interrupt_id, normalized_for=self._normalized_for)
            self.speech.begin(turn, now_ms, Move.CUT_IN if said.cuts_in else Move.FIRST_WORDS)
        if said.cuts_in:
            self._agent_has_turn(now_ms, protected=said.no_interruption, cuts_in=True)
        sentences = turn.add(said.text, complete=said.complete, now_ms=now_ms, may_be_last=said.may_be_last)
        self.speech.speak(turn, sentences, now_ms, protected=said.no_interruption)
        self._end_turn_if_heard(now_ms)

    def _agent_used_tool(self, event: events.AgentUsedTool, now_ms: float) -> None:
        if self._actions.used_tool(event.item):
            self._updates.send(now_ms)

    def _agent_configured(self, event: events.AgentConfigured, now_ms: float) -> None:
        settings = replace(self.turns.settings, **event.config.model_dump(exclude_none=True))
        self._decide(self.turns.update(settings, now_ms), now_ms)

    def _agent_reconnected(self, event: events.AgentReconnected, now_ms: float) -> None:
        if not self.requests.is_open or self.requests.open_id == OPENING:
            return
        if self.is_speaking:
            self._text_ended(event, now_ms)
        else:
            self._ask(now_ms)

    def _text_ended(self, _: Event, now_ms: float) -> None:
        """Speak the rest of what the agent is saying, because no more text of it comes."""
        self.requests.cut()
        if turn := self.speech.turn:
            self.speech.speak(turn, turn.complete(), now_ms)
        self._end_turn_if_heard(now_ms)

    def _voice_failed(self, event: events.VoiceFailed, now_ms: float) -> None:
        self._ending = Fail(event.reason, event.message)
        self.requests.cut()
        self.speech.fall_silent()
        self._end_turn_if_heard(now_ms)

    # what becomes of its sentences

    def _sound_made(self, event: events.SoundMade, now_ms: float) -> None:
        begun = self.speech.begin_sound(event.number, now_ms)
        self.speech.play(event)  # before all that is told of it: the caller waits
        if begun:
            self._agent_has_turn(now_ms, protected=begun.protected)

    def _sound_ended(self, event: events.SoundEnded, now_ms: float) -> None:
        if sentence := self.speech.playback.find(event.number):
            sentence.is_whole = True
            self._after_playback(now_ms)

    def _sound_played(self, event: events.SoundPlayed, now_ms: float) -> None:
        self.speech.playback.played(event.number, event.heard_ms, now_ms)
        self._after_playback(now_ms)

    def _after_playback(self, now_ms: float) -> None:
        if self.speech.playback.take_over():
            self._updates.send(now_ms)
        self._end_turn_if_heard(now_ms)

    # what the API and the call tell

    def _api_controlled(self, event: events.ApiControlled, now_ms: float) -> None:
        if (context := event.control.additional_context) is not None:
            self.transcript.inject(context, time_s=max(0.0, now_ms) / 1000)
            self._updates.send(now_ms)
        if event.control.trigger_response:
            self._ask_or_later(now_ms)

    def _transfer_ended(self, event: events.TransferEnded, now_ms: float) -> None:
        outcome = event.outcome
        self._action_ended(outcome.message or outcome.status, now_ms, successful=outcome.status == "succeeded")

    def _digits_refused(self, event: events.DigitsRefused, now_ms: float) -> None:
        self._action_ended(event.message, now_ms, successful=False)

    def _action_ended(self, content: str, now_ms: float, *, successful: bool) -> None:
        asks_again = self._actions.ended(content, successful=successful)
        self._updates.send(now_ms)
        if asks_again:
            self._ask_or_later(now_ms)

    def _failed(self, event: events.Failed, _: float) -> None:
        self._do(Fail(event.reason, event.message))

    def _call_ended(self, _: events.CallEnded, now_ms: float) -> None:
        if self.speech.end(now_ms) or self._updates.due_ms is not None:
            self._updates.send(now_ms)

    # decisions

    def _decide(self, decisions: Sequence[Decision], now_ms: float) -> None:
        for decision in decisions:
            match decision:
                case Interrupt():
                    self._barge_in(now_ms)
                case Duck():
                    self.speech.hold(now_ms)
                case Unduck():
                    self.speech.release(now_ms)
                case EndOfTurn(text, ended_ms):
                    if not text:
                        self._words.not_understood(now_ms)
                    self.latency.turn_ended(ended_ms)
                    self._ask_or_later(now_ms)
                case Remind() if self.speech.phase is AgentPhase.SILENT:
                    self._ask(now_ms, reminds=True)

    def _barge_in(self, now_ms: float) -> None:
        """Cut the agent off, because the user interrupts it, and give the user the turn."""
        self._cut(now_ms)
        self._updates.turn_goes_to("user_turn", now_ms)
        if self.stage is Stage.CLOSING:
            self._do(self._ending)

    def _cut(self, now_ms: float) -> None:
        """Drop for good what the agent was saying or was asked for."""
        self.speech.cut(now_ms)
        self.requests.cut()

    def _ask_or_later(self, now_ms: float) -> None:
        """Ask the agent now, or after its turn if it has the turn."""
        if self.speech.turn and self.is_speaking:
            self.speech.turn.asks_after = True
        else:
            self._ask(now_ms)

    def _ask(self, now_ms: float, *, reminds: bool = False) -> None:
        if self.stage not in MAY_ASK:
            return
        self.speech.ask(now_ms)
        self.latency.asked(now_ms)
        self._orders.append(Ask(self.requests.ask(), reminds))

    def _agent_has_turn(self, now_ms: float, *, protected: bool, cuts_in: bool = False) -> None:
        """Give the agent the turn, as it begins to speak or goes on with another sentence."""
        self._updates.turn_goes_to("agent_turn", now_ms)
        self._decide(self.turns.agent_began(now_ms, no_interruption=protected, cuts_in=cuts_in), now_ms)

    def _end_turn_if_heard(self, now_ms: float) -> None:
        """End the agent's turn if all of it was heard, and do what follows upon it."""
        turn = self.speech.turn
        if self.stage is Stage.CLOSING and turn is None:
            self._do(self._ending)
        if turn is None or not self.speech.is_heard or self.is_over:
            return
        self.speech.finish(now_ms)
        decisions = self.turns.agent_finished(now_ms)
        action = self.requests.spoken(turn.number)
        if self.stage in ENDS_WITH_TURN:
            action = EndCall()
        if isinstance(self._ending, Fail):
            self._do(self._ending)
            return
        if isinstance(action, GoOn):
            turn.asks_after = True
        elif action is not None:
            order = self._actions.begin(action)
            self._updates.send(now_ms)
            self._do(order)
        if isinstance(action, EndCall | TransferTo):
            return  # what the user said meanwhile is not answered
        self._decide(decisions, now_ms)
        if turn.asks_after and self.speech.phase is AgentPhase.SILENT:
            self._ask(now_ms)

    def _do(self, order: Order) -> None:
        """Append an order; HangUp and Fail also end the conversation."""
        self._orders.append(order)
        self.stage = STAGES.get((self.stage, type(order)), self.stage)

    _HANDLERS: ClassVar[Mapping[type[Event], Callable[[Any, Any, float], None]]] = {
        events.CallerJoined: _caller_joined,
        events.CallerLeft: _caller_left,
        events.CallerReturned: _caller_returned,
        events.UserVoiceStarted: _voice_started,
        events.UserVoiceStopped: _voice_stopped,
        events.UserHeard: _user_heard,
        events.KeyPressed: _key_pressed,
        events.GreetingBegan: _machine_answered,
        events.RecordingBegan: _recording_began,
        events.AgentSaid: _agent_said,
        events.AgentUsedTool: _agent_used_tool,
        events.AgentConfigured: _agent_configured,
        events.AgentReconnected: _agent_reconnected,
        events.AgentClosed: _text_ended,
        events.SoundMade: _sound_made,
        events.SoundEnded: _sound_ended,
        events.SoundPlayed: _sound_played,
        events.VoiceFailed: _voice_failed,
        events.ApiControlled: _api_controlled,
        events.TransferEnded: _transfer_ended,
        events.DigitsRefused: _digits_refused,
        events.Failed: _failed,
        events.CallEnded: _call_ended,
        events.TimePassed: _time_passed,
    }
    """Which method handles each kind of event where the stage does not ignore it."""
