"""A text agent's side of a call: we listen and speak for it, and talk with its server in text.

    caller's audio ──▶ voice activity ──▶ recognizer ──▶ dialogue ──▶ custom-LLM websocket
    caller's ears  ◀── marks ◀── agent's voice ◀───────────┘ ◀──────────────┘

Whatever happens becomes an event, and every event goes through `_feed`: spoken_dialogue.py decides, its orders are done
here, and the timer is set anew. Audio is s16le at 16 kHz.

| what happens                                                   | event                                     |
|----------------------------------------------------------------|-------------------------------------------|
| the websocket cannot be opened, is lost, or carries nonsense    | AgentFailed, with the reason of the error |
| its server closes it with 1000, or its `end_call` was spoken    | AgentHungUp(16)                           |
| nobody can be understood any more                               | AgentFailed(error_asr)                    |
| no voice can speak any more, and what it said before was heard  | AgentFailed(error_retell)                 |
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from ari_agent.agents.llm import LlmMetadata, LlmRecording
from ari_agent.agents.llm_connection import (
    CALL_POLICY,
    LlmDisconnected,
    LlmEvent,
    LlmReconnected,
    ReconnectPolicy,
)
from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.dialogue import events
from ari_agent.calls.dialogue.agent_line import new_text_agent
from ari_agent.calls.dialogue.agent_settings import UnknownVoice, dialogue_settings, listening_options, voice
from ari_agent.calls.dialogue.agent_voice import AgentVoice
from ari_agent.calls.dialogue.asked_of_call import digits_asked, transfer_asked
from ari_agent.calls.dialogue.caller_hearing import CallerHearing
from ari_agent.calls.dialogue.events import Event
from ari_agent.calls.dialogue.orders import (
    Ask,
    ClearSpeech,
    Fail,
    HangUp,
    Order,
    PauseSpeech,
    PlaySound,
    Press,
    ResumeSpeech,
    SendUpdate,
    Speak,
    Transfer,
)
from ari_agent.calls.dialogue.phases import IllegalMove
from ari_agent.calls.dialogue.speech_output import SpeechOutput
from ari_agent.calls.dialogue.spoken_dialogue import SpokenDialogue
from ari_agent.calls.dialogue.told_events import event_of_command, event_of_message
from ari_agent.calls.dialogue.turn_steps import turn_steps
from ari_agent.calls.media.agent_leg import CallerOutput
from ari_agent.calls.media.call_latency import Detector
from ari_agent.calls.media.call_media import (
    AgentFailed,
    AgentHungUp,
    AgentReady,
    DtmfAsked,
    LatencyMeasured,
    MediaEvent,
    MediaSpec,
    TranscriptTold,
    TransferAsked,
)
from ari_agent.calls.media.commands import CallDetails, Command, KeyPressed
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Latency
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.contract.recording import NOTHING_TO_PAUSE, PAUSE
from ari_agent.contract.response_engine import TextEngine
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.errors import AgentError, SpeechFailed
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.routing.agent_choice import PROMPT_AGENTS, TEXT_AGENTS, Serves
from ari_agent.speech.echo import Echo
from ari_agent.speech.recognizer import Recognizer
from ari_agent.speech.synthesizer import SAMPLE_RATE_HZ, SpokenWord, Synthesizer, Voice
from ari_agent.speech.voice_activity import VoiceDetector
from ari_agent.speech.voices import Voices

log = logging.getLogger(__name__)

_CLOSE_S: Final = 0.9


@dataclass(frozen=True, slots=True)
class Speech:
    """What the text agents of all calls share.

    now_ms: tells the milliseconds since 1970. voices: the synthesizer's. providers: who listens, and who speaks.
    prompts: what agents by a prompt share; None: there are none.
    """

    recognizer: Recognizer
    synthesizer: Synthesizer
    detector: VoiceDetector
    http: aiohttp.ClientSession
    now_ms: Callable[[], int]
    habits: ReconnectPolicy = CALL_POLICY
    voices: Voices = field(default_factory=Voices)
    providers: tuple[str, str] = ("", "")
    prompts: PromptAgents | None = None

    @property
    def serves(self) -> Serves:
        """Return which kinds of agents can take calls with this."""
        return PROMPT_AGENTS if self.prompts else TEXT_AGENTS

    def new_leg(self, spec: MediaSpec, output: CallerOutput, on_event: Callable[[MediaEvent], None]) -> TextAgentLeg:
        """Make the text agent's side of one call, as TextAgentLeg says; nothing is dialled yet."""
        return TextAgentLeg(self, spec, output, on_event)


class TextAgentLeg:
    """A text agent's side of one call: it hears the caller's words and speaks its answers. See AgentLeg."""

    encoding: str = "s16le"
    rate_hz = SAMPLE_RATE_HZ

    def __init__(
        self, speech: Speech, spec: MediaSpec, output: CallerOutput, on_event: Callable[[MediaEvent], None]
    ) -> None:
        """spec: with a text engine and its agent, otherwise TypeError.

        Raises:
            AgentUnreachable: see new_text_agent.
            UnknownVoice: none of the agent's voices is one of the synthesizer's.
        """
        if not isinstance(spec.engine, TextEngine) or spec.agent is None:
            raise TypeError(f"a text agent's engine is no {spec.engine.type}")
        self._speech, self._spec, self._agent = speech, spec, spec.agent
        speaker = _speaker(speech, self._agent, spec.call_id)
        self._output, self._on_event, self._call = output, on_event, spec.call
        self._loop, self.usage, self.voice_ends = asyncio.get_running_loop(), SpeechUsage(), None
        self.ignored = self.messages_in = self.messages_out = self.audio_dropped = 0
        self._line = new_text_agent(
            spec,
            spec.engine,
            self._agent,
            http=speech.http,
            habits=speech.habits,
            prompts=speech.prompts,
            details=self._details,
            on_event=self._line_tells,
            now_ms=speech.now_ms,
            tell_call=on_event,
            usage=self.usage,
            on_round_trip=lambda took_ms: self._dialogue.latency.took("llm_websocket_network_rtt", took_ms),
        )
        self._dialogue = SpokenDialogue(dialogue_settings(self._agent), after=spec.call if spec.reconnected else None)
        self._dialogue.latency.tell = lambda *measured: on_event(LatencyMeasured(*measured))
        self._voice = AgentVoice(
            speech.synthesizer,
            speaker,
            usage=self.usage,
            on_sound=self._sound_made,
            on_whole=lambda number: self._feed(events.SoundEnded(number)),
            on_failed=self._voice_failed,
            unheard_ms=lambda: self._dialogue.speech.playback.unheard_ms,
            took_ms=lambda duration_ms: self._dialogue.latency.took("tts", duration_ms),
            waits=lambda: not self._dialogue.is_speaking and self._hearing.may_begin_to_speak,
        )
        self._hearing = CallerHearing(
            speech.detector,
            silence_ms=self._dialogue.turns.settings.silence_ms,
            echo=(echo := Echo()),
            usage=self.usage,
            now_ms=lambda: self._now_ms,
            on_event=self._feed,
        )
        self.hear: Callable[[bytes], None] = self._hearing.hear
        self._speech_output = SpeechOutput(output, echo, now_ms=lambda: self._now_ms)
        self._events: deque[Event] = deque()  # that wait for their turn
        self._is_feeding = False
        self._started_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"TextAgentLeg({self._spec.call_id}, {'open' if self.is_open else 'not open'}, {self._dialogue!r})"

    @property
    def is_open(self) -> bool:
        """Whether the websocket to the agent's server is open, as far as is known."""
        return self._line.is_open

    @property
    def latency(self) -> Latency | None:
        """How long the agent's turns took, for the call's record; None where nothing was measured."""
        return self._dialogue.latency.report()

    def turn_found(self, waited_ms: float | None, detector: Detector, began_s: float) -> None:
        """Do nothing, because the dialogue knows better when a turn ends. See AgentLeg."""

    # commands: see AgentLeg

    def dial(self) -> None:
        """Start dialling the agent's server, whose opening is waited for from then on. Idempotent."""
        if self._dialling is None and self._closing is None:
            self._dialling = self._loop.create_task(self._dial(), name=f"text agent of {self._spec.call_id}")

    def start(self) -> None:
        """Start to listen and speak, because the caller is connected now. Idempotent."""
        if self._started_s is not None or self._closing is not None:
            return
        self._started_s = self._loop.time()
        self._hearing.start(self._speech.recognizer, listening_options(self._agent, self._spec.call_id))
        self._feed(events.CallerJoined(self._speech_output.follow(self._spec.consent)))

    def command(self, command: Command) -> None:
        """Obey a command by feeding the dialogue the event that it stands for. See AgentLeg."""
        if isinstance(command, CallDetails):
            self._call = command.call
        elif isinstance(command, KeyPressed) and not self._spec.allow_user_dtmf:
            return  # what was pressed stands in the transcript, in the agent's too
        elif event := event_of_command(command):
            self._feed(event)

    def marks_played(self, names: Sequence[str]) -> None:
        """Take note that the caller has heard the sound before these marks."""
        self._feed(*self._speech_output.played(names))

    async def close(self) -> None:
        """Hang up on the agent's server; what was heard of it is told first. Idempotent, done within a second."""
        if self._closing is None:
            self._feed(events.CallEnded())
            self._closing = self._loop.create_task(self._close(), name=f"closing text agent of {self._spec.call_id}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._dialling:
            self._dialling.cancel()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(
                    self._voice.close(), self._line.close(), self._hearing.close(), return_exceptions=True
                )
        except TimeoutError:
            log.warning("a text agent was left behind", extra={"call_id": self._spec.call_id})
        if self._dialling:
            await asyncio.wait([self._dialling])

    # events in, orders out

    def _feed(self, *happened: Event) -> None:
        """Let the dialogue decide, do what it orders, and see when time itself is an event. All goes through here.

        An event that an order brings about waits until the orders before it are done.
        """
        self._events.extend(happened)
        if self._is_feeding or self._closing is not None:
            return
        self._is_feeding = True
        try:
            while self._events:
                for order in self._decided(self._events.popleft()):
                    self._do(order)
        finally:
            self._is_feeding = False
        self._look_ahead()

    def _decided(self, event: Event) -> Sequence[Order]:
        try:
            orders = self._dialogue.feed(event, self._now_ms)
        except IllegalMove as error:  # a defect must not leave the caller in silence
            log.exception("a conversation went wrong", extra={"call_id": self._spec.call_id})
            orders = self._dialogue.feed(events.Failed(DisconnectionReason.ERROR_RETELL, str(error)), self._now_ms)
        if self._spec.tells_messages:
            for step in turn_steps(event, orders):
                self._on_event(step)
        return orders

    def _look_ahead(self) -> None:
        dialogue = self._dialogue
        self._voice.let(dialogue.may_speak)
        self._voice.heard()
        self._speech_output.forget(dialogue.speech.playback.heard_so_far)
        self._hearing.set_silence(dialogue.turns.settings.silence_ms)
        due_ms = [at_ms for at_ms in (dialogue.next_tick_ms, self._hearing.due_ms) if at_ms is not None]
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if due_ms and self._started_s is not None:
            self._timer = self._loop.call_at(self._started_s + min(due_ms) / 1000, self._wake)

    def _wake(self) -> None:
        self._hearing.fill_in_silence()
        self._feed(events.TimePassed(self._hearing.voice_until_ms))

    @property
    def _now_ms(self) -> float:
        """Milliseconds since the caller was answered; 0 before that."""
        return 0.0 if self._started_s is None else (self._loop.time() - self._started_s) * 1000

    def _do(self, order: Order) -> None:
        match order:
            case Ask():
                self._ask(order)
            case SendUpdate():
                self._send_update(order)
            case Speak(number, text, pause_ms):
                self._voice.say(number, text, pause_ms=pause_ms)
            case PlaySound():
                self._speech_output.play(order)
            case ClearSpeech():
                self._voice.silence()
                self._speech_output.clear()
            case PauseSpeech():
                self._speech_output.pause()
            case ResumeSpeech():
                self._speech_output.resume(order)
            case HangUp():
                self._end(AgentHungUp(NORMAL_CLEARING))
            case Fail(reason, message):
                self._end(AgentFailed(reason, message))
            case Transfer(number, shows_caller, request):
                asked = TransferAsked(request) if request else transfer_asked(number, shows_caller=shows_caller)
                self._ask_call(asked)
            case Press(digits):
                self._ask_call(digits_asked(digits))

    # orders to the agent's server

    def _ask(self, order: Ask) -> None:
        said = self._dialogue.transcript.speech_json() or [{"role": "user", "content": "", "words": []}]
        self.messages_out += 1
        self._line.ask(order.response_id, said, self._items_with_tools(), reminds=order.reminds)

    def _send_update(self, order: SendUpdate) -> None:
        transcript = self._dialogue.transcript
        speech = transcript.speech_json()
        self.messages_out += 1
        self._line.update(speech, self._items_with_tools(), turntaking=order.turntaking)
        if self._output.shows_updates:
            turn = {"turntaking": order.turntaking} if order.turntaking else {}
            self._output.tell("update", compact_json({"event_type": "update", "transcript": speech, **turn}))
        update = TranscriptUpdate.model_construct(
            transcript=tuple(transcript.utterances()), turntaking=order.turntaking
        )
        self._on_event(TranscriptTold(update, tuple(transcript.items())))

    def _details(self) -> Mapping[str, object]:
        return self._call.as_json() if self._call else {}

    def _items_with_tools(self) -> Sequence[Mapping[str, Any]] | None:
        """Return `transcript_with_tool_calls` for an agent that wants it, otherwise None."""
        return self._dialogue.transcript.items_json() if self._line.wants_tool_calls else None

    # orders to the call

    def _ask_call(self, asked: TransferAsked | DtmfAsked | Event) -> None:
        if isinstance(asked, TransferAsked | DtmfAsked):
            self._on_event(asked)
        else:
            self._feed(asked)

    def _end(self, event: AgentHungUp | AgentFailed) -> None:
        """Tell the call that the agent is gone, so that it closes; no more is said or heard until it does."""
        self._hearing.stop()
        self._voice.silence()
        self._on_event(event)

    # what becomes an event

    async def _dial(self) -> None:
        try:
            await self._line.open()
        except AgentError as error:
            self._feed(events.Failed(error.disconnection_reason, str(error)))
        else:
            if self._closing is None:
                self._on_event(AgentReady())

    def _line_tells(self, event: LlmEvent) -> None:
        if self._dialogue.is_over:
            return
        self.messages_in += 1
        match event:
            case LlmMetadata(metadata=metadata):
                self._output.tell("metadata", compact_json({"event_type": "metadata", "metadata": metadata}))
            case LlmRecording(action=action):
                if not self._output.pause_recording(action == PAUSE):
                    told = {"call_id": self._spec.call_id}
                    log.warning("the agent's recording is refused: %s", NOTHING_TO_PAUSE, extra=told)
            case LlmReconnected():
                self._feed(events.AgentReconnected())
            case LlmDisconnected(error=error):
                self._feed(events.Failed(error.disconnection_reason, str(error)) if error else events.AgentClosed())
            case _ if happened := event_of_message(event):
                self._feed(happened)
            case _:
                self.ignored += 1

    def _sound_made(self, number: int, pcm: bytes, words: Sequence[SpokenWord]) -> None:
        self._feed(events.SoundMade(number, pcm, words))

    def _voice_failed(self, error: SpeechFailed) -> None:
        self._feed(events.VoiceFailed(error.disconnection_reason, str(error)))


def _speaker(speech: Speech, agent: Agent, call_id: str) -> Voice:
    """Return the voice that speaks for an agent. Raises: UnknownVoice.

    A dictionary that it cannot speak is no reason to refuse a call: it was refused when the agent was saved, unless
    another synthesizer was set up then, or the dictionary is of this call alone.
    """
    if refusal := speech.voices.refusal((agent.voice_id, *(agent.fallback_voice_ids or ()))):
        raise UnknownVoice(refusal)
    speaker = voice(agent, fallback=speech.voices.fallback)
    if refusal := speech.voices.pronunciation_refusal(speaker):
        log.warning("words are pronounced as the voice does: %s", refusal, extra={"call_id": call_id})
    return speaker
