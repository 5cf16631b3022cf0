"""All live calls: hands each event to its call, passes on what the API asks for, and keeps Asterisk and us in step.

Events that happened while we were not connected to Asterisk are lost, and so may be the answer to any one request. So
after every (re)connection, and now and then, the calls are compared with Asterisk's channels: a call whose channel is
gone ends, and channels and bridges that belong to no call are swept (orphan_sweep.py). While Asterisk does not answer,
calls whose audio has stopped as well are ended (signs_of_life.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any, Final, TypeVar

from ari_agent.asterisk.events import AriEvent, Channel, ChannelVarset, StasisEnd, StasisStart
from ari_agent.asterisk.fallback import FALLBACK_EXTENSION
from ari_agent.asterisk.names import call_of_detector_channel, call_of_media_channel
from ari_agent.asterisk.refer import REFER_EXTENSION
from ari_agent.calls.call_requests import (
    AnsweredRequest,
    CallerGone,
    DtmfRequested,
    ShuttingDown,
    StopRequested,
    TransferRequested,
    UpdateRequested,
)
from ari_agent.calls.inbound_call import InboundCall
from ari_agent.calls.inbound_router import InboundRouter
from ari_agent.calls.media.call_media import MediaStats
from ari_agent.calls.orphan_sweep import ANNOUNCED_WITHIN_S, Orphan, OrphanSweep, call_of_dialled_channel
from ari_agent.calls.outbound_call import OutboundCall, OutboundOrder
from ari_agent.calls.registrar import TakenCall, is_call_id
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.signs_of_life import SignOfLife, SignsOfLife
from ari_agent.calls.state import CallState
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.calls.web.front_end import FrontEnd
from ari_agent.calls.web.web_call import WebCall
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AsteriskError, AsteriskRefused, CallNotJoined, CallNotOngoing, UnknownCall
from ari_agent.routing.dialled_number import dialled_user

log = logging.getLogger(__name__)

SHUTDOWN_S: Final = 8.0
"""How many seconds calls may take to end when the controller stops."""

RECONCILE_S: Final = 10.0
"""How often the calls are compared with Asterisk's channels."""
_LOOK_S: Final = 0.5
"""How often signs of life are looked for."""
_LOST: Final = Teardown(DisconnectionReason.ERROR_RETELL)
"""How a call ends whose Asterisk has gone: there is no channel to be let go."""
_DETOURS: Final = ((REFER_EXTENSION,), (FALLBACK_EXTENSION,))
"""The first argument of Stasis() where a caller comes back from a detour through the dialplan."""
_STASIS_FAILED: Final = ("ARI_AGENT_STASIS", "FAILED")
"""What the dialplan sets where Stasis() has failed. We hear it only if the controller was there nevertheless."""
_NO_UTF_8: Final = (
    "Asterisk could not hand over a caller: Stasis() failed although the controller is connected. A value of its "
    "arguments or of the channel is probably no UTF-8 (Latin-1?), of which Asterisk makes no event"
)

_UNANNOUNCED: Final = (
    "a caller is in our application, and no event has told of them: it got lost, or holds a value that is no UTF-8 "
    "(Latin-1?); taken over"
)

_Answer = TypeVar("_Answer")


class Switchboard:
    """The owner of all calls of this process.

    new_call_id: makes `call_...` ids. announced_within_s: see OrphanSweep. ended_calls: how many calls have ended.
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
        self._announced: set[str] = set()
        self._orphans = OrphanSweep(
            services.ari, self, take_over=self._take_over, announced_within_s=announced_within_s
        )
        self._announced_within_s = announced_within_s
        self._reconciling = asyncio.Lock()
        self._asterisk_started_at: str | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._ended_media_totals: Counter[str] = Counter()
        self.ended_calls = 0

    def media_totals(self) -> Mapping[str, int]:
        """Return the sum of each counter of MediaStats over every call of this process, live or ended."""
        totals = Counter(self._ended_media_totals)
        for session in self._by_call.values():
            if session.media:
                totals.update(_counters(session.media.stats))
        return totals

    def live(self) -> Sequence[CallSession]:
        """Return the calls that have not ended, in the order of their arrival."""
        return tuple(self._by_call.values())

    def has_call(self, call_id: str) -> bool:
        """Whether a live call has this id. See LiveCalls."""
        return call_id in self._by_call

    def has_channel(self, channel_id: str) -> bool:
        """Whether a live call has this channel as its caller's. See LiveCalls."""
        return channel_id in self._by_channel

    def was_announced(self, channel_id: str) -> bool:
        """Whether an event has told that this channel entered the application. See LiveCalls."""
        return channel_id in self._announced

    def record(self, call_id: str) -> Call | None:
        """Return the call object of a live call as of now, stored or not; None where no live call has this id."""
        session = self._by_call.get(call_id)
        return session.record if session else None

    # Events.

    def on_event(self, event: AriEvent) -> None:
        """Hand an event to its call; called in the order of arrival, never waits."""
        channel_id = event.channel_id
        if isinstance(event, StasisStart):
            self._announced.add(event.channel.id)
        elif isinstance(event, StasisEnd):
            self._announced.discard(event.channel.id)
        session = self._session_of(channel_id) if channel_id else None
        if session:
            session.post(event)
        elif isinstance(event, StasisStart):
            self._arrived(event)
        elif isinstance(event, ChannelVarset) and (event.variable, event.value) == _STASIS_FAILED:
            log.warning(_NO_UTF_8, extra={"channel_id": channel_id})

    def _session_of(self, channel_id: str) -> CallSession | None:
        if session := self._by_channel.get(channel_id):
            return session
        detecting = call_of_detector_channel(self._services.app, channel_id)
        return self._by_call.get(detecting) if detecting else None

    def _arrived(self, event: StasisStart) -> None:
        app, channel_id = self._services.app, event.channel.id
        if call_of_media_channel(app, channel_id):
            return
        if call_of_dialled_channel(app, channel_id):
            # Its call ended while Asterisk was still making the channel.
            self._start_task(self._orphans.remove([Orphan("dialled", channel_id)]))
            return
        is_text = event.channel.name.startswith("Message/")  # from a PBX without `message_context`
        if event.args[:1] in _DETOURS or self._stopping or is_text:
            # Back from a detour of an earlier run, or too late: the dialplan behind Stasis() knows what to do.
            self._start_task(self._orphans.remove([Orphan("caller", channel_id)]))
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

    def _take_over(self, channel: Channel) -> None:
        """Begin the call of a channel that has entered the application without a word."""
        log.warning(_UNANNOUNCED, extra={"channel_id": channel.id})
        self.on_event(self._start_of(channel))

    def _start_of(self, channel: Channel) -> StasisStart:
        """Return the event that should have told of this channel."""
        arguments = tuple(channel.dialplan.app_data.split(",")[1:])
        return StasisStart(application=self._services.app, channel=channel, args=arguments)

    def _begin(self, session: CallSession) -> None:
        self._by_channel[session.channel_id] = self._by_call[session.call_id] = session
        self._start_task(self._run_session(session))

    async def _run_session(self, session: CallSession) -> None:
        try:
            await session.run()
        finally:
            if session.media:
                self._ended_media_totals.update(_counters(session.media.stats))
            self.ended_calls += 1
            for known, key in ((self._by_channel, session.channel_id), (self._by_call, session.call_id)):
                if known.get(key) is session:
                    del known[key]

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
        self._session(call_id).post(StopRequested(request))

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

    async def _ask(self, call_id: str, request: Callable[[asyncio.Future[_Answer]], AnsweredRequest]) -> _Answer:
        """Post a request to a call and wait for its answer. request: made with the future that gets the answer."""
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._session(call_id).post(request(answer))
        return await answer

    def _session(self, call_id: str) -> CallSession:
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
        await self._compare(self._services.ari.entered_before)

    async def watch(self, *, every_s: float = RECONCILE_S) -> None:
        """Look after the calls until cancelled: for signs of life, and every_s seconds for what belongs to nobody."""
        signs, loop = SignsOfLife(), asyncio.get_running_loop()
        due_s = loop.time() + every_s
        while True:
            await asyncio.sleep(_LOOK_S)
            self._end_lost_calls(signs, loop.time())
            if loop.time() < due_s or not self._services.ari.connected:
                continue
            try:
                await self._compare()
            except AsteriskError as error:
                log.warning("cannot look at Asterisk's calls now", extra={"why": str(error)})
                if isinstance(error, AsteriskRefused):
                    await self._services.ari.reconnect()  # what cannot be listed cannot be answered either
            except Exception:  # a fault in there must not end every call
                log.exception("looking at Asterisk's calls failed")
            due_s = loop.time() + every_s

    def _end_lost_calls(self, signs: SignsOfLife, now_s: float) -> None:
        answers = self._services.ari.unreachable_since_s is None
        shown = {} if answers else {call.call_id: _sign_of_life(call) for call in self.live() if call.has_channel}
        for call_id in signs.lost(now_s, shown, ari_answers=answers):
            if self._by_call[call_id].state is not CallState.ENDED:
                log.error("call lost: Asterisk does not answer and sends no audio", extra={"call_id": call_id})
                self._by_call[call_id].post(_LOST)

    async def _compare(self, entered_before: frozenset[str] = frozenset()) -> None:
        """Compare calls and channels, one comparison at a time. See OrphanSweep.run."""
        ari = self._services.ari
        async with self._reconciling:
            # Chosen before Asterisk is asked: a channel that is made meanwhile is not in its list.
            expected = {id_: session for id_, session in self._by_channel.items() if session.has_channel}
            announced = set(self._announced)
            channels = await ari.channels()
            there = {channel.id for channel in channels}
            self._announced -= announced - there
            gone = [session for id_, session in expected.items() if id_ not in there]
            known = self._asterisk_started_at, ari.started_at
            has_restarted = None not in known and len(set(known)) == 2
            if gone and not has_restarted:
                await ari.catch_up()  # what they end with may be told by an event that is on its way
            self._asterisk_started_at = ari.started_at
            for session in gone:
                if session.state is not CallState.ENDED:
                    log.warning("call ended unnoticed", extra={"call_id": session.call_id, "restart": has_restarted})
                    session.post(_LOST if has_restarted else CallerGone())
            await self._orphans.run(channels, entered_before=entered_before)
            await self._return_callers(channels)

    async def _return_callers(self, channels: Sequence[Channel]) -> None:
        """Tell calls that wait for their caller's return from a detour of those who are back without an event."""
        if not (back := self._back(channels)):
            return
        await asyncio.sleep(self._announced_within_s)
        back &= self._back(channels := await self._services.ari.channels())
        for channel in channels:
            if (channel.id, channel.dialplan.app_data) in back:
                log.warning("caller is back from a detour, and no event told of it", extra={"channel_id": channel.id})
                self.on_event(self._start_of(channel))

    def _back(self, channels: Sequence[Channel]) -> set[tuple[str, str]]:
        """Return who is back from a detour and not with their call: channel and where it entered the application."""
        return {
            (channel.id, channel.dialplan.app_data)
            for channel in channels
            if channel.is_in(self._services.app)
            and (session := self._by_channel.get(channel.id))
            and session.state in (CallState.TRANSFERRING, CallState.DIVERTED)
            and self._start_of(channel).args[:1] in _DETOURS
        }

    async def drain(self, timeout_s: float) -> None:
        """Take no new calls from now on, and wait until those in progress have ended, up to timeout_s seconds."""
        self._stopping = True
        if self._running and timeout_s:
            log.info("waiting for calls to end", extra={"calls": len(self._by_call), "drain_s": timeout_s})
            await asyncio.wait(self._running, timeout=timeout_s)

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


def _sign_of_life(session: CallSession) -> SignOfLife:
    media = session.media
    if media is None:
        return SignOfLife(packets=0, expects_audio=False)
    expects_audio = session.state is CallState.TALKING and not media.is_away
    return SignOfLife(media.stats.packets_received, expects_audio)


def _counters(stats: MediaStats) -> dict[str, int]:
    """Return the counters without the levels, which mean nothing when added up."""
    return {name: value for name, value in asdict(stats).items() if isinstance(value, int)}
