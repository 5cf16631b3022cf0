"""Transfer by INVITE: the target is dialled while the caller waits with us, and both are left alone once it answers.

    TALKING ── begin ──▶ CONSULTING: the caller hears ringing or music, the agent's audio is out of their bridge
                            ├── the target answers, and has its extension digits ──▶ BRIDGED: in the caller's bridge
                            └── busy, declined, not reached, rings too long ───────▶ back to the same agent

Either of the two who hangs up later ends the call for the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from enum import Enum
from typing import Any, Final, Protocol

from ari_agent.asterisk.events import AriEvent
from ari_agent.asterisk.media_encryption import WITHOUT_KEYS
from ari_agent.asterisk.target import NO_ANSWER, Target, failure
from ari_agent.calls.caller_leg import CallerLeg
from ari_agent.calls.session_events import TargetNews, TargetTold
from ari_agent.calls.transfer.asked_transfer import AskedTransfer, TellOutcome, failed
from ari_agent.calls.transfer.hold_music import HoldMusic
from ari_agent.calls.transfer.target_leg import Gone, TargetLeg
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.errors import AsteriskError, ChannelGone

SUCCEEDED: Final = TransferOutcome(status="succeeded", sip_status=200)
_NO_ANSWER_CAUSE: Final = 19  # Q.850: user alerting, no answer
_BEARER_NOT_AVAILABLE: Final = 58  # Q.850: what SIP calls 488
_GONE_EVENT_WAIT_MS: Final = 1000.0
"""A target that left without a word: the event that says why may still be on its way."""


class ConsultingCall(Protocol):
    """What a transfer to a dialled target needs of its call."""

    @property
    def leg(self) -> CallerLeg:
        """The caller's side in Asterisk."""

    def target(self, request: TransferRequest) -> Target:
        """Return how the target of a filled request is dialled. Raises InvalidTransferTarget: there is no way there."""

    async def make_target(self, leg: TargetLeg, request: TransferRequest) -> None:
        """Make the target's channel, and its trunk before that where Asterisk has lost it.

        Raises:
            InvalidTransferTarget: there is no way there.
            AsteriskError: Asterisk did not do it.
        """

    def requires_encryption(self, request: TransferRequest) -> bool:
        """Whether the trunk through which the target is dialled is one whose audio must be encrypted."""

    def ring_ms(self, request: TransferRequest) -> int:
        """Return for how many milliseconds the target may ring."""

    async def caller_waits(self, request: TransferRequest) -> None:
        """Go to CONSULTING: the agent hears silence, and the record tells that the transfer has begun."""

    async def caller_back_from_wait(self) -> None:
        """Go back to TALKING with the same agent, or end the call where that has left meanwhile."""

    async def left_alone(self, destination: str) -> None:
        """Go to BRIDGED: caller and target talk, the agent and the call's slot are let go."""

    async def target_hung_up(self, q850_cause: int | None) -> None:
        """End a call that is BRIDGED: the target has hung up with this cause, None for a plain BYE."""

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task beside the queue of the call; it is cancelled when the call ends."""

    def post_later(self, delay_ms: float, event: TargetTold) -> None:
        """Post an event to the queue of the call after delay_ms."""


class Phase(Enum):
    """How far the call to the target has come."""

    ASKED = "asked"
    DIALLED = "dialled"
    ANSWERED = "answered"
    BRIDGED = "bridged"
    OVER = "over"


class InviteTransfer(AskedTransfer):
    """One transfer to a target that we dial. leg: the target's channel. music: what the caller hears meanwhile."""

    def __init__(
        self, request: TransferRequest, tell: TellOutcome, *, call: ConsultingCall, leg: TargetLeg, music: HoldMusic
    ) -> None:
        super().__init__(request, tell)
        self.leg = leg
        self.phase = Phase.ASKED
        self._call, self._music = call, music

    @property
    def is_under_way(self) -> bool:
        """Whether Asterisk has the target's channel, as far as events tell."""
        return self.phase in (Phase.DIALLED, Phase.ANSWERED, Phase.BRIDGED)

    def adopt(self, channel_id: str) -> None:
        """Take over the target's channel of an earlier run, which talks with the caller."""
        self.leg.adopt(channel_id)
        self.phase = Phase.BRIDGED

    def owns(self, channel_id: str) -> bool:
        """Whether a channel is the target's, or becomes it."""
        return channel_id == self.leg.channel_id

    def check(self) -> None:
        """Check that there is a way to the target. Raises InvalidTransferTarget."""
        self._call.target(self.request)

    async def begin(self) -> None:
        """Dial the target, and have the caller wait for it.

        Raises:
            InvalidTransferTarget, AsteriskError: not begun; the caller is with the agent as before.
        """
        await self._call.make_target(self.leg, self.request)
        self.phase = Phase.DIALLED
        await self._call.caller_waits(self.request)
        self._call.run_beside(self._dial())
        # What plays to a channel ends where another leaves its bridge: first the one, then the other.
        with contextlib.suppress(AsteriskError):  # then the agent's audio is heard with it
            await self._call.leg.leave_agent()
        await self._music.start(self._call.leg.channel_id, self.request.on_hold_music)

    async def _dial(self) -> None:
        ring_ms = self._call.ring_ms(self.request)
        try:
            await self.leg.dial(ring_ms=ring_ms)
        except AsteriskError as error:
            self._call.post_later(0, TargetTold(self.leg.channel_id, TargetNews.GONE, str(error)))
            return
        self._call.post_later(ring_ms, TargetTold(self.leg.channel_id, TargetNews.RINGS_TOO_LONG))

    async def observe(self, event: AriEvent | TargetTold) -> TransferOutcome | None:
        """Follow what happens to the target; returns the outcome once the transfer has failed or the two are bridged.

        In the first case the caller is back with the agent.
        """
        news = event.news if isinstance(event, TargetTold) else None
        if news is TargetNews.ANSWERED or (isinstance(event, AriEvent) and self.leg.is_answered(event)):
            return await self._answered()
        if news is TargetNews.EXTENSION_SENT:
            return await self._bridge() if self.phase is Phase.ANSWERED else None
        if news is TargetNews.RINGS_TOO_LONG:
            return await self._failed(NO_ANSWER, _NO_ANSWER_CAUSE) if self.phase is Phase.DIALLED else None
        if isinstance(event, TargetTold):
            return await self._failed(failed(event.why), None) if event.why else await self._gone(Gone())
        if (gone := self.leg.gone(event)) == Gone() and self.phase is Phase.DIALLED:
            self._call.post_later(_GONE_EVENT_WAIT_MS, TargetTold(self.leg.channel_id, TargetNews.GONE))
            return None
        return await self._gone(gone) if gone else None

    async def _answered(self) -> TransferOutcome | None:
        if self.phase is not Phase.DIALLED:
            return None
        self.phase = Phase.ANSWERED
        if self._call.requires_encryption(self.request) and await self.leg.is_encrypted() is False:
            return await self._failed(failed(WITHOUT_KEYS), _BEARER_NOT_AVAILABLE)
        if self.request.extension:
            self._call.run_beside(self._send_extension(self.request.extension))
            return None
        return await self._bridge()

    async def _send_extension(self, digits: str) -> None:
        told = TargetTold(self.leg.channel_id, TargetNews.EXTENSION_SENT)
        try:
            await self.leg.send_extension(digits)
        except ChannelGone:
            return  # an event says so
        except AsteriskError as error:  # without them the caller would get somebody else
            told = TargetTold(self.leg.channel_id, TargetNews.GONE, f"extension digits not sent: {error}")
        self._call.post_later(0, told)

    async def _bridge(self) -> TransferOutcome | None:
        try:
            await self.leg.join(self._call.leg.bridge_id)
        except ChannelGone:
            return None  # an event says so
        except AsteriskError as error:
            return await self._failed(failed(str(error)), None)
        self.phase = Phase.BRIDGED
        await self._music.stop()
        self.finish(SUCCEEDED)
        await self._call.left_alone(self.request.to)
        return SUCCEEDED

    async def _gone(self, gone: Gone) -> TransferOutcome | None:
        self.leg.exists = False
        if self.phase is Phase.BRIDGED:
            self.phase = Phase.OVER
            await self._call.target_hung_up(gone.q850_cause)
            return None
        if self.phase is Phase.ANSWERED:
            return await self._failed(failed("the destination answered and hung up"), None)
        return await self._failed(failure(gone.sip_status, gone.q850_cause), None)

    async def _failed(self, outcome: TransferOutcome, q850_cause: int | None) -> TransferOutcome | None:
        """Bring the caller back to the agent. q850_cause: of our CANCEL or BYE."""
        if self.phase not in (Phase.DIALLED, Phase.ANSWERED):
            return None
        self.phase = Phase.OVER
        self._call.run_beside(self.leg.end(q850_cause))  # Transfers.end_target makes sure of it
        await self._call.caller_back_from_wait()
        await self._music.stop()
        return outcome

    async def end(self, q850_cause: int | None) -> None:
        """Let the target go, because the call ends. q850_cause: None for normal clearing. Raises no AsteriskError."""
        self.phase = Phase.OVER
        await self.leg.end(q850_cause)
