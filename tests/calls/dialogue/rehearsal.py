"""A conversation rehearsed without sound: a caller, an agent's server, a synthesizer, a playout, and time that is told.

Whatever happens goes through `feed`, which does what the leg does with the orders and checks, each time, what must
always be so. The rest of the world keeps its own books, so that it does not believe the dialogue's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ari_agent.agents.llm import LlmInterrupt, LlmResponse
from ari_agent.calls.dialogue import events
from ari_agent.calls.dialogue.agent_settings import DialogueSettings
from ari_agent.calls.dialogue.events import Event
from ari_agent.calls.dialogue.orders import (
    Ask,
    ClearSpeech,
    Fail,
    HangUp,
    Order,
    PauseSpeech,
    PlaySound,
    ResumeSpeech,
    SendUpdate,
    Speak,
)
from ari_agent.calls.dialogue.phases import AgentPhase, Caller, Stage
from ari_agent.calls.dialogue.spoken_dialogue import SpokenDialogue
from ari_agent.speech.recognizer import Heard
from ari_agent.speech.synthesizer import BYTES_PER_MS

MS_PER_CHARACTER = 40
PIECE_MS = 200
SURE_MS = 4_500
"""A voice has the floor for so long at least, whatever is understood of it."""


@dataclass(slots=True)
class _Playing:
    number: int
    end_ms: float
    heard_ms: float


@dataclass(slots=True)
class Rehearsal:
    """One call. plays: the caller's side tells what was heard. is_mute: the synthesizer makes nothing any more."""

    settings: DialogueSettings
    plays: bool = True
    is_mute: bool = False
    now_ms: float = 0.0
    orders: list[Order] = field(default_factory=list)
    fates: dict[int, str] = field(default_factory=dict)  # of each sentence: waiting, spoken, cut
    dialogue: SpokenDialogue = field(init=False)
    voice_ms: float | None = None  # since when the caller speaks
    has_closed: bool = False  # CallEnded was fed
    owed: int = 0  # final texts that the recognizer owes
    _made: deque[list[float]] = field(default_factory=deque)  # number, length, handed over
    _playing: deque[_Playing] = field(default_factory=deque)
    _is_paused: bool = False
    _floor_is_sure: bool = False  # the caller's voice began while the agent was silent, in a conversation

    def __post_init__(self) -> None:
        self.dialogue = SpokenDialogue(self.settings)

    # what happens

    def feed(self, event: Event) -> Rehearsal:
        """Something happens; what is ordered is done, and what must always be so is checked."""
        dialogue = self.dialogue
        spoke, was_over, might_speak = dialogue.is_speaking, dialogue.is_over, dialogue.may_speak
        orders = dialogue.feed(event, self.now_ms)
        if was_over:
            assert all(isinstance(order, SendUpdate) for order in orders), "nothing is done after the end"
        cuts_in = isinstance(event, events.AgentSaid) and isinstance(event.message, LlmInterrupt)
        if dialogue.is_speaking and not spoke and not cuts_in:
            assert might_speak, "the agent began without the floor"
            assert not self.has_floor_for_sure, "the agent began while the caller spoke"
        for order in orders:
            self.orders.append(order)
            self._do(order, event)
        self.has_closed |= isinstance(event, events.CallEnded)
        if isinstance(event, events.VoiceFailed):
            self.is_mute = True
            self._made.clear()
        self._note_floor(event)
        self._check_state()
        return self

    def _do(self, order: Order, event: Event) -> None:
        match order:
            case Ask():
                assert not self._made and not self._playing, "two answers at once"
                assert not self.dialogue.is_over or self._last_is(order)
            case Speak(number, text):
                assert number == len(self.fates) + 1
                self.fates[number] = "waiting"
                if not self.is_mute:
                    self._made.append([number, len(text) * MS_PER_CHARACTER, 0])
            case PlaySound(number, end_ms, _, is_paused):
                assert isinstance(event, events.SoundMade) and event.number == number
                assert is_paused == self._is_paused
                assert self.fates[number] == "waiting"
                self._playing.append(_Playing(number, end_ms, max(0.0, end_ms - len(event.pcm) / BYTES_PER_MS)))
            case ClearSpeech():
                self._cut()
                self._playing.clear()
                self._is_paused = False
            case PauseSpeech():
                assert not self._is_paused
                self._is_paused = True
            case ResumeSpeech(number, heard_ms):
                assert self._is_paused
                self._is_paused = False
                while self._playing and (self._playing[0].number, self._playing[0].end_ms) <= (number, heard_ms):
                    self._playing.popleft()
                assert not self._playing or self._playing[0].number >= number
                if self._playing and self._playing[0].number == number:
                    assert not self.plays or heard_ms >= self._playing[0].heard_ms - 1
                    self._playing[0].heard_ms = heard_ms
            case HangUp() | Fail():
                assert not self.has_closed
                assert sum(isinstance(other, HangUp | Fail) for other in self.orders) == 1

    def _cut(self) -> None:
        self._made.clear()
        for number, fate in self.fates.items():
            self.fates[number] = "cut" if fate == "waiting" else fate

    def _last_is(self, order: Order) -> bool:
        return self.orders[-1] is order

    @property
    def has_floor_for_sure(self) -> bool:
        """By this world's own books: the caller has begun to speak while nobody else did, not long ago."""
        return self._floor_is_sure and self.voice_ms is not None and self.now_ms - self.voice_ms < SURE_MS

    def _note_floor(self, event: Event) -> None:
        dialogue = self.dialogue
        match event:
            case events.UserVoiceStarted():
                self._floor_is_sure = (
                    dialogue.stage is Stage.CONVERSATION
                    and dialogue.caller in (Caller.PRESENT, Caller.EXPECTED)
                    and not dialogue.is_speaking
                )
            case events.UserVoiceStopped() | events.CallerLeft() | events.GreetingBegan() | events.RecordingBegan():
                self._floor_is_sure = False
            case events.AgentSaid() if dialogue.is_speaking:  # it has cut in
                self._floor_is_sure = False
            case events.UserHeard(heard) if heard.end_of_turn or heard.final:
                self._floor_is_sure = False
        if dialogue.stage is not Stage.CONVERSATION:
            self._floor_is_sure = False

    def _check_state(self) -> None:
        dialogue = self.dialogue
        speech, stage = dialogue.speech, dialogue.stage
        assert speech.playback.is_paused == (speech.phase is AgentPhase.HELD)
        assert (speech.turn is None) == (speech.phase in (AgentPhase.SILENT, AgentPhase.ASKING))
        assert speech.turn is not None or speech.playback.is_empty
        if stage in (Stage.CONVERSATION, Stage.RECORDING) and speech.turn is None:
            assert dialogue.requests.is_open == (speech.phase is AgentPhase.ASKING)
        if dialogue.may_speak:
            assert dialogue.caller is Caller.PRESENT
            assert speech.phase is AgentPhase.SPEAKING or not self.has_floor_for_sure
        if stage is Stage.OVER:
            self._cut()
        else:
            waiting = {number for number, fate in self.fates.items() if fate == "waiting"}
            pending = {number for number in self.fates if speech.playback.find(number)}
            for number in waiting - pending:
                self.fates[number] = "spoken"  # by the dialogue's books; see `check_fates`
            assert not pending - waiting, "a sentence that was cut comes back"

    # time

    def wait(self, duration_ms: float) -> Rehearsal:
        """Time passes, from one thing that happens to the next; what may be played plays."""
        end_ms = self.now_ms + duration_ms
        while True:
            self._synthesize()
            due_ms = self.dialogue.next_tick_ms
            heard_ms = self._next_heard_ms
            at_ms = max(self.now_ms, min(at for at in (due_ms, heard_ms, end_ms) if at is not None))
            if self._playing and not self._is_paused:
                self._playing[0].heard_ms += at_ms - self.now_ms
            self.now_ms = at_ms
            if heard_ms is not None and heard_ms <= at_ms:
                playing = self._playing.popleft()
                if self.plays:
                    self.feed(events.SoundPlayed(playing.number, playing.end_ms))
            elif due_ms is not None and due_ms <= at_ms:
                self.feed(events.TimePassed(None if self.voice_ms is None else at_ms))
                due_ms = self.dialogue.next_tick_ms
                assert due_ms is None or due_ms > at_ms, "a timer is due again and again"
            elif at_ms >= end_ms:
                return self

    @property
    def _next_heard_ms(self) -> float | None:
        if not self._playing or self._is_paused:
            return None
        return self.now_ms + max(0.0, self._playing[0].end_ms - self._playing[0].heard_ms)

    def _synthesize(self) -> None:
        """As AgentVoice: a piece after the other, while the gate is open and there is room."""
        while self._made and self.dialogue.may_speak and self.dialogue.speech.playback.unheard_ms < 2_000:
            made = self._made[0]
            number, length_ms, handed_ms = int(made[0]), made[1], made[2]
            piece_ms = min(PIECE_MS, length_ms - handed_ms)
            made[2] += piece_ms
            self.feed(events.SoundMade(number, bytes(int(piece_ms) * BYTES_PER_MS)))
            if self._made and self._made[0] is made and made[2] >= length_ms:
                self._made.popleft()
                self.feed(events.SoundEnded(number))

    # the caller and the agent

    def voice_starts(self) -> Rehearsal:
        """The caller begins to speak, which is known 100 ms later."""
        if self.voice_ms is None:
            self.voice_ms = self.now_ms
            self.feed(events.UserVoiceStarted(self.now_ms - 100))
        return self

    def voice_stops(self) -> Rehearsal:
        """The caller pauses."""
        if self.voice_ms is not None:
            self.feed(events.UserVoiceStopped(self.now_ms - 100))
            self.voice_ms = None
            self.owed += 1
        return self

    def understood(self, text: str, *, final: bool, end_of_turn: bool = False) -> Rehearsal:
        """The recognizer tells what was said."""
        if final:
            self.owed = max(0, self.owed - 1)
        return self.feed(events.UserHeard(Heard(text, final, (), end_of_turn)))

    def answers(self, content: str, *, complete: bool = True, late: int = 0, **more: Any) -> Rehearsal:
        """The agent's server answers what it was asked last, or `late` requests before."""
        open_id = self.dialogue.requests.open_id
        message = LlmResponse(response_id=(open_id or 0) - late, content=content, content_complete=complete, **more)
        return self.feed(events.AgentSaid(message))

    def cuts_in(self, content: str, number: int, *, complete: bool = True, **more: Any) -> Rehearsal:
        """The agent's server interrupts."""
        message = LlmInterrupt(interrupt_id=number, content=content, content_complete=complete, **more)
        return self.feed(events.AgentSaid(message))

    def said(self) -> list[str]:
        """The transcript."""
        return [f"{part.role}: {part.content}" for part in self.dialogue.transcript.utterances()]

    def of(self, kind: type[Order]) -> list[Any]:
        """The orders of one kind."""
        return [order for order in self.orders if isinstance(order, kind)]

    # the end

    def falls_quiet(self) -> Rehearsal:
        """The caller is there and says no more, the recognizer is done, the agent writes nothing; much time passes."""
        if self.dialogue.caller in (Caller.ON_HOLD, Caller.EXPECTED_ON_HOLD):
            self.feed(events.CallerReturned())
        if self.dialogue.caller is Caller.EXPECTED:
            self.feed(events.CallerJoined())
        self.voice_stops()
        while self.owed:
            self.understood("", final=True)
        return self.wait(60_000)
