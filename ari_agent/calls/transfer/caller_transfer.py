"""A transfer that the caller's own phone asks for, by REFER: whom it names is dialled, and takes its place.

    TALKING ── REFER ──▶ the target is dialled; caller and agent go on, or the phone holds the call, or has left it
                            ├── the target answers ──────▶ TALKING: the same agent with the target; the phone gets BYE
                            └── busy, declined, ... ─────▶ nothing has changed; where the phone has left, the call ends

Each step is told to the phone by NOTIFY (RFC 3515 section 2.4.4). A phone may hang up as soon as its REFER is accepted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.caller_refer import ANSWERED, DECLINED, PROGRESS, progress_of
from ari_agent.calls.channel_end import end_channel
from ari_agent.calls.transfer.asked_transfer import TellOutcome, failed
from ari_agent.calls.transfer.hold_music import HoldMusic
from ari_agent.calls.transfer.invite_transfer import SUCCEEDED, ConsultingCall, InviteTransfer, Phase
from ari_agent.calls.transfer.target_leg import TargetLeg
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.errors import AsteriskError, ChannelGone

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReferringPhone:
    """The phone that has sent a REFER, which is told how it goes. No method raises AsteriskError."""

    ari: Ari
    channel_id: str

    async def accept(self) -> None:
        """Say that the target is dialled."""
        await self._tell(PROGRESS)

    async def decline(self) -> None:
        """Say that nobody is dialled, and that the talk goes on."""
        await self._tell(DECLINED)

    async def tell(self, outcome: TransferOutcome) -> None:
        """Say how it ended, and hang up where another is in the phone's place."""
        state = progress_of(outcome)
        await self._tell(state)
        if state == ANSWERED:
            await end_channel(self.ari, self.channel_id, {}, q850_cause=NORMAL_CLEARING)

    async def _tell(self, state: str) -> None:
        try:
            await self.ari.transfer_progress(self.channel_id, state)
        except ChannelGone:
            log.debug("phone has hung up after its REFER", extra={"channel_id": self.channel_id})
        except AsteriskError as error:
            log.warning("phone not told of its REFER: %s", error, extra={"channel_id": self.channel_id})


class ReplacingCall(ConsultingCall, Protocol):
    """What such a transfer needs of its call."""

    async def put_in_callers_place(self, leg: TargetLeg, destination: str) -> None:
        """Go on with the target as the caller. Raises AsteriskError."""

    def caller_is_away(self) -> None:
        """Have the agent hear silence: the phone has hung up, and nobody has answered yet."""

    async def caller_hung_up(self) -> None:
        """End the call, because the caller hung up."""


class CallerTransfer(InviteTransfer):
    """One transfer that the caller's phone has asked for."""

    def __init__(
        self, request: TransferRequest, tell: TellOutcome, *, call: ReplacingCall, leg: TargetLeg, music: HoldMusic
    ) -> None:
        super().__init__(request, tell, call=call, leg=leg, music=music)
        self._replacing = call
        self._caller_has_left = False

    async def begin(self) -> None:
        """Dial the target, while the talk goes on. See InviteTransfer.begin."""
        await self._replacing.make_target(self.leg, self.request)
        self.phase = Phase.DIALLED
        self._replacing.run_beside(self._dial())

    def caller_left(self) -> bool:
        """Whether the call goes on although the caller's channel is gone: the target may yet answer."""
        if self.is_under_way and not self._caller_has_left:
            self._caller_has_left = True
            self._replacing.caller_is_away()
        return self._caller_has_left

    async def _bridge(self) -> TransferOutcome | None:
        try:
            await self._replacing.put_in_callers_place(self.leg, self.request.to)
        except ChannelGone:
            return None  # an event says so
        except AsteriskError as error:
            return await self._failed(failed(str(error)), None)
        self.phase = Phase.OVER
        self.finish(SUCCEEDED)
        return SUCCEEDED

    async def _failed(self, outcome: TransferOutcome, q850_cause: int | None) -> TransferOutcome | None:
        if self.phase not in (Phase.DIALLED, Phase.ANSWERED):
            return None
        self.phase = Phase.OVER
        self._replacing.run_beside(self.leg.end(q850_cause))
        if self._caller_has_left:
            await self._replacing.caller_hung_up()
        return outcome
