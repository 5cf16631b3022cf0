"""All live calls: hands each event to its call, passes on what the API asks for, and keeps Asterisk and us in step.

Events may be lost, and answers to requests: reconciliation.py compares the calls with Asterisk now and then.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from typing import Any, Final, TypeVar

from ari_agent.asterisk.events import AriEvent, BridgeAttendedTransfer, ChannelVarset, StasisStart
from ari_agent.asterisk.names import call_of_media_channel, call_of_snoop, call_of_target_channel
from ari_agent.calls.adopted_call import AdoptedCall
from ari_agent.calls.call_files import CallNotRecorded
from ari_agent.calls.call_monitoring import CallMonitoring
from ari_agent.calls.call_requests import (
    AnsweredRequest,
    DtmfRequested,
    ShuttingDown,
    StopRequested,
    TransferRequested,
    UpdateRequested,
)
from ari_agent.calls.channel_end import decline
from ari_agent.calls.inbound_call import InboundCall
from ari_agent.calls.inbound_router import InboundRouter
from ari_agent.calls.latency_histograms import LatencyHistograms
from ari_agent.calls.left_calls import LeftCalls
from ari_agent.calls.media.call_media import MediaStats
from ari_agent.calls.orphan_sweep import ANNOUNCED_WITHIN_S, Orphan, call_of_dialled_channel
from ari_agent.calls.outbound_call import OutboundCall, OutboundOrder
from ari_agent.calls.quality_histograms import QualityHistograms
from ari_agent.calls.reconciliation import DETOURS, Reconciliation
from ari_agent.calls.referable_call import ReferableCall
from ari_agent.calls.registrar import TakenCall, is_call_id
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.session_events import CallTakenOver
from ari_agent.calls.state import CallState
from ari_agent.calls.trace_steps import steps_of
from ari_agent.calls.transfer.agentic_transfer import CallsBeside
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.calls.two_leg_call import TwoLegCall
from ari_agent.calls.web.front_end import FrontEnd
from ari_agent.calls.web.web_call import WebCall
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.errors import CallNotJoined, CallNotOngoing, UnknownCall
from ari_agent.routing.dialled_number import dialled_user

log = logging.getLogger(__name__)

SHUTDOWN_S: Final = 8.0
"""How many seconds calls may take to end when the controller stops."""

_DRAIN_LOOK_S: Final = 0.2
"""How often it is looked whether calls need us yet, although none has ended: some may have been left to two people."""

_STASIS_FAILED: Final = ("ARI_AGENT_STASIS", "FAILED")
"""What the dialplan sets where Stasis() has failed. We hear it only if the controller was there nevertheless."""
_NO_UTF_8: Final = (
    "Asterisk could not hand over a caller: Stasis() failed although the controller is connected. A value of its "
    "arguments or of the channel is probably no UTF-8 (Latin-1?), of which Asterisk makes no event"
)

_Answer = TypeVar("_Answer")


class Switchboard:
    """The owner of all calls of this process.

    new_call_id: makes `call_...` ids. announced_within_s: see OrphanSweep. ended_calls: how many calls have ended.
    quality: of their audio. monitoring: lets people listen in on them. left_calls: goes on with those of a dead
    controller.
    """

    def __init__(
        self,
        services: SessionDependencies,
        router: InboundRouter,
        *,
        new_call_id: Callable[[], str],
        announced_within_s: float = ANNOUNCED_WITHIN_S,
    ) -> None:
        self._services = services
        self._router = router
        self._new_call_id = new_call_id
        self._by_channel: dict[str, CallSession] = {}
        self._by_call: dict[str, CallSession] = {}
        self.announced: set[str] = set()
        self._reconciliation = Reconciliation(services.ari, self, announced_within_s=announced_within_s)
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._ended_media_totals = Counter(_counters(MediaStats()))
        self.ended_calls = 0
        self.quality = QualityHistograms()
        self.monitoring = CallMonitoring(self.session)
        services.records.on_taken_over = self.let_go
        self.left_calls = LeftCalls(services, begin=self._begin, end=self._start_task)

    def media_totals(self) -> Mapping[str, int]:
        """Return the sum of each counter of MediaStats over every call of this process, live or ended."""
        totals = Counter(self._ended_media_totals)
        for session in self._by_call.values():
            if session.media:
                totals.update(_counters(session.media.stats))
        return totals

    @property
    def latencies(self) -> LatencyHistograms:
        """How long the turns of this process's calls took."""
        return self._services.latencies

    def live(self) -> Sequence[CallSession]:
        """Return the calls that have not ended, in the order of their arrival."""
        return tuple(self._by_call.values())

    def has_call(self, call_id: str) -> bool:
        """Whether a live call has this id. See LiveCalls."""
        return call_id in self._by_call

    def has_channel(self, channel_id: str) -> bool:
        """Whether a live call has this channel as its caller's. See LiveCalls."""
        return channel_id in self._by_channel

    def has_target(self, channel_id: str) -> bool:
        """Whether a live call has this channel as the target of its transfer. See LiveCalls."""
        session = self._session_of(channel_id)
        return isinstance(session, TwoLegCall) and session.has_target(channel_id)

    def is_listening(self, call_id: str) -> bool:
        """Whether a live call listens to two people whom it has left alone. See LiveCalls."""
        session = self._by_call.get(call_id)
        return isinstance(session, TwoLegCall) and session.is_listening

    def was_announced(self, channel_id: str) -> bool:
        """Whether an event has told that this channel entered the application. See LiveCalls."""
        return channel_id in self.announced

    def record(self, call_id: str) -> Call | None:
        """Return the call object of a live call as of now, stored or not; None where no live call has this id."""
        session = self._by_call.get(call_id)
        return session.record if session else None

    def let_go(self, call_id: str) -> None:
        """Let go of a call that another controller leads now; nothing of it is touched, stored or told."""
        if session := self._by_call.get(call_id):
            session.post(CallTakenOver())

    # Events.

    def on_event(self, event: AriEvent) -> None:
        """Hand an event to its call; called in the order of arrival, never waits."""
        channel_id = event.channel_id
        if isinstance(event, StasisStart):
            self.announced.add(event.channel.id)
        session = self._session_of(channel_id) if channel_id else None
        if session:
            session.post(event)
        elif isinstance(event, StasisStart):
            self._entered(event)
        elif isinstance(event, BridgeAttendedTransfer):
            self._joined(event)
        elif isinstance(event, ChannelVarset) and (event.variable, event.value) == _STASIS_FAILED:
            log.warning(_NO_UTF_8, extra={"channel_id": channel_id})

    def _session_of(self, channel_id: str) -> CallSession | None:
        if session := self._by_channel.get(channel_id):
            return session
        app = self._services.app
        call_id = call_of_dialled_channel(app, channel_id) or call_of_target_channel(app, channel_id)
        return self._by_call.get(call_id) if call_id else None

    def _entered(self, event: StasisStart) -> None:
        replaced = event.replace_channel
        session = self._by_channel.get(replaced.id) if replaced else None
        if session is None or session.state is CallState.ENDED:
            self._arrived(event)
            return
        self._go_on_with(session, event.channel.id)
        session.post(event)

    def _go_on_with(self, session: CallSession, channel_id: str) -> None:
        """Take another channel for the caller's of a call.

        From here on nothing that happens to the one that leaves, its BYE above all, is this call's any more.
        """
        del self._by_channel[session.channel_id]
        session.channel_id = channel_id
        self._by_channel[channel_id] = session

    def _joined(self, event: BridgeAttendedTransfer) -> None:
        for party in event.parties:
            call_id = call_of_media_channel(self._services.app, party.id)
            if session := self._by_call.get(call_id or ""):
                session.post(event)

    def _arrived(self, event: StasisStart) -> None:
        app, channel_id = self._services.app, event.channel.id
        if call_of_media_channel(app, channel_id) or call_of_snoop(app, channel_id):
            return
        if call_of_dialled_channel(app, channel_id):
            # Its call ended while Asterisk was still making the channel.
            self._start_task(self._reconciliation.orphans.remove([Orphan("dialled", channel_id)]))
            return
        is_text = event.channel.name.startswith("Message/")  # from a PBX without `message_context`
        if event.args[:1] in DETOURS or is_text:
            # Back from a detour of an earlier run: the dialplan behind Stasis() knows what to do.
            self._start_task(self._reconciliation.orphans.remove([Orphan("caller", channel_id)]))
            return
        if self._stopping:
            self._start_task(decline(self._services.ari, channel_id))
            return
        dialled = dialled_user(event.channel.dialplan.exten)
        session = InboundCall(
            self._services,
            self._router,
            # Who dials a registered call is that call; one that lives already is not begun twice.
            call_id=dialled if is_call_id(dialled) and dialled not in self._by_call else self._new_call_id(),
            channel=event.channel,
            arguments=event.args,
        )
        self._begin(session)

    def _begin(self, session: CallSession) -> None:
        self._by_channel[session.channel_id] = self._by_call[session.call_id] = session
        if isinstance(session, AdoptedCall) and session.target_channel_id:  # it may be named for another application
            self._by_channel[session.target_channel_id] = session
        if isinstance(session, TwoLegCall):
            session.calls_beside = CallsBeside(self._new_call_id, self._begin)
        if isinstance(session, ReferableCall):
            session.on_new_caller = partial(self._go_on_with, session)
        self._start_task(self._run_session(session))

    async def _run_session(self, session: CallSession) -> None:
        self._services.ari.bind()
        first_channel_id, began_ms = session.channel_id, self._services.now_ms()
        first_target_id = (session.target_channel_id if isinstance(session, AdoptedCall) else None) or ""
        try:
            await session.run()
        finally:
            if session.media:
                self._ended_media_totals.update(_counters(session.media.stats))
            self.ended_calls += 1
            if session.record and session.record.media_quality:
                self.quality.observe(session.record.media_quality)
            for channel_id in {first_channel_id, session.channel_id, first_target_id}:
                if self._by_channel.get(channel_id) is session:
                    del self._by_channel[channel_id]
            if self._by_call.get(session.call_id) is session:
                del self._by_call[session.call_id]
            self._trace(session.record, began_ms)

    def _trace(self, call: Call | None, began_ms: int) -> None:
        """Trace a call that has ended, if there are traces."""
        services = self._services
        if call and services.trace:
            ended_ms = services.now_ms()
            for step in steps_of(call, began_ms=began_ms, ended_ms=ended_ms, numbers=services.trace_numbers):
                services.trace(step)

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # Outbound calls.

    @property
    def stopping(self) -> bool:
        """Whether new calls are refused, because the controller is about to stop."""
        return self._stopping

    @property
    def can_dial(self) -> bool:
        """Whether calls can be placed: the controller is connected to Asterisk, and not about to stop."""
        return self._services.ari.connected and not self._stopping

    def place_call(
        self,
        order: OutboundOrder,
        *,
        slot: AsyncExitStack,
        trunks: TrunkSync,
    ) -> None:
        """Dial a call whose record is stored. slot: is closed when the call ends."""
        self._begin(OutboundCall(self._services, order, slot=slot, trunks=trunks))

    # Web calls.

    def begin_web_call(self, taken: TakenCall, front: FrontEnd) -> None:
        """Begin a registered call whose audio websocket is open.

        Raises:
            CallNotJoined: we are about to stop.
        """
        if self._stopping:
            raise CallNotJoined("the server is about to stop")
        self._begin(WebCall(self._services, taken, front))

    # Requests of the API: each is posted to its call, which answers.

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        """End a call; returns once that is posted, before the call has ended.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it has ended.
        """
        self.session(call_id).post(StopRequested(request))

    async def transfer_call(self, call_id: str, request: TransferRequest) -> TransferOutcome:
        """Transfer a call and wait for the outcome.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it ended before the outcome was known.
        """
        return await self._ask(call_id, lambda answer: TransferRequested(request, answer))

    async def send_dtmf(self, call_id: str, request: DtmfRequest) -> None:
        """Play digits to the caller; returns before they are played.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it is not answered yet, away in a transfer, or over.
            AsteriskError: Asterisk did not take the digits.
        """
        await self._ask(call_id, lambda answer: DtmfRequested(request, answer))

    async def update_call(self, call_id: str, update: LiveCallUpdate) -> None:
        """Change the record of a call, and what its webhooks tell from now on, and tell its agent.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it has no record yet, no agent to be told, or is over.
            ValueError: a field cannot be changed so; the message begins with its name, and nothing is changed.
        """
        await self._ask(call_id, lambda answer: UpdateRequested(update, answer))

    def pause_recording(self, call_id: str, paused: bool) -> None:
        """Record silence of a call from now on, or end that.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it has ended.
            CallNotRecorded: nothing of it is recorded, or not yet.
        """
        media = self.session(call_id).media
        if media is None or not media.pause_recording(paused, asked_by="api"):
            raise CallNotRecorded(call_id)

    async def _ask(self, call_id: str, request: Callable[[asyncio.Future[_Answer]], AnsweredRequest]) -> _Answer:
        """Post a request to a call and wait for its answer. request: made with the future that gets the answer."""
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self.session(call_id).post(request(answer))
        return await answer

    def session(self, call_id: str) -> CallSession:
        """Return a live call.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it has ended.
        """
        session = self._by_call.get(call_id)
        if session is None:
            raise UnknownCall(call_id)
        if session.state is CallState.ENDED:
            raise CallNotOngoing(call_id, "ended")
        return session

    # Reconciliation.

    async def reconcile(self) -> None:
        """Bring calls and Asterisk in step after a (re)connection.

        Raises:
            AsteriskError: Asterisk did not answer; to be tried again.
        """
        await self.left_calls.go_on()
        await self._reconciliation.after_connection()

    async def sweep(self, app: str) -> None:
        """End what another application has left in Asterisk, whose controller is dead. See Reconciliation.sweep."""
        await self._reconciliation.sweep(app)

    async def watch(self) -> None:
        """Look after the calls until cancelled. See Reconciliation.watch."""
        await self._reconciliation.watch()

    async def drain(self, timeout_s: float = math.inf) -> None:
        """Take no new calls from now on, and wait until those in progress have ended, up to timeout_s seconds.

        Those that have been left to their two people go on without us, and are not waited for.
        """
        self._stopping = True
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + timeout_s
        if timeout_s and self._needing_us():
            limit_s = None if math.isinf(timeout_s) else timeout_s
            log.info("waiting for calls to end", extra={"calls": self._needing_us(), "drain_s": limit_s})
        while self._needing_us() and loop.time() < give_up_s:
            pause_s = min(_DRAIN_LOOK_S, give_up_s - loop.time())
            await asyncio.wait(self._running, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)

    def _needing_us(self) -> int:
        return sum(call.state is not CallState.BRIDGED for call in self.live())

    async def close(self) -> None:
        """End every call: callers go on in the dialplan, records are closed. Takes no new ones."""
        self._stopping = True
        for session in self.live():
            session.post(ShuttingDown())
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=SHUTDOWN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _counters(stats: MediaStats) -> dict[str, int]:
    """Return the counters without the levels, which mean nothing when added up."""
    return {name: value for name, value in asdict(stats).items() if isinstance(value, int)}
