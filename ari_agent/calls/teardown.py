"""How a call ends: the reason for its record, and what becomes of the caller. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ari_agent.asterisk.causes import q850_cause
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.sip_timeline import HangupParty


@dataclass(frozen=True, slots=True)
class Teardown:
    """How the call ends.

    reason: None keeps no record. q850_cause: of the BYE that we send; None where the caller is gone, or stays in the
    dialplan. continues_in_dialplan: the caller is not hung up but sent on in the dialplan. why: what went wrong, in
    words for the record that hold no secrets; None where the reason says all. who: ends the call, where the reason does
    not say it. goes_on_without_us: nobody is hung up, and the record stays open for the next run of the controller.
    is_taken_over: another controller leads the call: nothing of it is touched in Asterisk, stored or told.
    """

    reason: DisconnectionReason | None
    q850_cause: int | None = None
    continues_in_dialplan: bool = False
    why: str | None = None
    goes_on_without_us: bool = False
    who: HangupParty | None = None
    is_taken_over: bool = False

    def without_dialplan(self, *, answered: bool) -> Teardown:
        """Return the same end of a call that we have placed: there is no dialplan behind it, so it is hung up."""
        if not self.continues_in_dialplan or not self.reason:
            return self
        cause = self.q850_cause or q850_cause(self.reason, answered=answered)
        return replace(self, continues_in_dialplan=False, q850_cause=cause)
