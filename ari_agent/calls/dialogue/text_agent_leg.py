"""A text agent's side of a call: we listen and speak for it, and talk with its server in text.

    caller's audio ──▶ voice activity ──▶ recognizer ──▶ dialogue ──▶ custom-LLM websocket
    caller's ears  ◀── marks ◀── agent's voice ◀───────────┘ ◀──────────────┘

What is to be done is decided in spoken_dialogue.py; here it is waited for and done. Audio is s16le at 16 kHz.

| what happens                                                   | event                                     |
|----------------------------------------------------------------|-------------------------------------------|
| the websocket cannot be opened, is lost, or carries nonsense    | AgentFailed, with the reason of the error |
| its server closes it with 1000, or its `end_call` was spoken    | AgentHungUp(16)                           |
| nobody can be understood any more                               | AgentFailed(error_asr)                    |
| no voice can speak any more, and what it said before was heard  | AgentFailed(error_retell)                 |
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

import aiohttp
from pydantic import ValidationError

from ari_agent.agents import llm
from ari_agent.agents.llm import (
    LlmAgentConfig,
    LlmInterrupt,
    LlmMetadata,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
)
from ari_agent.agents.llm_line import OF_CALLS, LineBack, LineEvent, LineGone, LineHabits, LlmLine
from ari_agent.calls.dialogue.agent_voice import AgentVoice
from ari_agent.calls.dialogue.speech_of_agent import dialogue_settings, listening_options, voice
from ari_agent.calls.dialogue.spoken_dialogue import SpokenDialogue
from ari_agent.calls.dialogue.spoken_orders import Ask, GoOn, HangUp, Hold, Order, Press, Silence, Speak, Told, Transfer
from ari_agent.calls.media.agent_leg import CallerOutput
from ari_agent.calls.media.call_media import (
    AgentFailed,
    AgentHungUp,
    AgentReady,
    DtmfAsked,
    MediaEvent,
    MediaSpec,
    TranscriptTold,
    TransferAsked,
)
from ari_agent.calls.media.commands import (
    ApiControl,
    CallDetails,
    CallerAway,
    CallerBack,
    Command,
    ControlFailed,
    KeyPressed,
    TransferResult,
    Voicemail,
)
from ari_agent.contract.call import Latency
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.response_engine import CustomLlmEngine
from ari_agent.contract.transcript import TranscriptUpdate, Word
from ari_agent.errors import AgentError, AgentUnreachable, SpeechFailed
from ari_agent.speech.recognizer import Heard, HeardWord, Recognition, Recognizer
from ari_agent.speech.synthesizer import BYTES_PER_MS, SAMPLE_RATE_HZ, SpokenWord, Synthesizer
from ari_agent.speech.voice_activity import VoiceActivity, VoiceChange, VoiceDetector, VoiceStarted

log = logging.getLogger(__name__)

NORMAL_CLEARING: Final = 16  # Q.850

_PIECE_MS: Final = 20
_PIECE_BYTES: Final = _PIECE_MS * BYTES_PER_MS
_QUIET_MS: Final = 300
_CLOSE_S: Final = 0.9
_PARTIAL_MS: Final = 250
_PARTIAL_PER_UTTERANCE_MS: Final = 5


@dataclass(frozen=True, slots=True)
class _Handed:
    """A piece of the agent's sound. end_ms: where it ends in its sentence, whose number it has."""

    number: int
    end_ms: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Speech:
    """What the text agents of all calls share. now_ms: since the epoch."""

    recognizer: Recognizer
    synthesizer: Synthesizer
    detector: VoiceDetector
    http: aiohttp.ClientSession
    now_ms: Callable[[], int]
    habits: LineHabits = OF_CALLS

    def new_leg(self, spec: MediaSpec, output: CallerOutput, on_event: Callable[[MediaEvent], None]) -> TextAgentLeg:
        """The agent's side of one call."""
        return TextAgentLeg(self, spec, output, on_event)


class TextAgentLeg:
    """See AgentLeg."""

    encoding: str = "s16le"
    rate_hz = SAMPLE_RATE_HZ

    def __init__(
        self, speech: Speech, spec: MediaSpec, output: CallerOutput, on_event: Callable[[MediaEvent], None]
    ) -> None:
        """spec: with a CustomLlmEngine and its agent."""
        if not isinstance(spec.engine, CustomLlmEngine) or spec.agent is None:
            raise TypeError(f"a text agent's engine is no {spec.engine.type}")
        self._speech, self._spec, self._agent = speech, spec, spec.agent
        self._output, self._on_event = output, on_event
        self._call = spec.call
        self._loop = asyncio.get_running_loop()
        self.hear: Callable[[bytes], None] = self._hear
        self.ignored = self.messages_in = self.messages_out = 0
        self.audio_dropped = 0
        try:
            url = llm.llm_url(spec.engine.llm_websocket_url, spec.call_id)
        except ValueError as error:
            raise AgentUnreachable("the agent's URL", str(error)) from None
        self._line = LlmLine(
            speech.http, url, speech.habits, details=self._details, on_event=self._line_tells, now_ms=speech.now_ms
        )
        self._dialogue = SpokenDialogue(dialogue_settings(self._agent))
        self._voice = AgentVoice(
            speech.synthesizer,
            voice(self._agent),
            on_sound=self._play,
            on_whole=self._sentence_is_whole,
            on_failed=self._voice_failed,
            unheard_ms=lambda: self._dialogue.unheard_ms,
            took_ms=lambda duration_ms: self._dialogue.latency.took("tts", duration_ms),
        )
        self._activity = VoiceActivity(speech.detector, silence_ms=self._dialogue.silence_ms)
        self._recognition: Recognition | None = None
        self._rest = b""  # less than a piece
        self._fed_ms = 0.0
        self._heard_ms = 0.0  # when the caller's audio last came
        self._started_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told_ms = 0.0
        self._told_due_ms: float | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._handed: deque[_Handed] = deque()  # and not heard, as far as is known
        self._clears = 0
        self._mute: SpeechFailed | None = None
        self._over = self._gone = False

    def __repr__(self) -> str:
        return f"TextAgentLeg({self._spec.call_id}, {'open' if self.is_open else 'not open'})"

    @property
    def is_open(self) -> bool:
        """The agent's websocket is open."""
        return self._line.is_open

    @property
    def latency(self) -> Latency | None:
        """For the record."""
        for round_trip_ms in self._line.round_trips_ms:
            self._dialogue.latency.took("llm_websocket_network_rtt", round_trip_ms)
        self._line.round_trips_ms.clear()
        return self._dialogue.latency.report()

    # commands: see AgentLeg

    def dial(self) -> None:
        """Dial the agent's server; its opening is waited for from then on."""
        if self._dialling is None and not self._gone:
            self._dialling = self._loop.create_task(self._dial(), name=f"text agent of {self._spec.call_id}")

    def start(self) -> None:
        """The caller is there."""
        if self._started_s is not None or self._gone:
            return
        self._started_s = self._loop.time()
        self._recognition = self._speech.recognizer.open(
            listening_options(self._agent, self._spec.call_id), self._heard, self._hearing_failed
        )
        self._dialogue.start(0.0)
        self._settle()

    def command(self, command: Command) -> None:
        """Obey a command; see AgentLeg."""
        match command:
            case KeyPressed(digit):
                self._key_pressed(digit)
            case CallerAway():
                self._caller_away()
            case CallerBack():
                self._caller_back()
            case ApiControl(control):
                self._api_control(control)
            case TransferResult(outcome):
                self._transfer_result(outcome)
            case Voicemail(notice):
                self._voicemail_told(notice)
            case ControlFailed(event, message):
                self._control_failed(event, message)
            case CallDetails(call):
                self._call = call
            case _:
                assert_never(command)

    def _caller_away(self) -> None:
        """Nobody is asked anything while the caller does not listen."""
        self._dialogue.pause(self._now_ms)
        self._settle()

    def _caller_back(self) -> None:
        self._dialogue.resume(self._now_ms)
        self._settle()

    def _key_pressed(self, digit: str) -> None:
        """What was pressed stands in the transcript, in the agent's too."""
        if self._spec.allow_user_dtmf and not self._gone:
            self._dialogue.pressed(digit, self._now_ms)
            self._settle()

    def marks_played(self, names: Sequence[str]) -> None:
        """So much was heard."""
        if self._gone:
            return
        for name in names:
            clears, number, heard_ms = name.split(":")
            if int(clears) == self._clears:
                self._dialogue.played(int(number), float(heard_ms), self._now_ms)
        self._voice.heard()
        self._settle()

    def _api_control(self, control: CallControl) -> None:
        self._dialogue.control(
            context=control.additional_context, triggers=bool(control.trigger_response), now_ms=self._now_ms
        )
        self._settle()

    def _transfer_result(self, outcome: TransferOutcome) -> None:
        self._dialogue.transfer_result(outcome, self._now_ms)
        self._settle()

    def _voicemail_told(self, notice: VoicemailNotice) -> None:
        self._dialogue.voicemail(notice, self._now_ms)
        self._settle()

    def _control_failed(self, event: str, message: str) -> None:
        if event == "dtmf":
            self._dialogue.press_failed(message, self._now_ms)
        elif event == "transfer":
            self._dialogue.transfer_result(TransferOutcome(status="failed", message=message), self._now_ms)
        self._settle()

    async def close(self) -> None:
        """Hang up on the agent's server; what was heard of it is told first. Idempotent, done within a second."""
        if self._closing is None:
            self._dialogue.settle(self._now_ms)
            for order in self._dialogue.take_orders():
                if isinstance(order, Told):
                    self._tell(order)
            self._over = self._gone = True
            if self._timer:
                self._timer.cancel()
            self._closing = self._loop.create_task(self._close(), name=f"closing text agent of {self._spec.call_id}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._dialling:
            self._dialling.cancel()
        parts = [self._voice.close(), self._line.close()]
        if self._recognition:
            parts.append(self._recognition.close())
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(*parts, return_exceptions=True)
        except TimeoutError:
            log.warning("a text agent was left behind", extra={"call_id": self._spec.call_id})
        if self._dialling:
            await asyncio.wait([self._dialling])

    # the agent's server

    async def _dial(self) -> None:
        try:
            await self._line.open()
        except AgentError as error:
            self._failed(error.disconnection_reason, str(error))
        else:
            self._tell_event(AgentReady())

    def _details(self) -> Mapping[str, object]:
        return self._call.as_json() if self._call else {}

    def _line_tells(self, event: LineEvent) -> None:
        if self._over:
            return
        now_ms = self._now_ms
        match event:
            case LlmResponse() | LlmInterrupt():
                self._dialogue.says(event, now_ms)
            case LlmToolInvocation() | LlmToolResult():
                self._dialogue.tool(event)
            case LlmAgentConfig():
                self._dialogue.configure(event, now_ms)
                self._activity.silence_ms = self._dialogue.silence_ms
            case LlmMetadata(metadata=metadata):
                self._output.tell("metadata", _json({"event_type": "metadata", "metadata": metadata}))
            case LineBack():
                self._dialogue.line_is_back(now_ms)
            case LineGone(error=None):
                self._dialogue.hang_up_when_done(now_ms)
            case LineGone(error=AgentError() as error):
                self._failed(error.disconnection_reason, str(error))
            case _:
                self.ignored += 1
        self.messages_in += 1
        self._settle()

    def _post(self, text: str) -> None:
        self.messages_out += 1
        self._line.post(text)

    def _woven(self) -> Sequence[Mapping[str, Any]] | None:
        """As the server wants it."""
        return self._dialogue.transcript.items_json() if self._line.config.transcript_with_tool_calls else None

    def _ask(self, order: Ask) -> None:
        ask = llm.reminder_required if order.reminds else llm.response_required
        said = self._dialogue.transcript.speech_json() or [{"role": "user", "content": "", "words": []}]
        self._post(ask(order.response_id, said, self._woven()))

    def _tell(self, order: Told) -> None:
        transcript = self._dialogue.transcript
        self._told_ms, self._told_due_ms = self._now_ms, None
        speech = transcript.speech_json()
        self._post(llm.update_only(speech, self._woven(), turntaking=order.turntaking))
        if self._output.shows_updates:
            turn = {"turntaking": order.turntaking} if order.turntaking else {}
            self._output.tell("update", _json({"event_type": "update", "transcript": speech, **turn}))
        update = TranscriptUpdate.model_construct(
            transcript=tuple(transcript.utterances()), turntaking=order.turntaking
        )
        self._tell_event(TranscriptTold(update, tuple(transcript.items())))

    # the caller

    def _hear(self, pcm: bytes) -> None:
        recognition = self._recognition
        if recognition is None or self._over:
            return
        if self._rest or len(pcm) != _PIECE_BYTES:
            pcm = self._rest + pcm
            whole = len(pcm) - len(pcm) % _PIECE_BYTES
            self._rest = pcm[whole:]
            for start in range(0, whole, _PIECE_BYTES):
                self._hear_piece(recognition, pcm[start : start + _PIECE_BYTES])
        else:
            self._hear_piece(recognition, pcm)

    def _hear_piece(self, recognition: Recognition, pcm: bytes) -> None:
        self._fed_ms += _PIECE_MS
        self._heard_ms = self._now_ms
        recognition.feed(pcm)
        if changes := self._activity.feed(pcm):
            self._voice_changed(recognition, changes)

    def _voice_changed(self, recognition: Recognition, changes: Sequence[VoiceChange]) -> None:
        now_ms = self._now_ms
        for change in changes:
            since_ms = change.at_ms + now_ms - self._fed_ms
            if isinstance(change, VoiceStarted):
                recognition.speech_started()
                self._dialogue.voice_started(now_ms, since_ms=since_ms)
            else:
                recognition.speech_stopped()
                self._dialogue.voice_stopped(now_ms, since_ms=since_ms)
        self._settle()

    def _fill_in_silence(self) -> None:
        """A phone that sends nothing while its user is silent would leave their last word without an end."""
        recognition, quiet_ms = self._recognition, self._now_ms - self._heard_ms
        if recognition is None or not self._activity.speaking or quiet_ms < _QUIET_MS:
            return
        for _ in range(int(quiet_ms) // _PIECE_MS):
            self._hear_piece(recognition, bytes(_PIECE_BYTES))

    def _heard(self, heard: Heard) -> None:
        if not self._over:
            self._dialogue.heard(heard, self._now_ms, [self._timed(word) for word in heard.words])
            self._settle()

    def _timed(self, word: HeardWord) -> Word:
        behind_ms = self._now_ms - self._fed_ms
        start_s, end_s = ((at_ms + behind_ms) / 1000 for at_ms in (word.start_ms, word.end_ms))
        return Word(word=word.word, start=round(max(0.0, start_s), 3), end=round(max(0.0, end_s), 3))

    def _hearing_failed(self, error: SpeechFailed) -> None:
        self._failed(error.disconnection_reason, str(error))

    # the agent's voice

    def _play(self, number: int, pcm: bytes, words: Sequence[SpokenWord]) -> None:
        lasts_ms = len(pcm) / BYTES_PER_MS
        if not self._dialogue.sound(number, lasts_ms, words, self._now_ms):
            self._settle()
            return
        if pcm:
            piece = _Handed(number, self._dialogue.sound_ms(number), pcm)
            if self._dialogue.holds:  # just now, while this was on its way
                self._handed.append(piece)
            else:
                self._hand_over(piece)
        self._settle()

    def _hand_over(self, piece: _Handed) -> None:
        self._handed.append(piece)
        self._output.play(piece.pcm)
        self._output.mark(f"{self._clears}:{piece.number}:{piece.end_ms:g}")

    def _clear(self) -> None:
        """Marks of before come back from some front ends, as if they had been heard."""
        self._clears += 1
        self._output.clear()

    def _go_on(self, order: GoOn) -> None:
        """What was handed over and not heard, once more."""
        handed, self._handed = self._handed, deque()
        for piece in handed:
            if piece.number == order.number:
                unheard_bytes = max(0, round(piece.end_ms - order.heard_ms)) * BYTES_PER_MS
                piece = replace(piece, pcm=piece.pcm[-unheard_bytes:] if unheard_bytes else b"")  # noqa: PLW2901
            if piece.pcm and piece.number >= order.number:
                self._hand_over(piece)

    def _sentence_is_whole(self, number: int) -> None:
        self._dialogue.sound_is_whole(number, self._now_ms)
        self._settle()

    def _voice_failed(self, error: SpeechFailed) -> None:
        """What was said before is still heard."""
        self._mute = error
        self._settle()

    # orders

    def _settle(self) -> None:
        """Do what the dialogue has ordered, and see when it is to be asked again."""
        while not self._over and (orders := self._dialogue.take_orders()):
            for order in orders:
                self._do(order)
        if self._over:
            return
        self._voice.let(self._dialogue.may_speak)
        heard = self._dialogue.heard_so_far
        while self._handed and (heard is None or (self._handed[0].number, self._handed[0].end_ms) <= heard):
            self._handed.popleft()
        if self._mute and not self._dialogue.unheard_ms:
            self._failed(self._mute.disconnection_reason, str(self._mute))
            return
        due = [self._dialogue.next_tick_ms, self._told_due_ms]
        if self._activity.speaking:
            due.append(self._heard_ms + _QUIET_MS)
        self._wake_at(min((at_ms for at_ms in due if at_ms is not None), default=None))

    def _do(self, order: Order) -> None:
        match order:
            case Ask():
                self._ask(order)
            case Told(is_partial=True):
                self._tell_soon()
            case Told():
                self._tell(order)
            case Speak(number, text):
                self._voice.say(number, text)
            case Silence():
                self._voice.silence()
                self._handed.clear()
                self._clear()
            case Hold():
                self._clear()
            case GoOn():
                self._go_on(order)
            case HangUp():
                self._hung_up()
            case Transfer(number):
                self._transfer(number)
            case Press(digits):
                self._press(digits)

    def _tell_soon(self) -> None:
        """While the user speaks, not for every word: what is told grows with the call."""
        pause_ms = _PARTIAL_MS + _PARTIAL_PER_UTTERANCE_MS * len(self._dialogue.transcript)
        self._told_due_ms = self._told_due_ms or self._told_ms + pause_ms

    def _transfer(self, number: str) -> None:
        try:
            request = TransferRequest(to=number)
        except ValidationError as error:
            why = explain(error, {"to": number}, root="transfer_number")
            self._dialogue.transfer_result(TransferOutcome(status="failed", message=why), self._now_ms)
        else:
            self._tell_event(TransferAsked(request))

    def _press(self, digits: str) -> None:
        try:
            request = DtmfRequest(digits=digits)
        except ValidationError as error:
            self._dialogue.press_failed(explain(error, {"digits": digits}, root="digit_to_press"), self._now_ms)
        else:
            self._tell_event(DtmfAsked(request))

    # time

    @property
    def _now_ms(self) -> float:
        """Since the caller was answered; 0 before."""
        return 0.0 if self._started_s is None else (self._loop.time() - self._started_s) * 1000

    def _wake_at(self, at_ms: float | None) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if at_ms is not None and self._started_s is not None:
            self._timer = self._loop.call_at(self._started_s + at_ms / 1000, self._wake)

    def _wake(self) -> None:
        self._timer = None
        if self._over:
            return
        now_ms = self._now_ms
        if self._told_due_ms is not None and now_ms >= self._told_due_ms:
            self._tell(Told())
        self._fill_in_silence()
        self._dialogue.tick(now_ms, voice_until_ms=self._activity.voice_ended_ms + now_ms - self._fed_ms)
        self._settle()

    # the end

    def _tell_event(self, event: MediaEvent) -> None:
        if not self._gone:
            self._on_event(event)

    def _hung_up(self) -> None:
        self._end(AgentHungUp(NORMAL_CLEARING))

    def _failed(self, reason: DisconnectionReason, message: str) -> None:
        self._end(AgentFailed(reason, message))

    def _end(self, event: AgentHungUp | AgentFailed) -> None:
        """The call knows that the agent is gone, and closes; no more is said or asked until it does."""
        if not self._over:
            self._tell_event(event)
            self._over = True
            self._voice.silence()


def _json(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
