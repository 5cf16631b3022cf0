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
from typing import Any, ClassVar, Final

from ari_agent.calls.call_files import CallFiles
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.call_requests import (
    AnsweredRequest,
    CallerGone,
    DtmfRequested,
    TransferRequested,
    UpdateRequested,
)
from ari_agent.calls.media.agent_background import make_ambient_sound
from ari_agent.calls.media.call_media import (
    AgentBack,
    AgentFailed,
    AgentHungUp,
    AgentReady,
    DtmfAsked,
    ForLogAlone,
    KeyForwarded,
    MediaSpec,
    TranscriptTold,
    TransferAsked,
    VariablesCollected,
)
from ari_agent.calls.media.commands import ApiControl, CallDetails, Command, ControlFailed, TransferResult
from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.new_media_spec import new_media_spec
from ari_agent.calls.outright_ends import OUTRIGHT_ENDS
from ari_agent.calls.pending_answers import PendingAnswers, answer, attempt
from ari_agent.calls.public_log.log_lines import note
from ari_agent.calls.public_log.media_log import log_media
from ari_agent.calls.record import CallRecord
from ari_agent.calls.recording_consent import with_recording
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.session_events import MaxDurationReached, SessionEvent, TranscriptDue
from ari_agent.calls.state import ANSWERED_STATES, Answered, CallEvent, CallState, Ended, IllegalTransition, advance
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transcript_writer import TranscriptWriter
from ari_agent.calls.transfer.asked_transfer import TellOutcome, failed
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.errors import (
    AgentError,
    AgentNotUsable,
    AriAgentError,
    CallError,
    CallNotOngoing,
    ChannelGone,
    NoPhoneLine,
)
from ari_agent.routing.recording_choice import recording_of_call

_PARTING_S: Final = 2.0  # a record waits no longer for caller and agent to be let go: Asterisk may stall


class CallSession(ABC):
    """One call, from its first event to the last byte of its record; each way that a call can come has its own class.

    post: hand over an event, from the event loop's thread; never waits. run: to be awaited once, by the owner of all
    calls; returns when nothing of the call is left: no task, socket, channel, bridge or slot.
    """

    direction: CallDirection
    has_channel = True
    """Whether the caller's channel is in Asterisk, as far as events tell."""

    def __init__(
        self, services: SessionDependencies, *, call_id: str, channel_id: str, sip_call_id: str | None = None
    ) -> None:
        self.call_id = call_id
        self.channel_id = channel_id
        self.state = CallState.ARRIVED
        self.media: MediaHalf | None = None
        self._services = services
        self._queue: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self._agent_ready = asyncio.Event()
        self._exit_stack = AsyncExitStack()
        self._timers: list[asyncio.TimerHandle] = []
        self._transcript = TranscriptWriter(on_due=lambda: self.post(TranscriptDue()), save=self._save)
        self._record: CallRecord | None = None
        self._number: PhoneNumber | None = None
        self._files = CallFiles(call_id, services.artefacts)
        # The agent has ended the call while the caller still rang, or was away in a transfer.
        self._deferred_teardown: Teardown | None = None
        self._teardown = Teardown(DisconnectionReason.ERROR_UNKNOWN, continues_in_dialplan=True)
        self._background_tasks: set[asyncio.Task[None]] = set()
        self._pending_answers = PendingAnswers()
        names = {"call_id": call_id, "channel_id": channel_id, "sip_call_id": sip_call_id}
        self._log = CallLog(logging.getLogger(__name__), names, services.public_logs.new(call_id))
        self._log.public.add("call_began", **names, direction=self.direction.value, at=services.now_ms())

    @property
    def record(self) -> Call | None:
        """The call object as of now, stored or not; None before there is one."""
        return self._record.call if self._record else None

    def post(self, event: SessionEvent) -> None:
        """Append an event to the call's queue, and write what the public log says of it."""
        note(self._log.public, event)
        if not isinstance(event, ForLogAlone):
            self._queue.put_nowait(event)

    async def run(self) -> None:
        """Handle the call's events until it has ended, then give back all that it held."""
        async with self._exit_stack:  # whatever happens, the slot ends with the call
            await self._run_events()

    async def _run_events(self) -> None:
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._start_task(self._set_up())
                while self.state is not CallState.ENDED:
                    await self._handle(await self._queue.get())
                for task in self._background_tasks:
                    task.cancel()
        except* Exception:  # a defect of ours must not leave the caller in silence, nor the record open
            self._log.exception("call failed")
            self._teardown = Teardown(
                DisconnectionReason.ERROR_RETELL, continues_in_dialplan=True, why="a defect of ari-agent; see its log"
            )
            self.state = CallState.ENDED
        await self._tear_down()

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task beside the event loop of the call; it is cancelled when the call ends."""
        task = self._tasks.create_task(work)
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)

    def _post_later(self, delay_ms: float, event: SessionEvent) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay_ms / 1000, self.post, event))

    def _command(self, command: Command) -> None:
        """Pass a command on to the media half of the call, if there is one."""
        note(self._log.public, command)
        if self.media:
            self.media.command(command)

    def _advance(self, event: CallEvent) -> None:
        before, self.state = self.state, advance(self.state, event)
        self._log.info("call %s", self.state.value, extra={"from_state": before.value})
        self._log.public.add("state", state=self.state.value, before=before.value)

    # Set-up: from the first ring to the answer.

    async def _set_up(self) -> None:
        """Run `_connect`, and end the call if that fails."""
        try:
            await self._connect()
        except ChannelGone:
            self.post(CallerGone())
        except (AgentError, AgentNotUsable) as error:
            self.post(AgentFailed(error.disconnection_reason, str(error)))
        except AriAgentError as error:
            self._log.error("call not set up: %s", error)
            self.post(Teardown(DisconnectionReason.ERROR_RETELL, continues_in_dialplan=True, why=str(error)))

    @abstractmethod
    async def _connect(self) -> None:
        """Do what leads from the first ring to the answer: here one direction of calls differs from another."""

    async def _media_spec(self, agent: Agent, call: Call) -> MediaSpec:
        """Return what the media half must know of this call, for this agent. See new_media_spec and with_recording."""
        variables, log = self._variables(), self._log.public
        spec = new_media_spec(self._services, agent, call, direction=self.direction, variables=variables, log=log)
        spec = await self._services.with_speaking_model(spec)
        if agent.ambient_sound and self.has_channel:
            await asyncio.to_thread(make_ambient_sound, agent)
        plan = recording_of_call(agent, self._number, self._services.recording)
        return await with_recording(spec, agent, plan, self._services.consents, record=self._record, public=log)

    def _variables(self) -> Mapping[str, str]:
        """Return the values of `{{name}}` in this call, as of now."""
        return self._record.variables(self._services.now_ms()) if self._record else {}

    async def _save(self) -> None:
        """Store the record as it is now; the agent, too, is told the call's details of now when it asks for them."""
        if self._record:
            self._command(CallDetails(self._record.call))
            await self._services.records.save(self._record)

    def _new_record(self, call: Call, agent: Agent | None) -> CallRecord:
        services = self._services
        url, prices = services.account_webhook_url, services.prices
        return CallRecord(call, agent=agent, account_webhook_url=url, prices=prices, log=self._log.public)

    def _begin_conversation(self, record: CallRecord, media: MediaHalf, *, max_duration_ms: int) -> None:
        """Let audio flow, as the caller is answered; the record is to be stored afterwards."""
        media.start()
        self._advance(Answered())
        self._post_later(max_duration_ms, MaxDurationReached())
        record.answered(self._services.now_ms())
        self._transcript.soon(record)
        if self._log.public.is_on:
            self._start_task(log_media(self._log.public, media))
        if self._deferred_teardown:
            self._start_task(self._drain(media, self._deferred_teardown))

    # The loop: what each event does.

    async def _handle(self, event: SessionEvent) -> None:
        effect = self.effects.get(type(event))
        if effect is None:
            return  # an event of Asterisk's that changes nothing here
        if isinstance(event, AnsweredRequest):
            self._pending_answers.add(event)
        try:
            await effect(self, event)
        except IllegalTransition as error:
            self._log.warning("event refused: %s", error)

    async def _end(self, teardown: Teardown) -> None:
        self._teardown = teardown
        self._advance(Ended(teardown.reason))

    async def _ended_outright(self, event: SessionEvent) -> None:
        await self._end(OUTRIGHT_ENDS[type(event)](event))

    async def _agent_is_ready(self, _: AgentReady) -> None:
        self._agent_ready.set()

    async def _agent_back(self, event: AgentBack) -> None:
        if self._record:
            self._record.fault(f"The agent was lost, and there again after {event.away_ms / 1000:.1f} s: {event.why}")

    async def _agent_failed(self, event: AgentFailed) -> None:
        self._log.warning("agent failed: %s", event.message)
        await self._agent_gone(Teardown(event.reason, continues_in_dialplan=True, why=event.message))

    async def _agent_hung_up(self, event: AgentHungUp) -> None:
        """Play the agent's last words out first; meanwhile the caller may still hang up.

        An agent that names a cause wants a BYE with it; without one the caller goes on in the dialplan.
        """
        continues_in_dialplan = event.q850_cause == NORMAL_CLEARING
        teardown = Teardown(DisconnectionReason.AGENT_HANGUP, event.q850_cause, continues_in_dialplan)
        if self._is_being_transferred:
            self._deferred_teardown = teardown  # it may well leave once it has asked for the transfer
        elif self.media and self.state is CallState.TALKING:
            self._start_task(self._drain(self.media, teardown))
        elif self.media and self.state is CallState.CONNECTING and self.media.stats.queued_ms:
            self._deferred_teardown = teardown  # it spoke to a caller who still rings: answered first, to hear it
        else:
            await self._agent_gone(teardown)

    async def _drain(self, media: MediaHalf, teardown: Teardown) -> None:
        await media.close(drain=True)
        self.post(teardown)

    @property
    def _is_being_transferred(self) -> bool:
        return self.state is CallState.TRANSFERRING

    async def _agent_gone(self, teardown: Teardown) -> None:
        if self._is_being_transferred:
            self._deferred_teardown = teardown
        else:
            await self._end(teardown)

    # What the agent and the API ask for.

    async def _agent_sends_dtmf(self, event: DtmfAsked) -> None:
        await attempt(self._send_dtmf(event.request), lambda why: self._command(ControlFailed("dtmf", str(why))))

    async def _api_sends_dtmf(self, event: DtmfRequested) -> None:
        await attempt(self._send_dtmf(event.request), lambda why: answer(event.answer, why))
        answer(event.answer, None)  # unless it has one

    async def _send_dtmf(self, _: DtmfRequest) -> None:
        """Send DTMF digits to the caller. Raises CallError or AsteriskError where that cannot be done."""
        raise NoPhoneLine(self.call_id)

    async def _agent_transfers(self, event: TransferAsked) -> None:
        def tell(outcome: TransferOutcome) -> None:
            self._command(TransferResult(outcome))

        await attempt(self._begin_transfer(event.request, tell), lambda why: tell(failed(str(why))))

    async def _api_transfers(self, event: TransferRequested) -> None:
        beginning = self._begin_transfer(event.request, lambda outcome: answer(event.answer, outcome))
        await attempt(beginning, lambda why: answer(event.answer, why))

    async def _begin_transfer(self, _: TransferRequest, tell: TellOutcome) -> None:
        """Transfer the caller; `tell` gets the outcome once it is known. Raises CallError where it is not allowed."""
        tell(failed(str(NoPhoneLine(self.call_id))))

    # The record.

    async def _api_updates(self, event: UpdateRequested) -> None:
        try:
            self._update(event.update)
        except (CallError, ValueError) as error:
            answer(event.answer, error)
            return
        await self._save()
        answer(event.answer, None)

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
            media.command(ApiControl(control))
            if control.additional_context is not None:
                record.injected(control.additional_context, self._services.now_ms())
                self._schedule_transcript(record)

    @property
    def _is_answered(self) -> bool:
        return self.state in ANSWERED_STATES

    async def _transcript_told(self, event: TranscriptTold) -> None:
        if self._record:
            self._record.said(event.update, event.items)
            self._schedule_transcript(self._record)

    async def _variables_collected(self, event: VariablesCollected) -> None:
        if self._record:
            self._record.collected(event.values)
            self._schedule_transcript(self._record)

    async def _key_forwarded(self, event: KeyForwarded) -> None:
        if self._record:
            self._record.pressed(event.digit)
            self._schedule_transcript(self._record)

    def _schedule_transcript(self, record: CallRecord) -> None:
        if self._is_answered:  # what an agent says to a caller who rings is written once the call is answered
            self._transcript.soon(record)

    async def _transcript_due(self, _: TranscriptDue) -> None:
        if self._record:
            self._transcript.write(self._record)

    # The end.

    async def _tear_down(self) -> None:
        teardown, ended_ms = self._teardown, self._services.now_ms()
        for timer in self._timers:
            timer.cancel()
        parting = asyncio.create_task(self._part(teardown))
        try:
            await asyncio.wait({parting}, timeout=_PARTING_S)
            await self._close_record(teardown, ended_ms)
            self._log.info("call is over", extra={"disconnection_reason": teardown.reason})
            await parting
        finally:
            parting.cancel()

    async def _part(self, teardown: Teardown) -> None:
        """Let go of caller and agent, and give back what the call held."""
        closing = asyncio.create_task(self.media.close()) if self.media else None
        await (self._let_go() if teardown.is_taken_over else self._disconnect_caller(teardown))
        if closing:
            await closing
        if not teardown.is_taken_over:
            await self._release_caller_leg()
        await self._exit_stack.aclose()

    async def _close_record(self, teardown: Teardown, ended_ms: int) -> None:
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if isinstance(event, AnsweredRequest):
                self._pending_answers.add(event)
            elif isinstance(event, TranscriptTold | VariablesCollected | KeyForwarded):
                await self._handle(event)  # the last words
        self._pending_answers.fail_all(CallNotOngoing(self.call_id, "ended"))
        await self._transcript.close()
        if (record := self._record) and not teardown.is_taken_over:
            records = self._services.records
            record.left_behind(links := await self._files.finish(record.call, self._services.now_ms()))
            if teardown.reason:
                if self.media:
                    record.measured(self.media.latency, self.media.usage)
                await records.end(record, teardown.reason, ended_ms, why=teardown.why, who=teardown.who)
            elif links and record.call.data_storage_setting in {None, "everything"}:
                await records.save_for_certain(record)
        awaits = self._record is not None and self._record.will_tell(WebhookEventName.CALL_ANALYZED)
        self._services.public_logs.call_ended(self.call_id, awaits_analysis=awaits and teardown.reason is not None)

    async def _let_go(self) -> None:
        """Close what only this controller holds of a caller whom another leads: nothing of one who is in Asterisk."""
        self._log.warning("call let go of: another controller leads it")

    @abstractmethod
    async def _disconnect_caller(self, teardown: Teardown) -> None:
        """Hang the caller up, or send them on in the dialplan."""

    @abstractmethod
    async def _release_caller_leg(self) -> None:
        """Give back what the caller's side holds: the media half does not use it any more."""

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **dict.fromkeys(OUTRIGHT_ENDS, _ended_outright),
        Teardown: _end,
        AgentReady: _agent_is_ready,
        AgentBack: _agent_back,
        AgentFailed: _agent_failed,
        AgentHungUp: _agent_hung_up,
        TransferAsked: _agent_transfers,
        DtmfAsked: _agent_sends_dtmf,
        TranscriptTold: _transcript_told,
        VariablesCollected: _variables_collected,
        KeyForwarded: _key_forwarded,
        TranscriptDue: _transcript_due,
        TransferRequested: _api_transfers,
        DtmfRequested: _api_sends_dtmf,
        UpdateRequested: _api_updates,
    }
