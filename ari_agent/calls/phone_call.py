"""A call with a phone line: its caller is a channel in Asterisk, can be put on hold, sent digits and transferred."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

from ari_agent.asterisk.causes import reason_for_hangup
from ari_agent.asterisk.events import (
    AriEvent,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelHold,
    ChannelUnhold,
    ChannelVarset,
    StasisEnd,
    StasisStart,
)
from ari_agent.asterisk.header_reader import SipHeaders
from ari_agent.calls.call_requests import CallerGone
from ari_agent.calls.caller_leg import CallerLeg
from ari_agent.calls.digits import Digits
from ari_agent.calls.hold import Hold, HoldReason
from ari_agent.calls.media.call_media import MediaSpec
from ari_agent.calls.media.commands import ControlFailed, KeyPressed
from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.session_events import LastWordsHeard
from ari_agent.calls.state import CallState, TransferBegun, TransferFailed
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transfers import TellOutcome, Transfers
from ari_agent.contract.call_control import DtmfRequest, TransferRequest
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.errors import AsteriskError, CallNotOngoing
from ari_agent.routing.variables import render


class PhoneCall(CallSession):
    """One call whose caller is a channel in Asterisk; each direction has a class of its own."""

    def __init__(
        self, services: SessionDependencies, *, call_id: str, channel_id: str, sip_call_id: str | None = None
    ) -> None:
        super().__init__(services, call_id=call_id, channel_id=channel_id, sip_call_id=sip_call_id)
        self._leg = CallerLeg(services.ari, app=services.app, call_id=call_id, channel_id=channel_id)
        self._sip = SipHeaders()
        self._number: PhoneNumber | None = None
        self._digits = Digits(self._leg.send_dtmf)
        self._hold = Hold()
        self._transfers = Transfers(self, self._log)

    def _new_media(self, spec: MediaSpec) -> MediaSession:
        """Make the media half of the call, with the caller's audio over RTP."""
        media = MediaSession(
            spec,
            rtp=self._services.rtp,
            wheel=self._services.wheel,
            on_event=self.post,
            new_agent=self._services.new_agent_leg,
        )
        self.media = media
        return media

    # What Asterisk tells.

    async def _caller_gone(self, event: AriEvent | CallerGone) -> None:
        if await self._transfers.caller_was_taken():
            return
        if isinstance(event, ChannelHangupRequest | ChannelDestroyed):
            soft = isinstance(event, ChannelHangupRequest) and event.soft
            await self._end(Teardown(reason_for_hangup(event.cause, event.tech_cause, soft=soft)))
        else:
            await self._end(Teardown(DisconnectionReason.USER_HANGUP))

    async def _left_stasis(self, event: StasisEnd) -> None:
        if self.state is not CallState.TRANSFERRING:  # there it is our own doing
            await self._caller_gone(event)

    async def _transfer_event(self, event: StasisStart | ChannelVarset) -> None:
        await self._transfers.observe(event)

    async def _digit_pressed(self, event: ChannelDtmfReceived) -> None:
        self._command(KeyPressed(event.digit, event.duration_ms))

    async def _held(self, _: ChannelHold) -> None:
        self._caller_leaves(HoldReason.PHONE)

    async def _unheld(self, _: ChannelUnhold) -> None:
        self._caller_returns(HoldReason.PHONE)

    def _caller_leaves(self, reason: HoldReason) -> None:
        if command := self._hold.begin(reason):
            self._command(command)

    def _caller_returns(self, reason: HoldReason) -> None:
        if command := self._hold.end(reason):
            self._command(command)

    # What the agent and the API ask for.

    async def _send_dtmf(self, request: DtmfRequest) -> None:
        if self.state is not CallState.TALKING:
            raise CallNotOngoing(self.call_id, self.state.value)
        if await self._digits.begin(request.digits):
            self._start_task(self._play_digits())

    async def _play_digits(self) -> None:
        try:
            await self._digits.play()
        except AsteriskError as error:
            self._log.warning("digits not sent: %s", error)
            self._command(ControlFailed("dtmf", str(error)))

    async def _begin_transfer(self, request: TransferRequest, tell: TellOutcome) -> None:
        await self._transfers.begin(request, tell)

    # What a transfer does: see TransferringCall.

    @property
    def sip(self) -> SipHeaders:
        """The caller's SIP headers. See TransferringCall."""
        return self._sip

    @property
    def number(self) -> PhoneNumber | None:
        """Our number in the call. See TransferringCall."""
        return self._number

    def fill(self, template: str) -> str:
        """Replace every known `{{name}}` in a text. See TransferringCall."""
        return render(template, self._variables())

    def hear_out(self) -> bool:
        """Post LastWordsHeard once the caller has heard the agent; False where all is heard. See TransferringCall."""
        media = self.media
        if media is None or not media.stats.queued_ms:
            return False
        self._start_task(self._hear_out(media))
        return True

    async def _hear_out(self, media: MediaHalf) -> None:
        await media.hear_out()
        self.post(LastWordsHeard())

    async def _last_words_heard(self, _: LastWordsHeard) -> None:
        await self._transfers.leave()

    @property
    def _is_being_transferred(self) -> bool:
        return super()._is_being_transferred or self._transfers.waits

    async def leave_for_refer(self, request: TransferRequest, variables: Mapping[str, str]) -> None:
        """Send the caller to the dialplan's REFER detour, and record that a transfer began. See TransferringCall."""
        self._digits.clear()
        await self._leg.leave_for_refer(variables)
        self._advance(TransferBegun())
        self._caller_leaves(HoldReason.TRANSFER)
        if self._record:
            self._record.transfer_started(request)
            await self._save()

    async def transfer_not_begun(self) -> None:
        """End the call if its agent has left since it asked for the transfer. See TransferringCall."""
        if self._deferred_teardown:
            await self._end(self._deferred_teardown)

    async def caller_returned(self) -> None:
        """Join the caller with the agent again, or end the call if there is no agent any more. See TransferringCall."""
        self._advance(TransferFailed())
        if self._deferred_teardown:
            await self._end(self._deferred_teardown)
            return
        try:
            await self._leg.rejoin_bridge()
        except AsteriskError as error:
            self._log.error("caller is back but not joined to the agent: %s", error)
            await self._end(Teardown(DisconnectionReason.ERROR_RETELL, continues_in_dialplan=True))
        self._caller_returns(HoldReason.TRANSFER)

    async def transfer_failed(self) -> None:
        """Write into the record that the transfer failed. See TransferringCall."""
        if self._record:
            self._record.transfer_cancelled()
            await self._save()

    async def transfer_succeeded(self, destination: str) -> None:
        """Record the transfer and end the call, because the far end has taken the caller over. See TransferringCall."""
        if self._record:
            self._record.transferred(destination, self._services.now_ms())
            await self._save()  # should we die before the call's end is stored, no transfer is told to be cancelled
        # The far end may leave the BYE to us (RFC 5589 section 6.1); where it has sent its own, ours is not needed.
        await self._end(Teardown(DisconnectionReason.CALL_TRANSFER, NORMAL_CLEARING))

    # The end.

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        if teardown.q850_cause is None and not teardown.continues_in_dialplan:  # gone already
            return
        variables = {
            "ARI_AGENT_CALL_ID": self.call_id,
            "ARI_AGENT_DISCONNECTION_REASON": teardown.reason.value if teardown.reason else "",
        }
        await self._leg.end(variables, q850_cause=None if teardown.continues_in_dialplan else teardown.q850_cause)

    async def _release_caller_leg(self) -> None:
        await self._leg.release()

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **CallSession.effects,
        CallerGone: _caller_gone,
        ChannelHangupRequest: _caller_gone,
        ChannelDestroyed: _caller_gone,
        StasisEnd: _left_stasis,
        LastWordsHeard: _last_words_heard,
        StasisStart: _transfer_event,
        ChannelVarset: _transfer_event,
        ChannelDtmfReceived: _digit_pressed,
        ChannelHold: _held,
        ChannelUnhold: _unheld,
    }
