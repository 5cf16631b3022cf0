"""The call of a transfer agent: the second agent of an agentic warm transfer, which talks with the target.

It is a call of its own, with a websocket, a slot, a record and webhooks, but the target's channel is not its own: that
stays with the call whose caller is transferred, which tells it of the target and of the outcome.

    the first call tells                        this call
    (nothing yet: the target rings)             dials its agent, and makes its external media channel
    ConsultationBegins: the target is there     goes into the consultation bridge with the target; audio flows
    ConsultationOver: how the transfer ended    ends with transfer_bridged or transfer_cancelled

    what its agent does                         what the first call is told
    {"action":"bridge"}, to a target            AgentBridges, once the agent's last words were heard
    {"action":"cancel"}, hangs up               ConsultationFailed
    fails, is stopped, or says nothing          ConsultationFailed

An agent that has decided may leave. Everything else is refused: a transfer agent neither transfers nor sends DTMF.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from ari_agent.asterisk.events import ChannelDestroyed, StasisEnd
from ari_agent.asterisk.names import media_channel_id
from ari_agent.calls.call_requests import CallerGone
from ari_agent.calls.media.call_media import AgentFailed, AgentHungUp, TransferDecided
from ari_agent.calls.media.commands import TransferGoesOn
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.session_events import ConsultationBegins, ConsultationOver
from ari_agent.calls.state import CallState, Routed
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transfer.asked_transfer import TellOutcome, failed
from ari_agent.calls.transfer.consultation import Consultation
from ari_agent.calls.transfer.handoff import AgentBridges, ConsultationFailed
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.call_control import DtmfRequest, TransferRequest
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.sip_timeline import HangupParty
from ari_agent.contract.transfer_progress import TransferProgress
from ari_agent.errors import AsteriskError, CallError
from ari_agent.media.socket import host_and_port

_CANCELLED: Final = "the transfer agent cancelled the transfer"
_HUNG_UP: Final = "the transfer agent hung up"
_TARGET_GONE: Final = "the target, or the audio to it, is gone"
_ONLY_DECIDES: Final = (
    'a transfer agent can only decide: {"event":"transfer","transfer":{"action":"bridge"}}, or "cancel"'
)


class OnlyDecides(CallError):
    """Raised when a transfer agent, or the API for it, asks for a transfer of its own or for DTMF."""

    def __init__(self) -> None:
        super().__init__(_ONLY_DECIDES)


@dataclass(frozen=True, slots=True)
class TransferAgentOrder:
    """What the call of a transfer agent is made with.

    call: its record so far. metadata: what its agent is told. slot: is closed when the call ends.
    """

    call: Call
    agent: Agent
    metadata: Mapping[str, Any]
    slot: AsyncExitStack


class TransferAgentCall(CallSession):
    """One call of a transfer agent.

    consultation: the bridge in which it talks with the target. tell: tells the first call what the agent has decided,
    or that it is gone. voice: its media half; None until that is made.
    """

    direction = CallDirection.OUTBOUND

    def __init__(
        self,
        services: SessionDependencies,
        order: TransferAgentOrder,
        *,
        consultation: Consultation,
        tell: Callable[[AgentBridges | ConsultationFailed], None],
    ) -> None:
        call_id = order.call.call_id
        super().__init__(services, call_id=call_id, channel_id=media_channel_id(services.app, call_id))
        self.has_channel = False
        self.voice: MediaSession | None = None
        self._order, self._consultation, self._tell = order, consultation, tell
        self._target: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._has_decided = False
        self._exit_stack.push_async_callback(order.slot.aclose)
        self._record = self._own_record = self._new_record(order.call, order.agent)

    async def give_up(self) -> None:
        """Give back the slot of a call that is never run."""
        await self._exit_stack.aclose()

    async def _connect(self) -> None:
        services, order = self._services, self._order
        self._log.info("transfer agent is called", extra={"agent_id": order.agent.agent_id})
        self._advance(Routed())
        await self._save()
        spec = await self._media_spec(order.agent, order.call)
        # A target who hears nothing hangs up: the caller is better off with their own agent at once.
        spec = replace(spec, metadata=order.metadata, redial_s=0.0)
        media = self.media = self.voice = MediaSession(
            spec,
            rtp=services.rtp,
            wheel=services.wheel,
            on_event=self.post,
            new_agent=services.new_agent_leg,
            record_to=self._files.open_recording,
        )
        host, port = await media.open()
        media.dial_agent()
        far_end = await services.ari.external_media(
            channel_id=self.channel_id, external_host=host_and_port(host, port), audio_format=media.codec
        )
        self.has_channel = True
        media.accept_from(far_end.host, far_end.port)
        await self._agent_ready.wait()
        await self._consultation.begin(await self._target)
        self._begin_conversation(self._own_record, media, max_duration_ms=order.agent.max_call_duration_ms)
        self._command(TransferGoesOn(TransferProgress(status="answered", hears="target")))
        await self._save()

    # What the first call tells.

    async def _consultation_begins(self, event: ConsultationBegins) -> None:
        if not self._target.done():
            self._target.set_result(event.target_channel_id)

    async def _consultation_over(self, event: ConsultationOver) -> None:
        is_bridged = event.failure is None
        reason = DisconnectionReason.TRANSFER_BRIDGED if is_bridged else DisconnectionReason.TRANSFER_CANCELLED
        await self._end(Teardown(reason, why=event.failure, who="system"))

    # What the agent does.

    async def _agent_decides(self, event: TransferDecided) -> None:
        if event.decision.action == "cancel":
            await self._cancel(_CANCELLED, who="agent")
        elif self.voice and self.state is CallState.TALKING and not self._has_decided:
            self._has_decided = True
            self._start_task(self._bridge_when_heard(self.voice))

    async def _bridge_when_heard(self, voice: MediaSession) -> None:
        await voice.hear_out()
        self._tell(AgentBridges())

    async def _agent_hung_up(self, _: AgentHungUp) -> None:
        if not self._has_decided:
            await self._cancel(_HUNG_UP, who="agent")

    async def _agent_failed(self, event: AgentFailed) -> None:
        if not self._has_decided:
            await super()._agent_failed(event)

    async def _caller_gone(self, _: CallerGone | ChannelDestroyed | StasisEnd) -> None:
        await self._cancel(_TARGET_GONE)

    async def _cancel(self, why: str, *, who: HangupParty = "system") -> None:
        await self._end(Teardown(DisconnectionReason.TRANSFER_CANCELLED, why=why, who=who))

    async def _send_dtmf(self, _: DtmfRequest) -> None:
        raise OnlyDecides

    async def _begin_transfer(self, _: TransferRequest, tell: TellOutcome) -> None:
        tell(failed(_ONLY_DECIDES))

    # The end.

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        """Tell the first call, which lets the target go or keeps it."""
        reason = teardown.reason
        if reason is DisconnectionReason.TRANSFER_CANCELLED and teardown.why:
            why = teardown.why
        else:
            because = f": {teardown.why}" if teardown.why else ""
            why = f"the transfer agent's call ended with {reason.value if reason else 'no reason'}{because}"
        self._tell(ConsultationFailed(why))

    async def _release_caller_leg(self) -> None:
        if self.media is None:
            return
        try:
            await self._services.ari.hang_up(self.channel_id)
        except AsteriskError as error:
            self._log.warning("external media not released yet: %s", error)
        await self._consultation.end()

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **CallSession.effects,
        ConsultationBegins: _consultation_begins,
        ConsultationOver: _consultation_over,
        TransferDecided: _agent_decides,
        AgentHungUp: _agent_hung_up,
        AgentFailed: _agent_failed,
        CallerGone: _caller_gone,
        ChannelDestroyed: _caller_gone,
        StasisEnd: _caller_gone,
    }
