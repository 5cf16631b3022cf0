"""All live calls: hands each event to its call, passes on what the API asks for, and keeps Asterisk and us in step.

After every (re)connection the channels and bridges that Asterisk has are compared with the calls we have. Events that
happened while we were away are lost, so a call whose channel is gone ends now; what carries our name and belongs to no
call, or entered our application and is unknown, is an orphan of an earlier run: callers are sent on into the dialplan,
everything else is hung up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from ari_agent.asterisk.events import AriEvent, Channel, StasisStart
from ari_agent.asterisk.names import (
    call_of_bridge,
    call_of_detector_channel,
    call_of_media_channel,
    call_of_outbound_channel,
)
from ari_agent.calls.call_requests import (
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
from ari_agent.calls.outbound_call import OutboundCall, OutboundOrder
from ari_agent.calls.registrar import TakenCall, is_call_id
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.state import CallState
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.calls.web.front_end import FrontEnd
from ari_agent.calls.web.web_call import WebCall
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AsteriskError, CallNotJoined, CallNotOngoing, UnknownCall

log = logging.getLogger(__name__)

SETTLE_S: Final = 2.0
"""How long Asterisk may take from showing a channel in our application to sending the event that announces it."""
FAREWELL_S: Final = 8.0
"""How long calls may take to end when the controller stops."""


@dataclass(frozen=True, slots=True)
class _Orphan:
    """Something in Asterisk that belongs to no call of ours."""

    kind: Literal["caller", "media", "dialled", "bridge"]
    id: str


class Switchboard:
    """Owner of all calls of this process. new_call_id: makes `call_...` ids."""

    def __init__(self, services: SessionDependencies, router: InboundRouter, *, new_call_id: Callable[[], str]) -> None:
        self._services = services
        self._router = router
        self._new_call_id = new_call_id
        self._by_channel: dict[str, CallSession] = {}
        self._by_call: dict[str, CallSession] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._media_of_the_past: Counter[str] = Counter()
        self.ended_calls = 0

    def media_totals(self) -> Mapping[str, int]:
        """The sums of all counters of MediaStats, over every call of this process."""
        totals = Counter(self._media_of_the_past)
        for session in self._by_call.values():
            if session.media:
                totals.update(_counters(session.media.stats))
        return totals

    def live(self) -> Sequence[CallSession]:
        """The calls that have not ended, in the order of their arrival."""
        return tuple(self._by_call.values())

    def record(self, call_id: str) -> Call | None:
        """The call object of a live call, which may not be stored yet: its agent is dialled meanwhile."""
        session = self._by_call.get(call_id)
        return session.record if session else None

    # Events.

    def on_event(self, event: AriEvent) -> None:
        """Hand an event to its call; called in the order of arrival, never waits."""
        channel_id = event.channel_id
        session = self._session_of(channel_id) if channel_id else None
        if session:
            session.post(event)
        elif isinstance(event, StasisStart):
            self._arrived(event)

    def _session_of(self, channel_id: str) -> CallSession | None:
        if session := self._by_channel.get(channel_id):
            return session
        detecting = call_of_detector_channel(self._services.app, channel_id)
        return self._by_call.get(detecting) if detecting else None

    def _arrived(self, event: StasisStart) -> None:
        app, channel_id = self._services.app, event.channel.id
        if call_of_media_channel(app, channel_id):
            return
        if _is_dialled(app, channel_id):
            # Its call ended while Asterisk was still making the channel.
            self._start_task(self._sweep({_Orphan("dialled", channel_id)}))
            return
        is_text = event.channel.name.startswith("Message/")  # from a PBX without `message_context`
        if event.args[:1] in (("refer",), ("fallback",)) or self._stopping or is_text:
            # Back from a detour of an earlier run, or too late: the dialplan behind Stasis() knows what to do.
            self._start_task(self._sweep({_Orphan("caller", event.channel.id)}))
            return
        dialled = event.channel.dialplan.exten
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
        self._start_task(self._live_through(session))

    async def _live_through(self, session: CallSession) -> None:
        try:
            await session.run()
        finally:
            if session.media:
                self._media_of_the_past.update(_counters(session.media.stats))
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
    def can_dial(self) -> bool:
        """Asterisk hears us, and we are not about to stop."""
        return self._services.ari.connected and not self._stopping

    def place_call(
        self,
        order: OutboundOrder,
        *,
        slot: AsyncExitStack,
        trunks: TrunkSync,
    ) -> None:
        """Dial a call whose record is stored. slot: closed with the call."""
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

    # What the API asks for.

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        """End a call; returns once it is asked for.

        Raises:
            UnknownCall: no live call has this id.
        """
        self._session(call_id).post(StopRequested(request))

    async def transfer_call(self, call_id: str, request: TransferRequest) -> TransferOutcome:
        """Transfer a call and wait for the outcome.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it ended before the outcome was known.
        """
        answer: asyncio.Future[TransferOutcome] = asyncio.get_running_loop().create_future()
        self._session(call_id).post(TransferRequested(request, answer))
        return await answer

    async def send_dtmf(self, call_id: str, request: DtmfRequest) -> None:
        """Play digits to the caller.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it is not answered yet, away in a transfer, or over.
            AsteriskError: Asterisk did not take the digits.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session(call_id).post(DtmfRequested(request, answer))
        await answer

    async def update_call(self, call_id: str, update: LiveCallUpdate) -> None:
        """Change the record of a call, and what its webhooks tell from now on, and tell its agent.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it has no record yet, no agent to be told, or is over.
            ValueError: what cannot be, by the name of its field; nothing is changed then.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session(call_id).post(UpdateRequested(update, answer))
        await answer

    def _session(self, call_id: str) -> CallSession:
        session = self._by_call.get(call_id)
        if session is None:
            raise UnknownCall(call_id)
        if session.state is CallState.ENDED:
            raise CallNotOngoing(call_id, "ended")
        return session

    # Reconciliation.

    async def reconcile(self) -> None:
        """Bring calls and Asterisk in step; run after every (re)connection.

        Raises:
            AsteriskError: Asterisk did not answer; to be tried again.
        """
        # Chosen before Asterisk is asked: a channel that is made meanwhile is not in its list.
        expected = {id_: session for id_, session in self._by_channel.items() if session.has_channel}
        channels = {channel.id for channel in await self._services.ari.channels()}
        for channel_id, session in expected.items():
            if channel_id not in channels:
                log.warning("call ended while Asterisk was out of reach", extra={"call_id": session.call_id})
                session.post(CallerGone())
        suspects = await self._orphans()
        if suspects:
            # A caller who arrives this very moment may be in Asterisk's list and not yet in ours; however far events
            # are behind, whoever is in both lists has been announced by then.
            await asyncio.sleep(SETTLE_S)
            suspects &= await self._orphans()
            await self._services.ari.catch_up()
            await self._sweep({orphan for orphan in suspects if orphan.id not in self._by_channel})

    async def _orphans(self) -> set[_Orphan]:
        ari, app = self._services.ari, self._services.app
        channels, bridges = await asyncio.gather(ari.channels(), ari.bridges())
        found = set()
        for channel in channels:
            call_id = call_of_media_channel(app, channel.id)
            dialled = call_of_outbound_channel(app, channel.id) or call_of_detector_channel(app, channel.id)
            if call_id is not None and call_id not in self._by_call:
                found.add(_Orphan("media", channel.id))
            elif dialled is not None and dialled not in self._by_call:
                found.add(_Orphan("dialled", channel.id))
            elif not (call_id or dialled or channel.id in self._by_channel) and _is_in(channel, app):
                found.add(_Orphan("caller", channel.id))
        for bridge in bridges:
            call_id = call_of_bridge(app, bridge.id)
            if call_id is not None and call_id not in self._by_call:
                found.add(_Orphan("bridge", bridge.id))
        return found

    async def _sweep(self, orphans: set[_Orphan]) -> None:
        ari = self._services.ari
        for orphan in sorted(orphans, key=lambda orphan: orphan.id):
            log.warning("orphan %s swept", orphan.kind, extra={"channel_id": orphan.id})
            try:
                if orphan.kind == "bridge":
                    await ari.destroy_bridge(orphan.id)
                elif orphan.kind in ("media", "dialled"):
                    await ari.hang_up(orphan.id)
                else:
                    await ari.set_variables(
                        orphan.id, {"ARI_AGENT_DISCONNECTION_REASON": DisconnectionReason.ERROR_RETELL.value}
                    )
                    await ari.continue_in_dialplan(orphan.id)
            except AsteriskError as error:
                log.warning("orphan not swept: %s", error)

    async def close(self) -> None:
        """End every call: callers go on in the dialplan, records are closed. Takes no new ones."""
        self._stopping = True
        for session in self.live():
            session.post(ShuttingDown())
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=FAREWELL_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _counters(stats: MediaStats) -> dict[str, int]:
    """Without the levels, which say nothing when added up."""
    return {name: value for name, value in asdict(stats).items() if isinstance(value, int)}


def _is_dialled(app: str, channel_id: str) -> bool:
    """Made by us, towards somebody: never a caller."""
    return bool(call_of_outbound_channel(app, channel_id) or call_of_detector_channel(app, channel_id))


def _is_in(channel: Channel, app: str) -> bool:
    return channel.dialplan.app_name == "Stasis" and channel.dialplan.app_data.split(",")[0] == app
