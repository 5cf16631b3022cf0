"""The agent's side of a call whose model hears and speaks itself, behind OpenAI's realtime API or a like server.

    caller's audio ──▶ input_audio_buffer.append ──▶ the server finds turns, and answers them
    caller's ears  ◀── playout, with marks ◀── response.output_audio.delta

| what happens                                              | what follows                                             |
|-----------------------------------------------------------|----------------------------------------------------------|
| the session is not opened or not set up in time           | AgentFailed(error_llm_websocket_open)                    |
| the server closes it, whatever the code                   | AgentFailed(error_llm_websocket_lost_connection)         |
| no progress with an answer for answer_s, or two failures  | AgentFailed(error_llm_websocket_runtime)                 |
| endless garbage                                           | AgentFailed(error_llm_websocket_corrupt_payload)         |
| the caller speaks while the agent does                    | silence at once; the server learns what was heard        |
| an answer with an end_call                                | AgentHungUp(16), once it was heard                       |
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from ari_agent.agents.audio_socket import AudioSocket
from ari_agent.agents.llm import Action, EndCall, PressDigits, TransferTo
from ari_agent.agents.message import AgentMessage
from ari_agent.agents.noted_protocol import NotedProtocol
from ari_agent.agents.protocol import AgentProtocol
from ari_agent.agents.realtime import RealtimeClient, RealtimeSession
from ari_agent.agents.realtime_events import (
    AudioBegan,
    FunctionCall,
    ResponseBegan,
    ResponseDone,
    ServerError,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    SpeechTaken,
    SpeechText,
    TextGrew,
    TextWhole,
    Unused,
)
from ari_agent.agents.tcp_connection import agent_url
from ari_agent.calls.media.agent_leg import CallerOutput, message_teller
from ari_agent.calls.media.call_media import (
    AgentReady,
    DtmfAsked,
    MediaEvent,
    MediaSpec,
    TranscriptTold,
    TransferAsked,
    VariablesCollected,
)
from ari_agent.calls.media.commands import CallDetails, Command
from ari_agent.calls.media.socket_leg import SocketLeg
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.calls.realtime.answer_watch import AnswerWatch
from ari_agent.calls.realtime.asked_answers import AskedAnswers
from ari_agent.calls.realtime.model_session import ModelSession
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents
from ari_agent.calls.realtime.realtime_commands import RealtimeCommands
from ari_agent.calls.realtime.realtime_prompt import saying, session_of
from ari_agent.calls.realtime.realtime_tools import RealtimeTools
from ari_agent.calls.realtime.realtime_transcript import RealtimeTranscript
from ari_agent.calls.realtime.spoken_items import SpokenItems
from ari_agent.calls.realtime.timers import Timers
from ari_agent.contract.call_control import DtmfRequest
from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.endpoint import printable
from ari_agent.errors import AgentError, AgentLost, AgentUnreachable
from ari_agent.prompt_agents.model import ModelFailed, TokensUsed
from ari_agent.prompt_agents.model_steps import engine_read
from ari_agent.prompt_agents.prompt_state import PromptState
from ari_agent.prompt_agents.tool_runs import ToolRun

log = logging.getLogger(__name__)

MAX_ROUNDS: Final = 8
"""How often in a row the model is asked to go on after its own tools, without a word of the caller's."""
MAX_FAILURES: Final = 1
"""How often in a row an answer may fail and is asked for once more."""
MOST_ERRORS_TOLD: Final = 5
_IS_ANSWERING: Final = "conversation_already_has_active_response"
"""The code of the error that an answer was asked for while one is given: the server has just begun one by itself."""
_RETRY_AFTER_S: Final = 0.3
_WRITTEN_WITHIN_S: Final = 1.5
"""How long a model that hangs up is kept, for the caller's last words to be written down; it is heard meanwhile."""


class RealtimeAgentLeg(SocketLeg):
    """A speaking model's side of one call: the caller's audio goes to its server as it is. See AgentLeg."""

    def __init__(
        self,
        shared: RealtimeAgents,
        spec: MediaSpec,
        output: CallerOutput,
        on_event: Callable[[MediaEvent], None],
        *,
        headers: Mapping[str, str] | None = None,
        voice_ends: VoiceEnds | None = None,
    ) -> None:
        """spec: with the prompt of a speaking model and its agent, otherwise TypeError. headers: of the handshake."""
        if spec.realtime is None or spec.agent is None or spec.realtime.s2s_model is None:
            raise TypeError("no prompt of a model that speaks")
        super().__init__(spec, on_event, voice_ends=voice_ends, secret=shared.api_key)
        self._shared, self._output, self._call = shared, output, spec.call
        self._headers = {**(headers or {}), **shared.headers}
        self._model = spec.realtime.s2s_model
        self._state = PromptState(spec.realtime, lambda: spec.variables, is_spoken=True)
        self._agent = spec.agent
        self._client = client = RealtimeClient(shared.audio)
        self._session = ModelSession(client, self._session_now(), send=self._send)
        self.encoding, self.rate_hz = client.encoding, client.rate_hz
        self._tell = message_teller(spec, on_event, secret=shared.api_key)
        protocol: AgentProtocol = NotedProtocol(client, self._tell) if self._tell else client
        self._log = logging.LoggerAdapter(log, {"call_id": spec.call_id})
        self._socket = AudioSocket(
            protocol,
            self,
            on_round_trip=lambda took_s: self._latency.took("llm_websocket_network_rtt", took_s * 1000),
            log=self._log,
        )
        self.hear: Callable[[bytes], None] = self._hear
        self._loop = asyncio.get_running_loop()
        self._transcript = RealtimeTranscript()
        bytes_per_s = self.rate_hz * (2 if self.encoding == "s16le" else 1)
        self._spoken = SpokenItems(output, self._transcript, bytes_per_s=bytes_per_s, now_s=self._loop.time)
        self._tools = RealtimeTools(
            self,
            self._state,
            shared.functions,
            call_id=spec.call_id,
            details=lambda: self._call.as_json() if self._call else {},
        )
        self._watch = AnswerWatch(shared.answer_s, self._answer_missing)
        options, forwards_keys = self._agent.user_dtmf_options, spec.allow_user_dtmf
        self._commands = RealtimeCommands(self, self._transcript, options=options, forwards_keys=forwards_keys)
        self._timers = Timers()
        self._answers = AskedAnswers()
        self._user_speaks = self._leaves_message = False
        self._unwritten: set[str] = set()  # what the caller has said, and is not written down yet
        self._rounds = self._failures = self._errors = 0
        self._started_s: float | None = None

    def start(self) -> None:
        """Take note that the caller is connected, and hears what was said already. Idempotent."""
        if self._started_s is None:
            self._started_s = self._loop.time()
            self._spoken.heard.listens(self._started_s)
            self._begin_after_silence()

    def command(self, command: Command) -> None:
        """Tell the model what a command means for it. See RealtimeCommands."""
        if isinstance(command, CallDetails):
            self._call = command.call
        elif not self._gone:
            self._commands.obey(command)

    def marks_played(self, names: Sequence[str]) -> None:
        """Take note that the audio before these marks was heard, or cleared."""
        self._spoken.played(names)

    async def close(self) -> None:
        """Close the session; what was heard of the model is told first. Idempotent."""
        if not self._gone:
            self._spoken.end()  # an agent that has hung up itself is heard to its end
            self.written()
        self._gone = True
        self._session.settle()
        self._watch.close()
        self._commands.close()
        self._timers.close()
        await self._tools.close()
        await super().close()

    # the session

    async def _talk(self) -> None:
        url, limit_s = self._shared.url_for(self._model), self._spec.connect_timeout_s
        shown = "the realtime server"
        try:
            shown = agent_url(self._shared.url).shown
            async with asyncio.timeout(limit_s):
                await self._socket.connect(url, headers=self._headers, timeout_s=limit_s)
                await self._session.wait_settled()
        except TimeoutError:
            self._failed(AgentUnreachable(shown, f"the session was not set up within {limit_s:g} s"))
        except AgentError as error:
            self._failed(error)
            return
        await self._socket.wait_closed()

    def _session_now(self) -> RealtimeSession:
        return session_of(self._state, self._agent, transcription_model=self._shared.transcription_model)

    def _session_created(self, _: SessionCreated) -> None:
        self._session.request()

    def _session_updated(self, _: SessionUpdated) -> None:
        if not self._session.taken():
            return
        self._on_event(AgentReady())
        if self._tell:
            self._on_event(engine_read(self._state.llm, self._state.llm.every_tool, self._state.fill))
        first = self._state.begin_message
        if first is None or first:
            self.respond(saying(first) if first else None)
        self._begin_after_silence()

    def _begin_after_silence(self) -> None:
        """Let the model speak first after all, where the caller was to, and says nothing for so long."""
        wait_ms = self._state.llm.begin_after_user_silence_ms
        if wait_ms and self._session.is_set_up and self._started_s is not None and self._state.begin_message == "":
            self._timers.start("begin", wait_ms / 1000, self.respond)

    def _refused(self, error: ServerError) -> None:
        """Do without what the server refuses of the session, or without the server; other errors change nothing."""
        why = printable(error.message, secret=self._shared.api_key)
        self._errors += 1
        if self._errors <= MOST_ERRORS_TOLD:
            self._log.warning("the model's server tells of an error: %s", why)
        if self._session.is_set_up:
            if error.code == _IS_ANSWERING:
                self._answers.ask_again()
            return
        if self._session.do_without(error):
            return
        self._session.settle()
        self._failed(AgentUnreachable(agent_url(self._shared.url).shown, f"the session was refused: {why}"))

    # what the socket tells: see AgentEvents

    def on_agent_ready(self) -> None:
        """Do nothing: the server speaks first."""

    def on_agent_audio(self, payload: bytes) -> None:
        """Play what the model says, unless it was interrupted."""
        self._spoken.audio(payload)

    def on_agent_message(self, message: AgentMessage) -> None:
        """Do what an event of the server's calls for."""
        if self._gone:
            return
        if effect := self._EFFECTS.get(type(message)):
            effect(self, message)
        else:
            self._unknown += 1

    def on_agent_closed(self, error: AgentError | None) -> None:
        """Report that the session is lost: a model does not hang up by closing it."""
        self._session.settle()
        self._failed(error or AgentLost(1000, "the model's server has ended the session"))

    # the caller speaks

    def _hear(self, payload: bytes) -> None:
        if self._session.is_set_up:
            self._socket.send_audio(payload)

    def _speech_started(self, started: SpeechStarted) -> None:
        self._user_speaks = True
        self._rounds = 0
        self._watch.rest()
        self._timers.cancel("begin")
        for item in self._spoken.interrupt() if self._session.wanted.interrupts else ():
            self._send(self._client.truncate(item.item_id, item.content_index, int(item.heard_ms)))
        if started.item_id:
            self._transcript.begin("user", started.item_id)
        self.written()

    def _speech_stopped(self, _: SpeechStopped) -> None:
        self._user_speaks = False

    def _speech_taken(self, taken: SpeechTaken) -> None:
        self._user_speaks = False
        self._rounds = 0
        if taken.item_id:
            self._transcript.begin("user", taken.item_id)
            self._unwritten.add(taken.item_id)
        self._watch.wait()  # the server answers it without being asked

    def _speech_text(self, said: SpeechText) -> None:
        self._transcript.write("user", said.item_id, said.text)
        self._unwritten.discard(said.item_id)
        self.written()
        if not self._unwritten and self._timers.cancel("hang up"):
            self._hung_up(NORMAL_CLEARING)

    # the model answers

    def respond(self, instructions: str | None = None) -> None:
        """Have the model speak: now, or once its present answer is over. See AskedAnswers."""
        self._answers.ask(instructions)
        self._ask_next()

    def leave_message(self, instructions: str | None) -> None:
        """Have the model speak to a machine, and hang up once that was heard. See ModelSide."""
        self._leaves_message = True
        self.respond(instructions)

    def add(self, text: str, *, role: Literal["user", "system"]) -> None:
        """Add a text to the conversation. See ModelSide."""
        self._send(self._client.said(text, role=role))

    def _ask_next(self) -> None:
        told = self._answers.next(user_speaks=self._user_speaks)
        if told is not None:
            self._send(self._client.response(told))
            self._watch.wait()

    def _ask_again(self) -> None:
        self._answers.ask_again()
        self._ask_next()

    def _response_began(self, began: ResponseBegan) -> None:
        self._answers.began()
        self._timers.cancel("retry")
        self._watch.wait()
        self._spoken.response_began(began)

    def _audio_began(self, began: AudioBegan) -> None:
        self._watch.progress()
        self._spoken.audio_began(began)

    def _text_grew(self, said: TextGrew) -> None:
        self._watch.progress()
        self._spoken.text(said)

    def _text_whole(self, said: TextWhole) -> None:
        self._watch.progress()
        self._spoken.text(said)
        self.written()

    def _response_done(self, done: ResponseDone) -> None:
        self._answers.ended()
        self._watch.rest()
        if done.input_tokens is not None and done.output_tokens is not None:
            self.usage.model_requests.append(TokensUsed(self._model, done.input_tokens, done.output_tokens))
        if done.status == "failed":
            self._answer_failed(printable(done.why, secret=self._shared.api_key) or "no reason given")
            return
        self._failures = 0
        if done.calls:
            self._tools.run(done.calls)
        elif self._answers.waits:
            self._ask_next()
        elif self._leaves_message and done.status == "completed":
            self._hung_up(NORMAL_CLEARING)

    def _answer_failed(self, why: str) -> None:
        self._failures += 1
        self._log.warning("an answer of the model has failed: %s", why)
        if self._failures > MAX_FAILURES:
            self._failed(ModelFailed(f"the model {self._model} gives no answer: {why}"))
        else:
            self._timers.start("retry", _RETRY_AFTER_S, self._ask_again)

    def _answer_missing(self) -> None:
        waited_s = self._shared.answer_s
        self._failed(ModelFailed(f"the model {self._model} made no progress with its answer for {waited_s:g} s"))

    def _unused(self, event: Unused) -> None:
        if event.is_of_response:
            self._watch.progress()

    # the model's tools: see ToolOwner

    def tool_called(self, call: FunctionCall, kind: str | None) -> None:
        """Write down that a tool begins. See ToolOwner."""
        self._transcript.called(call, kind)
        self.written()

    def tool_ended(self, call: FunctionCall, run: ToolRun) -> None:
        """Tell the model what a tool has come to, and write it down. See ToolOwner."""
        if run.found:
            self._on_event(VariablesCollected(run.found))
        self._transcript.ended(call.call_id, run.result, successful=run.successful)
        self._send(self._client.result(call.call_id, run.result))
        self.written()

    def tools_ended(self, *, asks_again: bool) -> None:
        """Tell the model what has changed of its prompt, and have it go on. See ToolOwner."""
        if self._gone:
            return
        self._session.change(self._session_now())
        self._rounds += asks_again
        if asks_again and self._rounds > MAX_ROUNDS:
            self._log.warning("a model calls tools without end, and is not asked again")
        elif asks_again:
            self._answers.ask()
        self._ask_next()

    def act(self, action: Action, call: FunctionCall) -> None:
        """Hang up, transfer the caller or press keys. See ToolOwner."""
        if self._gone:
            return
        match action:
            case EndCall() if self._unwritten and "transcription" not in self._session.without:
                self._timers.start("hang up", _WRITTEN_WITHIN_S, lambda: self._hung_up(NORMAL_CLEARING))
            case EndCall():
                self._hung_up(NORMAL_CLEARING)
            case PressDigits(digits=digits):
                self._on_event(DtmfAsked(DtmfRequest(digits=digits)))
            case TransferTo(request=request) if request:
                self._commands.transfer_asked(call)
                self._on_event(TransferAsked(request))

    async def heard_out(self) -> bool:
        """Wait until the caller has heard what was said. See ToolOwner."""
        return await self._spoken.heard_out()

    # inside

    def _send(self, message: bytes) -> None:
        if self._tell:
            self._tell("sent", message, None)
        self._socket.send(message)

    def written(self) -> None:
        """Tell the call, and the user's screen, what was said and done so far. See ModelSide."""
        said = self._transcript.utterances()
        if self._output.shows_updates:
            told = [utterance.as_json() for utterance in said]
            self._output.tell("update", compact_json({"event_type": "update", "transcript": told}))
        update = TranscriptUpdate.model_construct(transcript=tuple(said), turntaking=None)
        self._on_event(TranscriptTold(update, tuple(self._transcript.items())))

    _EFFECTS: Final[Mapping[type[AgentMessage], Callable[[RealtimeAgentLeg, Any], None]]] = {
        SessionCreated: _session_created,
        SessionUpdated: _session_updated,
        ServerError: _refused,
        SpeechStarted: _speech_started,
        SpeechStopped: _speech_stopped,
        SpeechTaken: _speech_taken,
        SpeechText: _speech_text,
        ResponseBegan: _response_began,
        AudioBegan: _audio_began,
        TextGrew: _text_grew,
        TextWhole: _text_whole,
        ResponseDone: _response_done,
        Unused: _unused,
    }
