"""A call that we place: from the INVITE to the answer. What follows is the same for every call.

    placed ─▶ channel made ─▶ joined to the audio ─▶ INVITE ─▶ 180/183 ─▶ 200: talking
                 │  ▲                                   │          │
                 │  └── the trunk's next destination ───┤          │
                 └──────── refused, no trunk ───────────┴──────────┴──▶ ended, not_connected

The agent is dialled while the far end rings, so that it speaks at the answer. Early media (announcements, ringing
tones) is not for the agent: audio begins with the 200. Sources of the reasons: Retell, "Debug outbound calls" (2026-08)
and RFC 3261 section 21; see `asterisk.causes`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal

from ari_agent.asterisk.causes import REQUEST_TIMEOUT, q850_cause, reason_for_dial
from ari_agent.asterisk.codecs import is_wideband
from ari_agent.asterisk.events import (
    AriEvent,
    Channel,
    ChannelDestroyed,
    ChannelHangupRequest,
    ChannelStateChange,
    Dial,
    StasisEnd,
)
from ari_agent.asterisk.header_reader import read_far_end
from ari_agent.asterisk.media_encryption import NOT_ACCEPTABLE, WITHOUT_KEYS, why_refused
from ari_agent.asterisk.names import call_of_outbound_channel, outbound_channel_id
from ari_agent.asterisk.provisional_response import had_provisional_response
from ari_agent.asterisk.trunk_destinations import NO_RESPONSE_MS, destinations, tries_next
from ari_agent.asterisk.trunk_objects import codecs
from ari_agent.calls.call_requests import (
    CallerGone,
    DestinationSilent,
    DialledChannelLost,
    EventsMissed,
    RingingTooLong,
)
from ari_agent.calls.media.call_media import GreetingHeard
from ari_agent.calls.media.commands import CallDetails, Voicemail
from ari_agent.calls.media.greeting_listener import Heard
from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.referable_call import ReferableCall
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.session_events import SessionEvent
from ari_agent.calls.state import CallState, Routed
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.trunk_attempts import TrunkAttempts
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.call_control import VoicemailNotice
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.contract.trunk_settings import MediaEncryption
from ari_agent.errors import AsteriskError, AsteriskRefused, ChannelGone, StoreError
from ari_agent.routing.variables import render

_DIAL_TIMEOUT_MARGIN_S: Final = 5
"""Asterisk gives up so long after we should have: it matters only if we died meanwhile."""
_BEARER_NOT_AVAILABLE: Final = 58  # Q.850: what SIP calls 488
_HANGUP_EVENT_WAIT_MS: Final = 1_000
"""A channel that is gone without a word: its hang-up event, which says why, may still be on its way."""
_VOICEMAIL_ENDS: Final = frozenset(
    {DisconnectionReason.AGENT_HANGUP, DisconnectionReason.USER_HANGUP, DisconnectionReason.INACTIVITY}
)
"""Whoever ends it, what a call to a machine came to is that: it reached voicemail."""


@dataclass(frozen=True, slots=True)
class OutboundOrder:
    """A call to place. call: the call object as it is stored. agent: as overridden for this call.

    number: that it is placed from. drop_machines: hang up when an answering machine takes the call. encryption: of the
    trunk's audio.
    """

    call: Call
    agent: Agent
    number: PhoneNumber
    drop_machines: bool = False
    encryption: MediaEncryption = "disable"


class OutboundCall(ReferableCall):
    """One call that we place.

    slot: closed with the call. trunks: makes sure that the number's is live, and knows what is wrong with it.
    """

    direction = CallDirection.OUTBOUND

    def __init__(
        self,
        services: SessionDependencies,
        order: OutboundOrder,
        *,
        slot: AsyncExitStack,
        trunks: TrunkSync,
    ) -> None:
        call_id = order.call.call_id
        super().__init__(services, call_id=call_id, channel_id=outbound_channel_id(services.app, call_id))
        self.has_channel = False
        self._exit_stack = slot
        self._agent = order.agent
        self._call = order.call
        self._number = order.number
        self._trunks = trunks
        self._record = self._outbound_record = self._new_record(order.call, order.agent)
        self._drop_machines = order.drop_machines
        self._encryption = order.encryption
        self._in_voicemail = False
        self._answered = asyncio.Event()
        self._rang = False
        self._channel_name = ""
        self._attempts = TrunkAttempts(
            services.ari,
            app=services.app,
            call_id=call_id,
            ways=destinations(services.trunk_name, order.number.phone_number, order.number.sip_outbound_trunk_config),
        )
        self._trunk_fault: str | None = None
        self._has_failed = False

    async def run(self) -> None:
        """Run the call to its end; where nobody could be reached, log afterwards what is wrong with the trunk."""
        await super().run()
        if self._teardown.reason is not DisconnectionReason.TELEPHONY_PROVIDER_UNAVAILABLE or self._rang:
            return
        try:
            diagnosis = await self._trunks.diagnose(self._call.from_number or "")
        except StoreError as error:
            self._log.warning("what is wrong with the trunk was not looked up: %s", error)
            return
        if diagnosis:
            self._log.error("trunk without an answer: %s", diagnosis, extra={"from_number": self._call.from_number})

    # From the INVITE to the answer.

    async def _connect(self) -> None:
        call, agent = self._call, self._agent
        self._log.info("call placed", extra={"to": call.to_number, "agent_id": agent.agent_id})
        self._advance(Routed())
        listens = self._drop_machines or agent.voicemail_option is not None
        media = self._new_media(replace(await self._media_spec(agent, call), listens_to_greeting=listens))
        host, port = await media.open()
        media.dial_agent()
        try:
            await self._make_channel()
        except AsteriskRefused as error:
            self._log.error("no channel to dial on: %s", error)
            self.post(Teardown(DisconnectionReason.DIAL_FAILED, why=self._trunk_fault or str(error)))
            return
        media.accept_from(*await self._leg.join_media(host, port, codec=media.codec))
        await self._dial()
        self._post_later(agent.ring_duration_ms, RingingTooLong())
        await self._answered.wait()
        try:
            # For a REFER: where a bare number is to be understood, and who refers.
            self._sip = await read_far_end(self._services.ari, self.channel_id)
        except AsteriskError as error:
            self._log.warning("a transfer to a bare number will not work: %s", error)

    async def _make_channel(self) -> None:
        """Make the channel of the next attempt. Raises AsteriskRefused if there is no way to any destination."""
        try:
            channel = await self._attempts.make_channel(self._call.to_number or "", self._header_variables())
        except AsteriskRefused as error:
            if error.status != 500 or self._has_failed:
                raise
            # The trunk is not there: another controller imported the number, or Asterisk has just restarted.
            self._trunk_fault = await self._trunks.refresh(self._call.from_number or "")
            self._attempts.restart()
            channel = await self._attempts.make_channel(self._call.to_number or "", self._header_variables())
        self.channel_id = self._leg.channel_id = channel.id
        self.has_channel = True
        self._channel_name = channel.name
        self._log.learn(channel_id=channel.id, sip_call_id=channel.sip_call_id)
        self._outbound_record.dialled(channel.sip_call_id)
        self._command(CallDetails(self._outbound_record.call))

    def _header_variables(self) -> Mapping[str, str]:
        headers = self._call.custom_sip_headers or {}
        return {f"PJSIP_HEADER(add,{name})": value for name, value in headers.items()}

    async def _dial(self) -> None:
        timeout_s = math.ceil(self._agent.ring_duration_ms / 1000) + _DIAL_TIMEOUT_MARGIN_S
        attempt = self._attempts.number
        try:
            await self._services.ari.dial(self.channel_id, timeout_s=timeout_s)
        except ChannelGone:
            if attempt == self._attempts.number:
                raise
        if self._attempts.has_next:
            self._post_later(NO_RESPONSE_MS, DestinationSilent(attempt))

    # The trunk's other destinations.

    async def _destination_silent(self, event: DestinationSilent) -> None:
        if self.state is not CallState.CONNECTING or event.attempt != self._attempts.number or self._rang:
            return
        if not await self._had_provisional_response():
            self._try_next(Teardown(DisconnectionReason.TELEPHONY_PROVIDER_UNAVAILABLE), REQUEST_TIMEOUT)

    def _try_next(self, failed: Teardown, sip_status: int | None) -> None:
        """Dial the trunk's next destination. failed: how the call ends if there is no way to it, nor to those after it.

        From here on, what is heard of the attempt so far is nothing to this call any more.
        """
        gone, self._has_failed = self.channel_id, True
        self._log.warning("a trunk's destination failed: the next is tried", extra={"sip_status": sip_status})
        self._attempts.next()
        self.has_channel = False
        self.channel_id = self._leg.channel_id = self._attempts.channel_id
        self._start_task(self._dial_next(gone, failed))

    async def _dial_next(self, gone: str, failed: Teardown) -> None:
        try:
            await self._services.ari.hang_up(gone)
            await self._make_channel()
            await self._leg.rejoin_bridge()
            await self._dial()
        except AsteriskError as error:
            self._log.error("not dialled again: %s", error)
            self.post(failed)

    @property
    def _caller_is_wideband(self) -> bool:
        """Whether our trunk's first codec is wideband: the far end's is known only once the audio has been set up."""
        trunk = self._number.sip_outbound_trunk_config if self._number else None
        return is_wideband(codecs(trunk.codecs if trunk else None)[0])

    # What comes of it.

    async def _dial_progressed(self, event: Dial) -> None:
        self._rang = self._rang or event.dialstatus in ("RINGING", "PROGRESS")

    async def _events_missed(self, event: EventsMissed) -> None:
        if self.state is CallState.CONNECTING:
            await self._state_changed(event)  # it may have been answered meanwhile
        else:
            await super()._events_missed(event)

    async def _state_changed(self, event: ChannelStateChange | EventsMissed) -> None:
        self._rang = self._rang or event.channel.state == "Ringing"
        if event.channel.state == "Up" and self.state is CallState.CONNECTING and self.media:
            if self._encryption == "require" and await self._leg.is_encrypted() is False:
                await self._not_connected(
                    DisconnectionReason.DIAL_FAILED, WITHOUT_KEYS, q850_cause=_BEARER_NOT_AVAILABLE
                )
                return
            self._far_end_answered(self.media)

    def _far_end_answered(self, media: MediaHalf) -> None:
        self._begin_conversation(self._outbound_record, media, max_duration_ms=self._agent.max_call_duration_ms)
        self._answered.set()
        self._start_task(self._save())

    async def _caller_replaced(self, channel: Channel, replaced: Channel) -> None:
        """Go on with the channel that has taken the far end's place: while ours rang, by picking up the call."""
        await super()._caller_replaced(channel, replaced)
        if channel.state == "Up" and self.state is CallState.CONNECTING and self.media:
            self._far_end_answered(self.media)

    async def _rings_too_long(self, _: RingingTooLong) -> None:
        if self.state is not CallState.CONNECTING:
            return
        provisional = self._rang or await self._had_provisional_response()
        if not self._rang:
            came = "100 Trying, but neither 180 nor 183," if provisional else "no provisional response"
            self._log.warning("%s came from the trunk while it should have rung", came)
        reason = reason_for_dial(None, timed_out=True, provisional=provisional)
        await self._end(Teardown(reason, q850_cause(reason, answered=False)))

    async def _had_provisional_response(self) -> bool:
        try:
            return await had_provisional_response(
                self._services.ari, channel_id=self.channel_id, channel_name=self._channel_name
            )
        except AsteriskError:
            return True  # nobody to ask any more

    async def _far_end_gone(self, event: ChannelHangupRequest | ChannelDestroyed) -> None:
        if self.state is not CallState.CONNECTING:
            await self._caller_gone(event)
            return
        ours = isinstance(event, ChannelHangupRequest) and event.soft  # Asterisk's backstop, or an administrator
        reason = reason_for_dial(event.tech_cause, cause=event.cause, rang=self._rang, timed_out=ours)
        self._log.info("not connected", extra={"sip_status": event.tech_cause, "q850_cause": event.cause})
        if not ours and self._attempts.has_next and tries_next(event.tech_cause, rang=self._rang):
            self._try_next(Teardown(reason), event.tech_cause)
            return
        refused = event.tech_cause in NOT_ACCEPTABLE and not ours
        await self._not_connected(reason, why_refused(self._encryption) if refused else None)

    async def _not_connected(
        self, reason: DisconnectionReason, why: str | None, *, q850_cause: int | None = None
    ) -> None:
        """End the call before it has begun. q850_cause: of our BYE; None where the far end is gone."""
        if why:
            self._log.warning("not connected: %s", why, extra={"from_number": self._call.from_number})
        await self._end(Teardown(reason, q850_cause, why=why))

    async def _channel_gone(self, event: StasisEnd | CallerGone) -> None:
        if self.state is CallState.CONNECTING:
            self._post_later(_HANGUP_EVENT_WAIT_MS, DialledChannelLost(self._attempts.number))
        elif isinstance(event, StasisEnd):
            await self._left_stasis(event)
        else:
            await self._caller_gone(event)

    async def _channel_lost(self, event: DialledChannelLost) -> None:
        if event.attempt == self._attempts.number:
            await self._end(Teardown(DisconnectionReason.DIAL_FAILED))

    async def _handle(self, event: SessionEvent) -> None:
        if not self._is_of_another_attempt(event):
            await super()._handle(event)

    def _is_of_another_attempt(self, event: SessionEvent) -> bool:
        """Tell whether an event is of a channel to a destination of the trunk that has failed."""
        other = event.channel_id if isinstance(event, AriEvent) else None
        return (
            other is not None
            and other != self.channel_id
            and call_of_outbound_channel(self._services.app, other) is not None
        )

    # Answering machines.

    async def _greeting_heard(self, event: GreetingHeard) -> None:
        if self.state is not CallState.TALKING:  # in a transfer, somebody else may be heard
            return
        if event.what is not Heard.GREETING_OVER:
            self._log.info("answered by a %s", event.what.value)
        if event.what is Heard.MACHINE:
            await self._machine_answered()
        elif event.what is Heard.GREETING_OVER and self._in_voicemail:
            self._notify_voicemail("recording")

    async def _machine_answered(self) -> None:
        option = self._agent.voicemail_option
        if self._drop_machines:
            await self._end(Teardown(DisconnectionReason.MACHINE_DETECTED, NORMAL_CLEARING))
        elif option and option.action.type == "hangup":
            await self._end(Teardown(DisconnectionReason.VOICEMAIL_REACHED, NORMAL_CLEARING))
        else:
            self._in_voicemail = True
            self._outbound_record.reached_voicemail()
            self._notify_voicemail("greeting")

    def _notify_voicemail(self, status: Literal["greeting", "recording"]) -> None:
        """Tell the agent that it is to leave a message, and with which text."""
        option = self._agent.voicemail_option
        if option is None or option.action.type == "hangup" or self.media is None:
            return
        text = getattr(option.action, "text", None)
        rendered = None if text is None else render(text, self._variables())
        self._log.info("agent told of voicemail", extra={"voicemail_status": status})
        self._command(Voicemail(VoicemailNotice(status=status, action=option.action.type, text=rendered)))

    async def _end(self, teardown: Teardown) -> None:
        if self._in_voicemail and teardown.reason in _VOICEMAIL_ENDS:
            teardown = replace(teardown, reason=DisconnectionReason.VOICEMAIL_REACHED)
        await super()._end(teardown)

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        """Hang up also where the call would be sent on, because there is no dialplan behind this channel."""
        answered = self._outbound_record.call.start_timestamp is not None
        await super()._disconnect_caller(teardown.without_dialplan(answered=answered))

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **ReferableCall.effects,
        Teardown: _end,
        Dial: _dial_progressed,
        ChannelStateChange: _state_changed,
        EventsMissed: _events_missed,
        RingingTooLong: _rings_too_long,
        DestinationSilent: _destination_silent,
        DialledChannelLost: _channel_lost,
        GreetingHeard: _greeting_heard,
        ChannelHangupRequest: _far_end_gone,
        ChannelDestroyed: _far_end_gone,
        StasisEnd: _channel_gone,
        CallerGone: _channel_gone,
    }
