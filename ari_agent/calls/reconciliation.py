"""Keeps calls and Asterisk in step, although events may be lost, and the answer to any one request.

| what is found                                                      | what becomes of it                            |
|--------------------------------------------------------------------|-----------------------------------------------|
| a call whose channel is not there                                  | ends                                          |
| a transfer whose target has answered, or is not there              | is told                                       |
| any other call, after a (re)connection                             | asks for what it missed                       |
| a channel or bridge of ours that belongs to no call                | is swept, or becomes a call (orphan_sweep.py) |
| a caller who is back from a detour through the dialplan            | goes on with their call                       |
| a call without audio, while Asterisk does not answer               | ends (asterisk_loss.py)                       |

Looked for after every (re)connection, because nobody keeps the events of the time before, and every ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import AriEvent, Channel, StasisStart
from ari_agent.asterisk.fallback import FALLBACK_EXTENSION
from ari_agent.asterisk.refer import REFER_EXTENSION
from ari_agent.calls.asterisk_loss import AsteriskLoss, CallAudio
from ari_agent.calls.call_requests import CallerGone, EventsMissed
from ari_agent.calls.orphan_sweep import LiveCalls, OrphanSweep
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_events import TargetNews, TargetTold
from ari_agent.calls.state import CallState
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.two_leg_call import TwoLegCall
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AsteriskError, AsteriskRefused

log = logging.getLogger(__name__)

RECONCILE_S: Final = 10.0
"""How often the calls are compared with Asterisk's channels."""
DETOURS: Final = ((REFER_EXTENSION,), (FALLBACK_EXTENSION,))
"""The first argument of Stasis() where a caller comes back from a detour through the dialplan."""
_LOOK_S: Final = 0.5
"""How often it is asked whether Asterisk is there."""
_LOST: Final = Teardown(DisconnectionReason.ERROR_RETELL)
"""How a call ends whose Asterisk has gone: there is no channel to be let go."""
_UNANNOUNCED: Final = (
    "a caller is in our application, and no event has told of them: it got lost, or holds a value that is no UTF-8 "
    "(Latin-1?); taken over"
)


class ReconciledCalls(LiveCalls, Protocol):
    """The calls that are kept in step. announced: ids of channels of which an event told that they entered."""

    announced: set[str]

    def live(self) -> Sequence[CallSession]:
        """Return the calls that have not ended."""

    def on_event(self, event: AriEvent) -> None:
        """Hand an event to its call, or begin the call of it."""


class Reconciliation:
    """Compares calls and Asterisk, one comparison at a time. announced_within_s: see OrphanSweep."""

    def __init__(self, ari: Ari, calls: ReconciledCalls, *, announced_within_s: float) -> None:
        self._ari, self._calls, self._announced_within_s = ari, calls, announced_within_s
        self._comparing = asyncio.Lock()
        self._asterisk_started_at: str | None = None
        self.orphans = OrphanSweep(ari, calls, take_over=self._take_over, announced_within_s=announced_within_s)

    async def after_connection(self) -> None:
        """Bring calls and Asterisk in step after a (re)connection.

        Raises:
            AsteriskError: Asterisk did not answer; to be tried again.
        """
        async with self._comparing:
            await self._compare(entered_before=self._ari.entered_before, events_missed=True)

    async def sweep(self, app: str) -> None:
        """End what another application has left, whose controller is dead. Raises nothing: what fails is logged."""
        orphans = OrphanSweep(self._ari, self._calls, take_over=self._take_over, app=app)
        try:
            channels = await self._ari.channels()
            await orphans.run(channels, entered_before=frozenset(channel.id for channel in channels))
        except AsteriskError as error:
            log.warning("what a dead controller has left is not swept: %s", error, extra={"app": app})

    async def watch(self, *, every_s: float = RECONCILE_S) -> None:
        """Compare every_s seconds, and end the calls of an Asterisk that is gone, until cancelled."""
        loss, loop = AsteriskLoss(), asyncio.get_running_loop()
        due_s = loop.time() + every_s
        while True:
            await asyncio.sleep(_LOOK_S)
            self._end_lost_calls(loss, loop.time())
            if loop.time() < due_s or not self._ari.connected:
                continue
            try:
                async with self._comparing:
                    await self._compare()
            except AsteriskError as error:
                log.warning("cannot look at Asterisk's calls now", extra={"why": str(error)})
                if isinstance(error, AsteriskRefused):
                    await self._ari.reconnect()  # what cannot be listed cannot be answered either
            except Exception:  # a fault in there must not end every call
                log.exception("looking at Asterisk's calls failed")
            due_s = loop.time() + every_s

    def _end_lost_calls(self, loss: AsteriskLoss, now_s: float) -> None:
        answers = self._ari.unreachable_since_s is None
        live = {} if answers else {call.call_id: call for call in self._calls.live() if _needs_us(call)}
        shown = {call_id: _audio(call) for call_id, call in live.items()}
        for call_id in loss.lost(now_s, shown, ari_answers=answers):
            if live[call_id].state is not CallState.ENDED:
                log.error("call lost: Asterisk does not answer and sends no audio", extra={"call_id": call_id})
                live[call_id].post(_LOST)

    async def _compare(self, *, entered_before: frozenset[str] = frozenset(), events_missed: bool = False) -> None:
        # Chosen before Asterisk is asked: a channel that is made meanwhile is not in its list.
        expected = {call.channel_id: call for call in self._calls.live() if call.has_channel}
        targets = {call.target_channel_id: call for call in self._calls.live() if isinstance(call, TwoLegCall)}
        announced = set(self._calls.announced)
        channels = await self._ari.channels()
        there = {channel.id: channel for channel in channels}
        self._calls.announced -= announced - there.keys()
        await self._end_calls({channel_id: call for channel_id, call in expected.items() if channel_id not in there})
        await self._look_at_targets(targets, there)
        if events_missed:
            for channel_id in expected.keys() & there.keys():
                expected[channel_id].post(EventsMissed(there[channel_id]))
        await self.orphans.run(channels, entered_before=entered_before)
        await self._return_callers(channels)

    async def _look_at_targets(self, targets: Mapping[str | None, TwoLegCall], there: Mapping[str, Channel]) -> None:
        """Tell calls what became of the targets of their transfers. targets: by channel id, None for calls without."""
        found = {channel_id: call for channel_id, call in targets.items() if channel_id is not None}
        if found.keys() - there.keys():
            await self._ari.catch_up()  # why it is gone may be told by an event that is on its way
        for channel_id, call in found.items():
            if channel_id not in there:
                call.post(TargetTold(channel_id, TargetNews.GONE))
            elif there[channel_id].state == "Up":
                call.post(TargetTold(channel_id, TargetNews.ANSWERED))

    async def _end_calls(self, gone: Mapping[str, CallSession]) -> None:
        """End the calls whose channel is gone. gone: by that channel's id."""
        known = self._asterisk_started_at, self._ari.started_at
        has_restarted = None not in known and len(set(known)) == 2
        if gone and not has_restarted:
            await self._ari.catch_up()  # what they end with may be told by an event that is on its way
        self._asterisk_started_at = self._ari.started_at
        for channel_id, call in gone.items():
            # Another channel may have taken the caller's place meanwhile: an attended transfer.
            if call.state is not CallState.ENDED and call.channel_id == channel_id:
                log.warning("call ended unnoticed", extra={"call_id": call.call_id, "restart": has_restarted})
                call.post(_LOST if has_restarted else CallerGone())

    def _take_over(self, channel: Channel) -> None:
        """Begin the call of a channel that has entered the application without a word."""
        log.warning(_UNANNOUNCED, extra={"channel_id": channel.id})
        self._calls.on_event(self._start_of(channel))

    async def _return_callers(self, channels: Sequence[Channel]) -> None:
        """Tell calls that wait for their caller's return from a detour of those who are back without an event."""
        if not (back := self._back(channels)):
            return
        await asyncio.sleep(self._announced_within_s)
        again = self._back(await self._ari.channels())
        await self._ari.catch_up()
        for channel_id, start in again.items():
            if (before := back.get(channel_id)) and before.channel.dialplan == start.channel.dialplan:
                log.warning("caller is back from a detour, and no event told of it", extra={"channel_id": channel_id})
                self._calls.on_event(start)

    def _back(self, channels: Sequence[Channel]) -> Mapping[str, StasisStart]:
        """Return who is back from a detour and not with their call, by channel, and the event that should have told."""
        away = {
            call.channel_id for call in self._calls.live() if call.state in (CallState.TRANSFERRING, CallState.DIVERTED)
        }
        starts = {channel.id: self._start_of(channel) for channel in channels if channel.id in away}
        return {
            channel_id: start
            for channel_id, start in starts.items()
            if start.channel.is_in(self._ari.app) and start.args[:1] in DETOURS
        }

    def _start_of(self, channel: Channel) -> StasisStart:
        """Return the event that should have told of this channel."""
        arguments = tuple(channel.dialplan.app_data.split(",")[1:])
        return StasisStart(application=self._ari.app, channel=channel, args=arguments)


def _needs_us(call: CallSession) -> bool:
    """Whether a call is nothing without us; of two people who talk with each other we know only what Asterisk tells."""
    return call.has_channel and call.state is not CallState.BRIDGED


def _audio(call: CallSession) -> CallAudio:
    media = call.media
    if media is None:
        return CallAudio(packets=0, expects_audio=False)
    expects_audio = call.state is CallState.TALKING and not media.is_away
    return CallAudio(media.stats.packets_received, expects_audio)
