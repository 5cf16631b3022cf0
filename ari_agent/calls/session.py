"""One call: a queue of events, fed through the transition table, and the effects of each.

Everything that happens to a call (Asterisk's events, the requests of agent and API, timers) is posted to one
ordered queue and handled by one loop. Only the set-up runs beside it, so that a caller who hangs up while the inbound
webhook is asked, or while the agent is dialled, ends the call at once.

Who still has to be told when the call ends:

    the end                     caller                               agent           record
    caller hangs up             is gone                              closed          user_hangup
    agent hangs up              goes on in the dialplan, or BYE      drained first   agent_hangup
    API stops the call          BYE with the cause asked for         closed          manual_stopped
    REFER succeeded             BYE                                  closed          call_transfer
    agent fails, no audio       goes on in the dialplan              closed          error_...
    silence, duration           BYE                                  closed          inactivity, max_duration_reached
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import AriEvent
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.call_requests import (
    CallerGone,
    DtmfRequested,
    RingingTooLong,
    ShuttingDown,
    StopRequested,
    TransferRequested,
    UpdateRequested,
)
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.media.agent_leg import AgentLeg, CallerOutput, NewAgentLeg
from ari_agent.calls.media.audio_agent_leg import AudioAgentLeg
from ari_agent.calls.media.call_media import (
    AgentFailed,
    AgentHungUp,
    AgentReady,
    CallerInactive,
    CallMedia,
    DtmfAsked,
    KeyHeard,
    MediaEvent,
    MediaSpec,
    NoAudioReceived,
    TranscriptTold,
    TransferAsked,
)
from ari_agent.calls.record import CallRecord
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.state import (
    Answered,
    CallEvent,
    CallState,
    Ended,
    IllegalTransition,
    advance,
)
from ari_agent.calls.transcript_writer import TranscriptWriter
from ari_agent.calls.transfers import TellOutcome, failed
from ari_agent.contract.agent import Agent, CustomLlmEngine
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.call_control import DtmfRequest, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.errors import (
    AgentError,
    AgentNotUsable,
    AriAgentError,
    AsteriskError,
    CallError,
    CallNotOngoing,
    ChannelGone,
    NoPhoneLine,
)
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from ari_agent.routing.agent_choice import engine_for_call
from ari_agent.routing.variables import personal_engine


@dataclass(frozen=True, slots=True)
class _MaxDurationReached:
    pass


@dataclass(frozen=True, slots=True)
class _TranscriptDue:
    pass


@dataclass(frozen=True, slots=True)
class Teardown:
    """How the call ends. reason: None leaves no record. q850_cause: of our BYE; None where there is none to send.

    goes_on: the caller is sent on in the dialplan instead.
    """

    reason: DisconnectionReason | None
    q850_cause: int | None = None
    goes_on: bool = False


SessionEvent = (
    AriEvent
    | MediaEvent
    | StopRequested
    | TransferRequested
    | DtmfRequested
    | UpdateRequested
    | CallerGone
    | ShuttingDown
    | RingingTooLong
    | _MaxDurationReached
    | _TranscriptDue
    | Teardown
)


@dataclass(frozen=True, slots=True)
class SessionDependencies:
    """What every call shares.

    app: our Stasis application. now_ms: milliseconds since the epoch. speech: ears and voice of text agents, if any.
    """

    ari: Ari
    app: str
    records: RecordWriter
    slots: Slots
    rtp: RtpPorts
    wheel: Wheel
    account_webhook_url: str | None
    now_ms: Callable[[], int]
    speech: Speech | None = None


class CallSession(ABC):
    """One call, from its first event to the last byte of its record; each way that a call can come has its own class.

    post: hand over an event, from the event loop's thread; never waits. run: to be awaited once, by the owner of all
    calls; returns when nothing of the call is left: no task, socket, channel, bridge or slot.
    """

    direction: ClassVar[CallDirection]
    has_channel = True
    """The channel is in Asterisk, as far as events tell."""

    def __init__(
        self, services: SessionDependencies, *, call_id: str, channel_id: str, sip_call_id: str | None = None
    ) -> None:
        self.call_id = call_id
        self.channel_id = channel_id
        self.state = CallState.ARRIVED
        self.media: CallMedia | None = None
        self._services = services
        self._queue: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self._agent_ready = asyncio.Event()
        self._exit = AsyncExitStack()
        self._timers: list[asyncio.TimerHandle] = []
        self._transcript = TranscriptWriter(on_due=lambda: self.post(_TranscriptDue()), save=self._save)
        self._record: CallRecord | None = None
        self._agent_left: Teardown | None = None  # the agent ended while the caller rang, or was away in a transfer
        self._teardown = Teardown(DisconnectionReason.ERROR_UNKNOWN, goes_on=True)
        self._beside: set[asyncio.Task[None]] = set()
        self._unanswered: set[asyncio.Future[Any]] = set()  # that have no answer yet
        self._log = CallLog(
            logging.getLogger(__name__),
            {"call_id": call_id, "channel_id": channel_id, "sip_call_id": sip_call_id},
        )

    @property
    def record(self) -> Call | None:
        """The call object as of now, stored or not; None before there is one."""
        return self._record.call if self._record else None

    def post(self, event: SessionEvent) -> None:
        """Append to the call's queue."""
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Live through the call."""
        async with self._exit:  # whatever happens, the slot ends with the call
            await self._live()

    async def _live(self) -> None:
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._start(self._set_up())
                while self.state is not CallState.ENDED:
                    await self._handle(await self._queue.get())
                for task in self._beside:
                    task.cancel()
        except* Exception:  # a defect of ours must not leave the caller in silence, nor the record open
            self._log.exception("call failed")
            self._teardown = Teardown(DisconnectionReason.ERROR_RETELL, goes_on=True)
            self.state = CallState.ENDED
        await self._wind_up()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the loop; ended with the call at the latest."""
        task = self._tasks.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _in_ms(self, delay_ms: float, event: SessionEvent) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay_ms / 1000, self.post, event))

    def _advance(self, event: CallEvent) -> None:
        before, self.state = self.state, advance(self.state, event)
        self._log.info("call %s", self.state.value, extra={"from_state": before.value})

    # Set-up: from the first ring to the answer.

    async def _set_up(self) -> None:
        """Run `_connect`, and end the call where that fails."""
        try:
            await self._connect()
        except ChannelGone:
            self.post(CallerGone())
        except (AgentError, AgentNotUsable) as error:
            self.post(AgentFailed(error.disconnection_reason, str(error)))
        except AriAgentError as error:
            self._log.error("call not set up: %s", error)
            self.post(Teardown(DisconnectionReason.ERROR_RETELL, goes_on=True))

    @abstractmethod
    async def _connect(self) -> None:
        """From the first ring to the answer: what tells one direction of calls from another."""

    def _media_spec(
        self,
        agent: Agent,
        *,
        from_number: str,
        to_number: str,
        dynamic_variables: Mapping[str, str],
        metadata: object | None,
    ) -> MediaSpec:
        """What the media half must know, for this agent.

        Raises:
            UnservedAgent: the agent's kind takes no calls.
            AgentUnreachable: with this call's variables its URL or headers are none.
        """
        engine = engine_for_call(agent, has_speech=self._services.speech is not None)
        engine = personal_engine(engine, self._variables())
        return MediaSpec(
            call_id=self.call_id,
            from_number=from_number,
            to_number=to_number,
            # A registered call goes the way that it was registered for, however it came here.
            direction=(self._record and self._record.call.direction) or self.direction,
            engine=engine,
            dynamic_variables=dynamic_variables,
            metadata=metadata,
            end_call_after_silence_ms=agent.end_call_after_silence_ms,
            allow_user_dtmf=agent.allow_user_dtmf,
            agent=agent,
            details=lambda: self._record.call.as_json() if self._record else {},
        )

    @property
    def _new_agent(self) -> NewAgentLeg:
        """Makes the agent's side of the call."""
        speech = self._services.speech

        def new(spec: MediaSpec, output: CallerOutput, on_event: Callable[[MediaEvent], None]) -> AgentLeg:
            if speech and isinstance(spec.engine, CustomLlmEngine):
                return speech.new_leg(spec, output, on_event)
            return AudioAgentLeg(spec, output, on_event)

        return new

    def _variables(self) -> Mapping[str, str]:
        """What `{{name}}` stands for in this call, now."""
        return self._record.variables(self._services.now_ms()) if self._record else {}

    async def _talk(self, record: CallRecord, media: CallMedia, *, max_duration_ms: int) -> None:
        """The caller is answered."""
        self._begin_talk(record, media, max_duration_ms=max_duration_ms)
        await self._save()

    async def _save(self) -> None:
        """Store the record as it is now."""
        if self._record:
            await self._services.records.save(self._record)

    def _begin_talk(self, record: CallRecord, media: CallMedia, *, max_duration_ms: int) -> None:
        media.start()
        self._advance(Answered())
        self._in_ms(max_duration_ms, _MaxDurationReached())
        record.answered(self._services.now_ms())
        self._transcript.soon(record)
        if self._agent_left:
            self._start(self._drain(media, self._agent_left))

    # The loop: what each event does.

    async def _handle(self, event: SessionEvent) -> None:
        effect = self._effects.get(type(event))
        if effect is None:
            return  # an event of Asterisk's that changes nothing here
        if isinstance(event, TransferRequested | DtmfRequested | UpdateRequested):
            self._unanswered.add(event.answer)
            event.answer.add_done_callback(self._unanswered.discard)
        try:
            await effect(self, event)
        except IllegalTransition as error:
            self._log.warning("event refused: %s", error)

    async def _end(self, teardown: Teardown) -> None:
        self._teardown = teardown
        self._advance(Ended(teardown.reason))

    async def _caller_gone(self, _: CallerGone) -> None:
        await self._end(Teardown(DisconnectionReason.USER_HANGUP))

    async def _agent_is_ready(self, _: AgentReady) -> None:
        self._agent_ready.set()

    async def _agent_failed(self, event: AgentFailed) -> None:
        self._log.warning("agent failed: %s", event.message)
        await self._agent_gone(Teardown(event.reason, goes_on=True))

    async def _agent_hung_up(self, event: AgentHungUp) -> None:
        """Its last words are played out first, while the caller may still hang up.

        An agent that names a cause wants a BYE with it; without one the caller goes on in the dialplan.
        """
        goes_on = event.q850_cause == NORMAL_CLEARING
        teardown = Teardown(DisconnectionReason.AGENT_HANGUP, event.q850_cause, goes_on)
        if self.media and self.state is CallState.TALKING:
            self._start(self._drain(self.media, teardown))
        elif self.media and self.state is CallState.CONNECTING and self.media.stats.queued_ms:
            self._agent_left = teardown  # it spoke to a caller who still rings: answered first, to hear it
        else:
            await self._agent_gone(teardown)

    async def _drain(self, media: CallMedia, teardown: Teardown) -> None:
        await media.close(drain=True)
        self.post(teardown)

    async def _agent_gone(self, teardown: Teardown) -> None:
        if self.state is CallState.TRANSFERRING:
            self._agent_left = teardown  # it may well leave once it has asked for the transfer
        else:
            await self._end(teardown)

    async def _no_audio(self, _: NoAudioReceived) -> None:
        await self._end(Teardown(DisconnectionReason.ERROR_NO_AUDIO_RECEIVED, goes_on=True))

    async def _inactive(self, _: CallerInactive) -> None:
        await self._end(Teardown(DisconnectionReason.INACTIVITY, NORMAL_CLEARING))

    async def _too_long(self, _: _MaxDurationReached) -> None:
        await self._end(Teardown(DisconnectionReason.MAX_DURATION_REACHED, NORMAL_CLEARING))

    async def _stopped(self, event: StopRequested) -> None:
        await self._end(Teardown(DisconnectionReason.MANUAL_STOPPED, event.request.q850_cause))

    async def _shutting_down(self, _: ShuttingDown) -> None:
        await self._end(Teardown(DisconnectionReason.MANUAL_STOPPED, goes_on=True))

    # What the agent and the API ask for.

    async def _agent_sends_dtmf(self, event: DtmfAsked) -> None:
        try:
            await self._send_dtmf(event.request)
        except (CallError, AsteriskError) as error:
            if self.media:
                self.media.control_error("dtmf", str(error))

    async def _api_sends_dtmf(self, event: DtmfRequested) -> None:
        try:
            await self._send_dtmf(event.request)
        except (CallError, AsteriskError) as error:
            _answer(event.answer, error)
        else:
            _answer(event.answer, None)

    async def _send_dtmf(self, _: DtmfRequest) -> None:
        """Press keys towards the caller.

        Raises:
            CallError, AsteriskError: it cannot be done.
        """
        raise NoPhoneLine(self.call_id)

    async def _agent_transfers(self, event: TransferAsked) -> None:
        if self.media:
            await self._begin_transfer(event.request, self.media.transfer_result)

    async def _api_transfers(self, event: TransferRequested) -> None:
        await self._begin_transfer(event.request, lambda outcome: _answer(event.answer, outcome))

    async def _begin_transfer(self, _: TransferRequest, tell: TellOutcome) -> None:
        """Send the caller elsewhere; the outcome is told once it is known."""
        tell(failed(str(NoPhoneLine(self.call_id))))

    # The record.

    async def _api_updates(self, event: UpdateRequested) -> None:
        try:
            self._update(event.update)
        except (CallError, ValueError) as error:
            _answer(event.answer, error)
            return
        await self._save()
        _answer(event.answer, None)

    def _update(self, update: LiveCallUpdate) -> None:
        record, media, control = self._record, self.media, update.call_control
        if record is None:
            raise CallNotOngoing(self.call_id, self.state.value)
        asks = control is not None and control.asks
        if asks and not (self._is_answered and media and media.has_agent):
            raise CallNotOngoing(self.call_id, f"{self.state.value}, and no agent is there to be told")
        if update.fields_to_override:
            try:
                record.override(update.fields_to_override)
            except ValueError as error:
                raise ValueError(f"fields_to_override.{error}") from None
        if control and asks and media:
            media.call_control(control)
            if control.additional_context is not None:
                record.injected(control.additional_context, self._services.now_ms())
                self._something_said(record)

    @property
    def _is_answered(self) -> bool:
        return self.state in (CallState.TALKING, CallState.TRANSFERRING)

    async def _transcript_told(self, event: TranscriptTold) -> None:
        if self._record:
            self._record.said(event.update, event.items)
            self._something_said(self._record)

    async def _key_heard(self, event: KeyHeard) -> None:
        if self._record:
            self._record.pressed(event.digit)
            self._something_said(self._record)

    def _something_said(self, record: CallRecord) -> None:
        if self._is_answered:  # what an agent says to a caller who rings is written once the call is answered
            self._transcript.soon(record)

    async def _transcript_due(self, _: _TranscriptDue) -> None:
        if self._record:
            self._transcript.write(self._record)

    # The end.

    async def _wind_up(self) -> None:
        teardown = self._teardown
        for timer in self._timers:
            timer.cancel()
        closing = asyncio.create_task(self.media.close()) if self.media else None
        await self._part(teardown)
        if closing:
            await closing
        await self._release()
        await self._exit.aclose()
        ended = CallNotOngoing(self.call_id, "ended")
        for answer in tuple(self._unanswered):
            _answer(answer, ended)
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if isinstance(event, TransferRequested | DtmfRequested | UpdateRequested):
                _answer(event.answer, ended)
            elif isinstance(event, TranscriptTold | KeyHeard):
                await self._handle(event)  # the last words
        await self._transcript.close()
        if self._record and teardown.reason:
            if self.media:
                self._record.measured(self.media.latency)
            self._record.ended(teardown.reason, self._services.now_ms())
            await self._services.records.save_for_certain(self._record)
        self._log.info("call is over", extra={"disconnection_reason": teardown.reason})

    @abstractmethod
    async def _part(self, teardown: Teardown) -> None:
        """Send the caller on, or away."""

    @abstractmethod
    async def _release(self) -> None:
        """Give back what the caller's side holds, once nothing uses it any more."""

    _effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        Teardown: _end,
        CallerGone: _caller_gone,
        AgentReady: _agent_is_ready,
        AgentFailed: _agent_failed,
        AgentHungUp: _agent_hung_up,
        TransferAsked: _agent_transfers,
        DtmfAsked: _agent_sends_dtmf,
        TranscriptTold: _transcript_told,
        KeyHeard: _key_heard,
        _TranscriptDue: _transcript_due,
        CallerInactive: _inactive,
        NoAudioReceived: _no_audio,
        StopRequested: _stopped,
        TransferRequested: _api_transfers,
        DtmfRequested: _api_sends_dtmf,
        UpdateRequested: _api_updates,
        ShuttingDown: _shutting_down,
        _MaxDurationReached: _too_long,
    }


def _answer(future: asyncio.Future[Any], outcome: object) -> None:
    if future.done():
        return  # whoever asked has gone away, or knows already
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
