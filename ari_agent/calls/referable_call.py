"""A phone call that the caller's own phone may send on by REFER, where settings allow it: see caller_transfer.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import ValidationError

from ari_agent.asterisk.events import AriEvent, ChannelTransfer
from ari_agent.asterisk.header_reader import read_far_end
from ari_agent.asterisk.names import call_of_target_channel
from ari_agent.calls.hold import HoldReason
from ari_agent.calls.session_events import SessionEvent
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transfer.asked_transfer import TellOutcome
from ari_agent.calls.transfer.caller_transfer import CallerTransfer, ReferringPhone
from ari_agent.calls.transfer.hold_music import HoldMusic
from ari_agent.calls.transfer.target_leg import TargetLeg
from ari_agent.calls.two_leg_call import TwoLegCall
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.errors import AsteriskError, CallError, InvalidTransferTarget


class ReferableCall(TwoLegCall):
    """One phone call, whose caller may be another after a REFER of the caller's phone.

    on_new_caller: set by the owner of all calls, who is to know the channel by which the call goes on.
    """

    on_new_caller: Callable[[str], None]
    _phones_that_left: frozenset[str] = frozenset()

    async def _handle(self, event: SessionEvent) -> None:
        channel_id = event.channel_id if isinstance(event, AriEvent) else None
        if channel_id in self._phones_that_left:
            return
        if channel_id == self.channel_id and call_of_target_channel(self._services.app, channel_id):
            await self._handle_callers(event)  # it was a target's
        else:
            await super()._handle(event)

    async def _refer_came(self, event: ChannelTransfer) -> None:
        if event.state is not None:  # what we have told of it ourselves
            return
        if self._transfers.serves_phone():
            self._log.info("the caller's phone has sent its REFER again")
            return
        phone, wanted = ReferringPhone(self._services.ari, self.channel_id), event.refer_to.requested_destination
        try:
            if wanted.protocol_id:
                raise InvalidTransferTarget(wanted.destination, "a blind transfer, not a REFER with Replaces")
            request = TransferRequest(to=wanted.destination, mode="sip_invite")
            await self._transfers.begin(
                request, lambda outcome: self._start_task(phone.tell(outcome)), of_phone=self._new_caller_transfer
            )
        except (ValidationError, CallError, AsteriskError) as error:
            why = explain(error, root="transfer") if isinstance(error, ValidationError) else str(error)
            self._log.warning("REFER of the caller's phone declined: %s", why, extra={"to": wanted.destination})
            await phone.decline()
            return
        if self._transfers.serves_phone():
            await phone.accept()

    def _new_caller_transfer(self, request: TransferRequest, tell: TellOutcome, attempt: int) -> CallerTransfer:
        leg, music = self._new_target_leg(attempt), HoldMusic(self._services.ari)
        return CallerTransfer(request, tell, call=self, leg=leg, music=music)

    # What such a transfer does: see ReplacingCall.

    async def put_in_callers_place(self, leg: TargetLeg, destination: str) -> None:
        """Go on with the target as the caller. See ReplacingCall."""
        await leg.join(self._leg.bridge_id)
        phone_id = self.channel_id
        self._phones_that_left |= {phone_id}
        self.on_new_caller(leg.channel_id)
        self.has_channel = True
        self._go_on_with(leg.channel_id, replaced_channel_id=phone_id)
        self._hold.end(HoldReason.TRANSFER)
        self.run_beside(self._part_from(phone_id))
        if self._record:
            self._record.transferee(number=destination, name="")
            self.run_beside(self._save())

    async def _part_from(self, phone_id: str) -> None:
        """Take the phone out of the talk, and learn of the new caller's dialog what a REFER needs to know."""
        ari = self._services.ari
        try:
            self._sip = await read_far_end(ari, self.channel_id)
            await ari.remove_from_bridge(self._leg.bridge_id, phone_id)
        except AsteriskError as error:
            self._log.debug("phone not taken out of the talk, it has probably hung up: %s", error)

    def caller_is_away(self) -> None:
        """Have the agent hear silence. See ReplacingCall."""
        self.has_channel = False
        self._hold.begin(HoldReason.TRANSFER)

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        """Hang up a target that has become the caller, because there is no dialplan behind its channel.

        And phones whose place others have: they may not have been hung up yet.
        """
        if teardown.continues_in_dialplan and call_of_target_channel(self._services.app, self.channel_id):
            cause = teardown.q850_cause or NORMAL_CLEARING
            teardown = replace(teardown, continues_in_dialplan=False, q850_cause=cause)
        await asyncio.gather(
            super()._disconnect_caller(teardown), *(self._leg.let_go(phone_id) for phone_id in self._phones_that_left)
        )

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **TwoLegCall.effects,
        ChannelTransfer: _refer_came,
    }
