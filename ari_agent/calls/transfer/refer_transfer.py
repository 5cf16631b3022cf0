"""Cold transfer by REFER: the caller's channel leaves for the dialplan detour, and what comes of it.

    TALKING ── leave_for_refer ──▶ dialplan: Transfer() sends REFER and waits for the final NOTIFY
                                     │ ChannelVarset TRANSFERSTATUS, TRANSFERSTATUSPROTOCOL
                                     ├── SUCCESS: the far end has taken the caller over; we send BYE
                                     ├── FAILURE without a SIP status: StasisStart(refer, ...); a BYE may follow
                                     └── anything else: StasisStart(refer, ...), back to the same agent

A far end that got what it wanted may send its BYE before the channel is back in Stasis, and often does so without a
word. Then the variables, which Asterisk sets as it takes the channel down, decide: see `refer.outcome_after_bye`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ari_agent.asterisk.events import AriEvent, ChannelVarset, StasisStart
from ari_agent.asterisk.header_reader import SipHeaders
from ari_agent.asterisk.refer import parse_outcome, refer_variables
from ari_agent.calls.transfer.asked_transfer import AskedTransfer
from ari_agent.contract.call_control import TransferOutcome
from ari_agent.contract.phone_number import PhoneNumber

_STATUS, _PROTOCOL = "TRANSFERSTATUS", "TRANSFERSTATUSPROTOCOL"


@dataclass(slots=True)
class ReferTransfer(AskedTransfer):
    """One REFER on its way.

    far_end_left: its BYE has come. untold: what Asterisk made of a far end that ended the REFER's subscription without
    saying how it went.
    """

    far_end_left: bool = False
    untold: TransferOutcome | None = None
    _variables: dict[str, str] = field(default_factory=dict)

    def variables(self, sip: SipHeaders, number: PhoneNumber | None) -> Mapping[str, str]:
        """Return the channel variables that make the dialplan's detour send this REFER.

        number: ours in the call, whose settings say how a bare number is written; None where it is not stored.

        Raises:
            InvalidTransferTarget: it cannot be sent.
        """
        return refer_variables(
            self.request,
            default_host=(number and number.refer_to_host) or sip.caller_host,
            number_format=(number and number.refer_to_format) or "sip",
            referred_by=sip.local_uri,
        )

    def observe(self, event: AriEvent) -> TransferOutcome | None:
        """Return the outcome once the caller is back in Stasis with it; None for every other event."""
        match event:
            case ChannelVarset(variable=name, value=value) if name in (_STATUS, _PROTOCOL):
                self._variables[name] = value
            case StasisStart(args=("refer", *reported)):
                return parse_outcome(reported)
        return None

    @property
    def heard(self) -> TransferOutcome | None:
        """The outcome as the dialplan's variables told it; None while the dialplan's Transfer() still waits."""
        if self._variables.keys() < {_STATUS, _PROTOCOL}:
            return None
        return parse_outcome([self._variables[_STATUS], self._variables[_PROTOCOL]])
