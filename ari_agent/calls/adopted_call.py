"""A call of an earlier run of the controller whose caller and transfer target talk with each other in Asterisk.

    the next run connects ──both are in the call's bridge──▶ BRIDGED, as if nothing had been
                          └─one is left, or nobody────────▶ ends as call_transfer; whoever is left is hung up

Its record has waited for that: `is_bridged` says which records of an earlier run are not closed at the start.
"""

from __future__ import annotations

from collections.abc import Sequence

from ari_agent.asterisk.events import Bridge
from ari_agent.asterisk.names import bridge_id, call_of_target_channel, media_channel_id
from ari_agent.calls.record import CallRecord
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.state import CallState
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.two_leg_call import TwoLegCall
from ari_agent.contract.call import CallDirection
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.q850 import NORMAL_CLEARING


class AdoptedCall(TwoLegCall):
    """One call that another run of the controller has left to its two people. bridges: all that Asterisk has."""

    direction = CallDirection.INBOUND  # nothing asks it any more

    def __init__(self, services: SessionDependencies, record: CallRecord, bridges: Sequence[Bridge]) -> None:
        call_id = record.call.call_id
        parties = _parties(services.app, call_id, bridges)
        target = next((party for party in parties if call_of_target_channel(services.app, party)), None)
        caller = next((party for party in parties if party != target), None)
        super().__init__(services, call_id=call_id, channel_id=caller or f"no caller of {call_id}")
        self.has_channel = caller is not None
        self.state = CallState.BRIDGED
        self._record = record
        record.is_recorded_alone = record.call.recording_url is not None and not record.is_scrubbed
        self._timeline.resume(record.call.sip or ())
        self._is_complete = caller is not None and target is not None
        self._leg.adopt()
        if target:
            request = TransferRequest.model_construct(to=record.call.transfer_destination or "", mode="sip_invite")
            transfer = self.new_invite(request, lambda _: None, attempt=0)
            transfer.adopt(target)
            self._transfers.adopt(transfer)

    async def _connect(self) -> None:
        if not self._is_complete:
            self.post(Teardown(DisconnectionReason.CALL_TRANSFER, NORMAL_CLEARING))
            return
        self._log.warning("caller and target of an earlier run talk with each other")
        for channel_id in filter(None, (self.channel_id, self.target_channel_id)):
            await self._services.ari.subscribe_channel(channel_id)
            await self._services.ari.shared_channels.mark(
                channel_id
            )  # not to be swept by whoever has the dead one's name


def _parties(app: str, call_id: str, bridges: Sequence[Bridge]) -> Sequence[str]:
    """Return the channels in the main bridge of a call, without our own."""
    found = next((bridge for bridge in bridges if bridge.id == bridge_id(app, call_id)), None)
    return [channel for channel in found.channels if channel != media_channel_id(app, call_id)] if found else []
