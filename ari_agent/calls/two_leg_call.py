"""A phone call that can dial the target of a transfer, its second leg, and leave it alone with the caller.

    state        caller                 target                     agent                   who hangs up
    CONSULTING   hears ringing or       dialled, or spoken to      hears silence           caller: target is cancelled
                 music                                                                     target: back to the agent
    BRIDGED      talks to the target    in the caller's bridge     gone, its slot, too     either: so is the other

A call that is BRIDGED is two people in Asterisk. It outlives our process: the next run takes it over (AdoptedCall), and
what concerned the agent (its duration, its silence) does not end it any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from ari_agent.asterisk.events import AriEvent, ChannelDestroyed, ChannelDtmfReceived, ChannelHangupRequest
from ari_agent.asterisk.names import call_of_target_channel, target_detector_channel_id
from ari_agent.asterisk.target import Target, TrunkEndpoint, target
from ari_agent.asterisk.trunk_objects import trunk_encryption, trunks
from ari_agent.calls.call_requests import CallerGone, ShuttingDown, TransferRequested
from ari_agent.calls.caller_leg import CallerLeg
from ari_agent.calls.hold import HoldReason
from ari_agent.calls.media.call_media import (
    AgentFailed,
    AgentHungUp,
    CallerInactive,
    ConsentOver,
    MediaSpec,
    NoAudioReceived,
    TransferDecided,
)
from ari_agent.calls.media.commands import ApiControl, Command, ControlFailed, TransferGoesOn, TransferResult
from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.media.speech_watch import SpeechLimits
from ari_agent.calls.pending_answers import answer
from ari_agent.calls.recording_consent import consent_over
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.session_events import HandoffTold, MaxDurationReached, SessionEvent, TargetTold
from ari_agent.calls.state import Bridged, CallState, TargetDialled, TransferFailed
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transfer.agentic_transfer import AgenticTransfer, CallsBeside, TellDecision
from ari_agent.calls.transfer.asked_transfer import TellOutcome
from ari_agent.calls.transfer.bridged_recording import BridgedRecording
from ari_agent.calls.transfer.consultation import Consultation
from ari_agent.calls.transfer.handoff_speech import synthesized
from ari_agent.calls.transfer.invite_transfer import InviteTransfer
from ari_agent.calls.transfer.machine_detector import MachineDetector
from ari_agent.calls.transfer.target_leg import Signalling, TargetLeg
from ari_agent.calls.transfer.transfer_agent_call import TransferAgentCall
from ari_agent.calls.transfer.transfer_agent_order import order_transfer_agent
from ari_agent.calls.transfer.warm_transfer import HandoffParts, WarmTransfer
from ari_agent.calls.waiting_call import WaitingCall
from ari_agent.contract.call import CallDirection
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.destination import is_extension
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.contract.sip_timeline import SipLeg
from ari_agent.contract.transfer_progress import TransferProgress
from ari_agent.errors import AsteriskError, AsteriskRefused, CallError, CallNotOngoing, InvalidTransferTarget

_NO_SUCH_ENDPOINT: Final = 500
_DEFAULT_RING_MS: Final = 30_000
_OF_THE_AGENT: Final = (
    AgentFailed,
    AgentHungUp,
    CallerInactive,
    NoAudioReceived,
    MaxDurationReached,
    ChannelDtmfReceived,
)
"""What means nothing to a call whose agent has left it to the two."""


class TwoLegCall(WaitingCall):
    """One phone call, with the target of its transfer; see the table above."""

    _ring_duration_ms = _DEFAULT_RING_MS
    _caller_cause: int | None = None

    def __init__(
        self, services: SessionDependencies, *, call_id: str, channel_id: str, sip_call_id: str | None = None
    ) -> None:
        super().__init__(services, call_id=call_id, channel_id=channel_id, sip_call_id=sip_call_id)
        self._voice: MediaSession | None = None
        self._spec: MediaSpec | None = None
        self._bridged_recording: BridgedRecording | None = None
        self.calls_beside: CallsBeside | None = None

    # What happens.

    async def _handle(self, event: SessionEvent) -> None:
        if isinstance(event, TargetTold):
            await self._transfers.observe_target(event.channel_id, event)
        elif isinstance(event, HandoffTold):
            await self._transfers.observe_handoff(event)
        elif isinstance(event, AriEvent) and self._is_about_target(event.channel_id or ""):
            await self._transfers.observe_target(event.channel_id or "", event)
        else:
            await self._handle_callers(event)

    async def _handle_callers(self, event: SessionEvent) -> None:
        if self.state is not CallState.BRIDGED or not isinstance(event, _OF_THE_AGENT):
            await super()._handle(event)

    def _leg_of(self, channel_id: str) -> SipLeg | None:
        leg = super()._leg_of(channel_id)
        return leg or ("target" if call_of_target_channel(self._services.app, channel_id) else None)

    def _is_about_target(self, channel_id: str) -> bool:
        app = self._services.app
        detecting = target_detector_channel_id(app, self.call_id)
        return channel_id == detecting or call_of_target_channel(app, channel_id) is not None

    def _command(self, command: Command) -> None:
        if self.state is not CallState.BRIDGED:
            super()._command(command)

    async def _caller_gone(self, event: AriEvent | CallerGone) -> None:
        if isinstance(event, ChannelHangupRequest | ChannelDestroyed):
            self._caller_cause = event.cause
        await super()._caller_gone(event)

    async def _agent_failed(self, event: AgentFailed) -> None:
        await super()._agent_failed(event)
        await self._transfers.agent_gone()

    async def _agent_hung_up(self, event: AgentHungUp) -> None:
        await super()._agent_hung_up(event)
        await self._transfers.agent_gone()

    async def _agent_decides(self, event: TransferDecided) -> None:
        try:
            await self._transfers.decide(event.decision)
        except CallError as error:
            self._command(ControlFailed("transfer", str(error)))

    async def _api_transfers(self, event: TransferRequested) -> None:
        """Begin a transfer for the API; how a warm one went is told to the agent, too."""
        request = event.request

        def tell(outcome: TransferOutcome) -> None:
            answer(event.answer, outcome)
            if request.mode in ("warm", "agentic_warm") and self.state is CallState.CONSULTING:
                self._tell_agent(request, outcome)

        try:
            await self._begin_transfer(request, tell)
        except (CallError, AsteriskError) as error:
            answer(event.answer, error)

    def _tell_agent(self, request: TransferRequest, outcome: TransferOutcome) -> None:
        if self.agent_is_told:
            self._command(TransferResult(outcome))
        elif outcome.status == "failed":
            why = f"The caller was not transferred to {request.to}: {outcome.message}. The caller is with you again."
            self._command(ApiControl(CallControl(additional_context=why, trigger_response=True)))

    async def _shutting_down(self, event: ShuttingDown) -> None:
        if self.state is CallState.BRIDGED:
            await super()._end(Teardown(None, goes_on_without_us=True))
        else:
            await self._ended_outright(event)

    @property
    def _is_being_transferred(self) -> bool:
        return super()._is_being_transferred or self.state is CallState.CONSULTING

    @property
    def target_channel_id(self) -> str | None:
        """The channel of the target that is dialled or talks; None where there is none."""
        return self._transfers.target_channel_id

    def has_target(self, channel_id: str) -> bool:
        """Whether a channel is that of this call's target, or becomes it."""
        return self._transfers.has_target(channel_id)

    @property
    def is_listening(self) -> bool:
        """Whether caller and target, who were left alone, are heard for the recording."""
        return self._bridged_recording is not None and self._bridged_recording.is_listening

    # What a transfer does: see ConsultingCall.

    def _new_media(self, spec: MediaSpec) -> MediaSession:
        if spec.agent:
            self._ring_duration_ms = spec.agent.ring_duration_ms
        self._voice, self._spec = (voice := super()._new_media(spec)), spec
        return voice

    def _new_target_leg(self, attempt: int) -> TargetLeg:
        services = self._services
        signalling = Signalling(self._timeline, services.now_ms)
        return TargetLeg(services.ari, signalling, app=services.app, call_id=self.call_id, attempt=attempt)

    def new_invite(self, request: TransferRequest, tell: TellOutcome, *, attempt: int) -> InviteTransfer:
        """Make a transfer to a target that we dial. See TransferringCall."""
        services = self._services
        ari, app, call_id = services.ari, services.app, self.call_id
        leg, music = self._new_target_leg(attempt), self._hold_music
        if request.mode == "sip_invite":
            return InviteTransfer(request, tell, call=self, leg=leg, music=music)
        detector = MachineDetector(ari, app=app, call_id=call_id, of_target=True)
        if request.mode == "warm":
            parts = HandoffParts(detector, Consultation(ari, app=app, call_id=call_id), SpeechLimits())
            return WarmTransfer(request, tell, call=self, leg=leg, music=music, parts=parts)
        if self.calls_beside is None:
            raise RuntimeError("a call that no switchboard has begun has no calls beside it")
        second = self.calls_beside.new_call_id()
        consultation = Consultation(ari, app=app, call_id=call_id, agent_call_id=second)
        parts = HandoffParts(detector, consultation, SpeechLimits())
        return AgenticTransfer(request, tell, call=self, leg=leg, music=music, parts=parts, agent_call_id=second)

    @property
    def leg(self) -> CallerLeg:
        """The caller's side in Asterisk. See ConsultingCall."""
        return self._leg

    def target(self, request: TransferRequest) -> Target:
        """Return how the target is dialled. See ConsultingCall."""
        number = self._number
        config = number.sip_outbound_trunk_config if number else None
        own, *_ = (*(trunks(self._services.trunk_name, number.phone_number, config) if number else ()), None)
        return target(
            request,
            call_id=self.call_id,
            phone_number=number.phone_number if number else "",
            own=TrunkEndpoint(own.id, own.endpoint, own.aor["contact"]) if own else None,
            context=self._services.extensions_context or "",
            caller=self._transferee_number,
        )

    @property
    def _transferee_number(self) -> str:
        call = self.record
        number = (call.to_number if self.direction is CallDirection.OUTBOUND else call.from_number) if call else None
        return number or ""

    async def make_target(self, leg: TargetLeg, request: TransferRequest) -> None:
        """Make the target's channel, once more where Asterisk had lost the trunk. See ConsultingCall."""
        target, context = self.target(request), self._services.extensions_context
        if is_extension(request.to) and context:
            await self._leg.check_extension(context, request.to)
        try:
            await leg.create(target)
        except AsteriskRefused as error:
            live = self._services.trunks
            if error.status != _NO_SUCH_ENDPOINT or self._number is None or live is None:
                raise
            if fault := await live.refresh(self._number.phone_number):
                raise InvalidTransferTarget(request.to, fault) from None
            await leg.create(target)

    def requires_encryption(self, request: TransferRequest) -> bool:
        """Whether the target's audio must be encrypted. See ConsultingCall."""
        config = self._number.sip_outbound_trunk_config if self._number else None
        return not is_extension(request.to) and config is not None and trunk_encryption(config) == "require"

    def ring_ms(self, request: TransferRequest) -> int:
        """Return for how long the target may ring. See ConsultingCall."""
        return request.transfer_ring_duration_ms or self._ring_duration_ms

    async def caller_waits(self, request: TransferRequest) -> None:
        """Go to CONSULTING. See ConsultingCall."""
        self._digits.clear()
        self._advance(TargetDialled())
        self._hold.begin(HoldReason.TRANSFER)
        if self._record:
            self._record.transfer_started(request)
            self.run_beside(self._save())

    async def caller_back_from_wait(self) -> None:
        """Go back to TALKING, or end the call. See ConsultingCall."""
        self._advance(TransferFailed())
        if self._deferred_teardown:
            await self._end(self._deferred_teardown)
            return
        try:
            await self._leg.rejoin_agent()
        except AsteriskError as error:
            await self._not_joined(error)
            return
        self._hold.end(HoldReason.TRANSFER)

    async def left_alone(self, destination: str) -> None:
        """Go to BRIDGED. See ConsultingCall."""
        self._advance(Bridged())
        self._go_on_recording()
        if self.media:
            self.run_beside(self._leave(self.media))
        await self._exit_stack.aclose()
        if self._record:
            self._record.bridged(destination)
            await self._save()

    async def _leave(self, media: MediaHalf) -> None:
        """Let the agent go, and the external media channel."""
        await self._quality.finish()  # what Asterisk counts from now on is about the two
        try:
            await self._leg.release_media()
        except AsteriskError as error:
            self._log.warning("external media not released yet: %s", error)
        await media.close()

    def _go_on_recording(self) -> None:
        """Have the two recorded from now on, if the call is, and nobody would have to look for personal data in it."""
        target, voice, record = self.target_channel_id, self._voice, self._record
        if target is None or voice is None or record is None or record.is_scrubbed:
            return
        if lines := voice.record_lines():
            services = self._services
            self._bridged_recording = recording = BridgedRecording(
                services.ari, lines, app=services.app, call_id=self.call_id, log=self._log
            )
            record.is_recorded_alone = True
            self.run_beside(self._record_both(recording, target))

    async def _record_both(self, recording: BridgedRecording, target_channel_id: str) -> None:
        if fault := await recording.begin(self.channel_id, target_channel_id):
            self.note_fault(fault)

    def _go_on_with(self, channel_id: str, *, replaced_channel_id: str) -> None:
        super()._go_on_with(channel_id, replaced_channel_id=replaced_channel_id)
        if self._bridged_recording:
            self.run_beside(self._bridged_recording.follow_caller(channel_id))

    async def target_hung_up(self, q850_cause: int | None) -> None:
        """End the call with the same cause. See ConsultingCall."""
        await self._end(Teardown(DisconnectionReason.CALL_TRANSFER, q850_cause or NORMAL_CLEARING))

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task beside the queue. See ConsultingCall."""
        self._start_task(work)

    def post_later(self, delay_ms: float, event: TargetTold) -> None:
        """Post an event after delay_ms. See ConsultingCall."""
        self._post_later(delay_ms, event)

    # What a warm transfer does: see WarmCall.

    @property
    def voice(self) -> MediaSession | None:
        """The media half of the call. See WarmCall."""
        return self._voice

    @property
    def has_text_to_speech(self) -> bool:
        """Whether text to speech is set up. See WarmCall."""
        return self._services.speech is not None

    @property
    def agent_is_told(self) -> bool:
        """Whether the agent is an audio agent, or a model that speaks itself. See WarmCall."""
        spec = self._spec
        return spec is not None and (isinstance(spec.engine, AudioWebsocketEngine) or spec.realtime is not None)

    async def synthesize(self, text: str) -> bytes | None:
        """Return a message as speech in the agent's voice. See WarmCall."""
        speech, agent, voice = self._services.speech, self._spec.agent if self._spec else None, self._voice
        return await synthesized(speech, agent, text, voice.usage) if speech and agent and voice else None

    def tell_progress(self, progress: TransferProgress) -> None:
        """Tell the agent what the transfer has come to. See WarmCall."""
        self._command(TransferGoesOn(progress))

    def target_speaks(self, speaks: bool) -> None:
        """Write what is said into the transcript as the target's. See WarmCall."""
        if self._record:
            self._record.target_speaks(speaks)

    def post_handoff(self, delay_ms: float, event: HandoffTold) -> None:
        """Post an event after delay_ms. See WarmCall."""
        self._post_later(delay_ms, event)

    # What an agentic warm transfer does: see AgenticCall.

    async def new_transfer_agent(
        self, request: TransferRequest, *, call_id: str, consultation: Consultation, tell: TellDecision
    ) -> TransferAgentCall:
        """Make the call of the second agent. See AgenticCall."""
        original, config = self._record, request.agentic_transfer_config
        if original is None or config is None:
            raise CallNotOngoing(self.call_id, self.state.value)
        ours = original.call.from_number if self.direction is CallDirection.OUTBOUND else original.call.to_number
        order = await order_transfer_agent(
            config.transfer_agent,
            original,
            find_agent=self._services.find_agent,
            slots=self._services.slots,
            call_id=call_id,
            from_number=self._transferee_number if request.show_transferee_as_caller else ours or "",
            to_number=request.to,
        )
        return TransferAgentCall(self._services, order, consultation=consultation, tell=tell)

    def begin_transfer_agent(self, call: TransferAgentCall) -> None:
        """Run the call of the second agent. See AgenticCall."""
        if self.calls_beside:
            self.calls_beside.begin(call)

    # The end.

    async def _end(self, teardown: Teardown) -> None:
        """End the call; one that is BRIDGED ends as a transfer, unless the API stops it."""
        if self.state is CallState.BRIDGED and not teardown.is_taken_over:
            if teardown.reason is not DisconnectionReason.MANUAL_STOPPED:
                teardown = replace(teardown, reason=DisconnectionReason.CALL_TRANSFER)
            if self._record:
                self._record.transfer_ended(self._services.now_ms())
        await super()._end(teardown)

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        endings = [self._bridged_recording.end()] if self._bridged_recording else []
        if not teardown.goes_on_without_us:
            cause = teardown.q850_cause or self._caller_cause
            endings += [super()._disconnect_caller(teardown), self._transfers.end_target(cause)]
        await asyncio.gather(*endings)

    async def _release_caller_leg(self) -> None:
        if not self._teardown.goes_on_without_us:
            await super()._release_caller_leg()

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **WaitingCall.effects,
        Teardown: _end,
        CallerGone: _caller_gone,
        ChannelHangupRequest: _caller_gone,
        ChannelDestroyed: _caller_gone,
        AgentFailed: _agent_failed,
        AgentHungUp: _agent_hung_up,
        TransferDecided: _agent_decides,
        TransferRequested: _api_transfers,
        ShuttingDown: _shutting_down,
        ConsentOver: consent_over,
    }
