"""A call with a phone line: its caller is a channel in Asterisk, can be put on hold, sent digits and transferred."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from ari_agent.asterisk.causes import q850_cause
from ari_agent.asterisk.codecs import is_wideband
from ari_agent.asterisk.events import (
    AriEvent,
    BridgeAttendedTransfer,
    Channel,
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
from ari_agent.asterisk.names import media_channel_id
from ari_agent.calls.call_requests import CallerGone, EventsMissed
from ari_agent.calls.caller_gone import said_bye, teardown_of
from ari_agent.calls.caller_hold import CallerHold
from ari_agent.calls.caller_identity import CallerIdentity, identify_caller
from ari_agent.calls.caller_leg import CallerLeg
from ari_agent.calls.digits import Digits
from ari_agent.calls.hold import HoldReason
from ari_agent.calls.key_presses import KeyPresses
from ari_agent.calls.media.call_media import AudioAgain, AudioFromElsewhere, AudioStopped, MediaSpec, NoAudioReceived
from ari_agent.calls.media.commands import ControlFailed, KeyPressed
from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.public_log.log_lines import note
from ari_agent.calls.quality_watch import QualityWatch
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.session_events import LastWordsHeard, MediaMeasured, OutcomeOverdue, SessionEvent
from ari_agent.calls.signs_of_life import SignsOfLife
from ari_agent.calls.sip_timeline import SipTimeline
from ari_agent.calls.state import Answered, CallEvent, CallState, TransferBegun, TransferFailed
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transfer.asked_transfer import TellOutcome
from ari_agent.calls.transfer.invite_transfer import InviteTransfer
from ari_agent.calls.transfer.transfers import NO_EXTENSIONS, Transfers
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import CallDirection
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.contract.resume_plan import ResumePlan
from ari_agent.contract.sip_timeline import SipLeg
from ari_agent.errors import AsteriskError, CallNotOngoing, ChannelGone, InvalidTransferTarget
from ari_agent.routing.dial_policy import Dial
from ari_agent.routing.variables import render


class PhoneCall(CallSession):
    """One call whose caller is a channel in Asterisk; each direction has a class of its own."""

    def __init__(
        self, services: SessionDependencies, *, call_id: str, channel_id: str, sip_call_id: str | None = None
    ) -> None:
        super().__init__(services, call_id=call_id, channel_id=channel_id, sip_call_id=sip_call_id)
        self._leg = CallerLeg(services.ari, app=services.app, call_id=call_id, channel_id=channel_id)
        self._sip = SipHeaders()
        self._agent_of_call: Agent | None = None
        self._transferee: CallerIdentity | None = None
        self._digits = Digits(self._leg.send_dtmf)
        self._hold = CallerHold(self._leg, self._command, self._log)
        self._keys = KeyPresses()
        self._signs_of_life = SignsOfLife()
        self._transfers = Transfers(self, self._log)
        placed = self.direction is CallDirection.OUTBOUND
        self._timeline = SipTimeline(placed=placed, tell=partial(note, self._log.public))
        self._quality = QualityWatch(self._leg, lambda quality: self.post(MediaMeasured(quality)))

    def post(self, event: SessionEvent) -> None:
        """Append an event to the call's queue; its timeline takes what concerns its legs as it comes."""
        if isinstance(event, AriEvent) and (leg := self._leg_of(event.channel_id or "")):
            self._note_signalling(event, leg)
        super().post(event)

    def _leg_of(self, channel_id: str) -> SipLeg | None:
        """Return which SIP dialogue of this call a channel is; None for what is none."""
        return "caller" if channel_id == self.channel_id else None

    def _note_signalling(self, event: AriEvent, leg: SipLeg) -> None:
        if self._timeline.feed(event, self._services.now_ms(), leg=leg) and self._record:
            self._record.signalled(self._timeline.events)
        self._quality.note(event)

    def _advance(self, event: CallEvent) -> None:
        super()._advance(event)
        if isinstance(event, Answered):
            self._start_task(self._quality.run())
            self._keep_resume_plan()

    def _keep_resume_plan(self) -> None:
        if self._record and self._agent_of_call:
            wide, app = self._caller_is_wideband, self._services.app
            plan = ResumePlan(agent=self._agent_of_call, channel_id=self.channel_id, app=app, is_wideband=wide)
            self._record.resumes_by(plan)

    async def _media_measured(self, event: MediaMeasured) -> None:
        if self._record:
            self._record.measured_audio(event.quality)

    def _new_media(self, spec: MediaSpec) -> MediaSession:
        """Make the media half of the call, with the caller's audio over RTP."""
        self._agent_of_call = spec.agent
        media = MediaSession(
            replace(spec, caller_is_wideband=self._caller_is_wideband),
            rtp=self._services.rtp,
            wheel=self._services.wheel,
            on_event=self.post,
            new_agent=self._services.new_agent_leg,
            record_to=self._files.open_recording,
        )
        self.media = self._quality.media = media
        return media

    @property
    def _caller_is_wideband(self) -> bool:
        return is_wideband(self._sip.codec)

    # What Asterisk tells.

    async def _caller_gone(self, event: AriEvent | CallerGone) -> None:
        if await self._transfers.caller_left(said_bye=said_bye(event)):
            return
        await self._end(teardown_of(event))

    async def _left_stasis(self, event: StasisEnd) -> None:
        if self.state is not CallState.TRANSFERRING:  # there it is our own doing
            await self._caller_gone(event)

    async def _transfer_event(self, event: StasisStart | ChannelVarset) -> None:
        if isinstance(event, StasisStart) and event.replace_channel:
            await self._caller_replaced(event.channel, event.replace_channel)
        else:
            await self._transfers.observe(event)

    async def _caller_replaced(self, channel: Channel, replaced: Channel) -> None:
        """Go on with the channel that has taken the caller's place in our bridge: an attended transfer."""
        self._go_on_with(channel.id, replaced_channel_id=replaced.id)
        self._start_task(self._leg.let_go(replaced.id))
        self._start_task(self._handle_refers())
        if channel.name.startswith("Local/"):  # a link to another bridge: BridgeAttendedTransfer says who is there
            return
        if caller := await self._learn_transferee(channel):
            self._sip = caller.sip

    def _go_on_with(self, channel_id: str, *, replaced_channel_id: str) -> None:
        self._log.info("caller replaced", extra={"replaced_channel_id": replaced_channel_id})
        self._log.public.add("caller_replaced")
        self._log.learn(channel_id=channel_id)
        self._leg.replace_channel(channel_id)
        self._hold.end(HoldReason.PHONE)  # of the phone that has left
        self._sip = SipHeaders()
        self._keep_resume_plan()

    async def _handle_refers(self) -> None:
        """Have Asterisk do as the settings say with REFERs of the caller's phone; trunks of ours take none anyway."""
        await self._leg.handle_refers(self._services.caller_transfers)

    async def _bridges_joined(self, event: BridgeAttendedTransfer) -> None:
        for party in event.parties:
            if party.id not in (media_channel_id(self._services.app, self.call_id), self.channel_id):
                self._leg.linked_id = party.id
                await self._learn_transferee(party)

    async def _learn_transferee(self, channel: Channel) -> CallerIdentity | None:
        services = self._services
        try:
            caller = await identify_caller(services.ari, channel, show_withheld=services.show_withheld_numbers)
        except AsteriskError as error:
            self._log.warning("not known who has taken the caller's place: %s", error)
            return None
        self._log.learn(sip_call_id=channel.sip_call_id)
        self._log.info("caller transferred in", extra={"from_number": caller.number})
        self._transferee = caller
        if self._record:
            self._record.transferee(number=caller.number, name=caller.name)
            await self._save()
        return caller

    async def _digit_pressed(self, event: ChannelDtmfReceived) -> None:
        self._signs_of_life.caller_acted()
        ended_ms = event.ended_ms or self._services.now_ms()
        if self._keys.counts(event.digit, duration_ms=event.duration_ms, ended_ms=ended_ms):
            self._command(KeyPressed(event.digit, event.duration_ms))
        else:
            self._log.debug("a key that Asterisk reported again is ignored", extra={"reported_at": event.timestamp})

    async def _held(self, _: ChannelHold) -> None:
        self._signs_of_life.caller_acted()
        self._hold.begin(HoldReason.PHONE)

    async def _unheld(self, _: ChannelUnhold) -> None:
        self._signs_of_life.caller_acted()
        self._hold.end(HoldReason.PHONE)

    async def _events_missed(self, _: EventsMissed) -> None:
        await self._hold.events_missed()

    async def _audio_again(self, _: AudioAgain) -> None:
        await self._hold.audio_again()

    async def _audio_from_elsewhere(self, event: AudioFromElsewhere) -> None:
        self._log.warning(
            "the caller's audio is dropped: it comes from another address than Asterisk announced; "
            "see docs/troubleshooting.md",
            extra={"announced": event.announced, "actual": event.actual},
        )

    async def _no_audio_received(self, _: NoAudioReceived) -> None:
        fault = self._signs_of_life.fault(await self._leg.rtp_statistics())
        if fault is None:
            self._log.info("no audio from the caller, but other signs of life")
            return
        self._log.warning("no audio received: %s", fault)
        await self._end(Teardown(DisconnectionReason.ERROR_NO_AUDIO_RECEIVED, continues_in_dialplan=True, why=fault))

    async def _audio_stopped(self, event: AudioStopped) -> None:
        fault = self._signs_of_life.fault_since(await self._leg.rtp_statistics(), is_first=event.is_first)
        if fault is not None and self.state is CallState.TALKING:
            self._log.warning("audio has stopped: %s", fault)
            reason = DisconnectionReason.ERROR_NO_AUDIO_RECEIVED
            await self._end(Teardown(reason, q850_cause(reason), why=fault))

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
        def tell_and_log(outcome: TransferOutcome) -> None:
            facts = outcome.model_dump(mode="json", exclude_none=True)
            self._log.public.add("transfer_outcome", outcome.message, **facts)
            tell(outcome)

        await self._transfers.begin(request, tell_and_log)

    # What a transfer does: see TransferringCall.

    @property
    def sip(self) -> SipHeaders:
        """The caller's SIP headers. See TransferringCall."""
        return self._sip

    async def check_dial(self, request: TransferRequest, *, transfers: int) -> None:
        """Return if the dial policy lets the call be transferred so. See TransferringCall."""
        call = self._record.call if self._record else None
        ours = (call.from_number if call.direction is CallDirection.OUTBOUND else call.to_number) if call else None
        dial = Dial(request.to, self._number, self._agent_of_call, request.headers, transfers, ours or "")
        await self._services.dial_guard.check(dial)

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

    @abstractmethod
    def new_invite(self, request: TransferRequest, tell: TellOutcome, *, attempt: int) -> InviteTransfer:
        """Make a transfer to a target that we dial. See TransferringCall."""

    async def leave_for_refer(self, request: TransferRequest, variables: Mapping[str, str]) -> None:
        """Send the caller to the dialplan's REFER detour, and record that a transfer began. See TransferringCall."""
        self._digits.clear()
        await self._leg.leave_for_refer(variables)
        self._advance(TransferBegun())
        self._hold.begin(HoldReason.TRANSFER)
        if self._record:
            self._record.transfer_started(request)
            await self._save()

    @property
    def extensions_context(self) -> str | None:
        """The context of the dialplan where the PBX's own extensions are. See TransferringCall."""
        return self._services.extensions_context

    async def leave_for_extension(self, request: TransferRequest) -> None:
        """Send the caller to an extension of the PBX for good, and end the call. See TransferringCall."""
        reason = DisconnectionReason.CALL_TRANSFER
        context = self._services.extensions_context
        if context is None:
            raise InvalidTransferTarget(request.to, NO_EXTENSIONS)
        self._digits.clear()
        await self._leg.leave_for_extension(context, request.to, self._last_variables(reason))
        await self._quality.finish()
        self._timeline.sent_on(self._services.now_ms())
        if self._record:
            self._record.transfer_started(request)
            self._record.transferred(request.to, self._services.now_ms())
            await self._save()
        await self._end(Teardown(reason))

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
        except ChannelGone:  # hung up at once; the event that says so is behind this one in the queue
            await self.caller_hung_up()
            return
        except AsteriskError as error:
            await self._not_joined(error)
            return
        self._hold.end(HoldReason.TRANSFER)

    async def _not_joined(self, error: AsteriskError) -> None:
        """End the call of a caller who is back from a transfer, and cannot be brought together with the agent."""
        self._log.error("caller is back but not joined to the agent: %s", error)
        await self._end(Teardown(DisconnectionReason.ERROR_RETELL, continues_in_dialplan=True, why=str(error)))

    def await_outcome(self, within_ms: float) -> None:
        """Post OutcomeOverdue in so many milliseconds. See TransferringCall."""
        self._post_later(within_ms, OutcomeOverdue())

    async def _outcome_overdue(self, _: OutcomeOverdue) -> None:
        await self._transfers.outcome_overdue()

    async def caller_hung_up(self) -> None:
        """End the call, because the caller hung up. See TransferringCall."""
        await self._end(Teardown(DisconnectionReason.USER_HANGUP))

    async def transfer_failed(self) -> None:
        """Write into the record that the transfer failed. See TransferringCall."""
        if self._record:
            self._record.transfer_cancelled()
            await self._save()

    def note_fault(self, what: str) -> None:
        """Name a fault in the summary of the call. See TransferringCall."""
        if self._record:
            self._record.fault(what)

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
        await self._quality.finish()
        cause = None if teardown.continues_in_dialplan else teardown.q850_cause
        self._timeline.ending()
        if not await self._leg.end(self._last_variables(teardown.reason), q850_cause=cause):
            return
        if cause is None:
            self._timeline.sent_on(self._services.now_ms())
        else:
            self._timeline.hung_up(self._services.now_ms(), q850_cause=cause)

    async def _close_record(self, teardown: Teardown, ended_ms: int) -> None:
        if self._record:
            self._record.signalled(self._timeline.events, self._timeline.hangup(teardown, ended_ms))
            self._record.measured_audio(self._quality.quality)
        await super()._close_record(teardown, ended_ms)

    def _last_variables(self, reason: DisconnectionReason | None) -> Mapping[str, str]:
        """Return the channel variables by which the dialplan learns what the call came to."""
        return {"ARI_AGENT_CALL_ID": self.call_id, "ARI_AGENT_DISCONNECTION_REASON": reason.value if reason else ""}

    async def _release_caller_leg(self) -> None:
        await self._leg.release()

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **CallSession.effects,
        CallerGone: _caller_gone,
        ChannelHangupRequest: _caller_gone,
        ChannelDestroyed: _caller_gone,
        StasisEnd: _left_stasis,
        LastWordsHeard: _last_words_heard,
        OutcomeOverdue: _outcome_overdue,
        StasisStart: _transfer_event,
        ChannelVarset: _transfer_event,
        BridgeAttendedTransfer: _bridges_joined,
        ChannelDtmfReceived: _digit_pressed,
        ChannelHold: _held,
        ChannelUnhold: _unheld,
        EventsMissed: _events_missed,
        AudioAgain: _audio_again,
        AudioFromElsewhere: _audio_from_elsewhere,
        NoAudioReceived: _no_audio_received,
        AudioStopped: _audio_stopped,
        MediaMeasured: _media_measured,
    }
