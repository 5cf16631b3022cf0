"""What a call object tells of its signalling: each SIP message that Asterisk let us know of, and who hung up."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ari_agent.contract.parsing.model import ContractModel, Timestamp

SipLeg = Literal["caller", "target"]
"""Whose dialogue it is: that of the call's far end, also where we placed the call, or that of a transfer's target."""
SipEventName = Literal[
    "INVITE",
    "180",
    "183",
    "200",
    "re-INVITE hold",
    "re-INVITE unhold",
    "REFER",
    "NOTIFY",
    "REFER failure",
    "BYE",
    "CANCEL",
    "failure",
    "dialplan",
]
HangupParty = Literal["caller", "far_end", "target", "agent", "api", "asterisk", "system"]
SipStatus = Annotated[int, Field(strict=True, ge=100, le=699)]
Q850Cause = Annotated[int, Field(strict=True, ge=1, le=127)]


class SipEvent(ContractModel):
    """One step of a call's signalling, as far as Asterisk's events tell it.

    event: a request, or the status of an answer to INVITE. `failure` is a final answer of 300 or more, `REFER failure`
    that of a REFER or of its last NOTIFY; `dialplan` says that the call went on in the dialplan, whose doings are not
    told here. direction: as seen from Asterisk; never there for `dialplan`. timestamp: when we learned of it.
    sip_status: of an answer, or in the NOTIFY. q850_cause: as Asterisk tells it, or as we asked for it.
    """

    event: SipEventName
    leg: SipLeg = "caller"
    direction: Literal["sent", "received"] | None = None
    timestamp: Timestamp
    sip_status: SipStatus | None = None
    q850_cause: Q850Cause | None = None


class Hangup(ContractModel):
    """Who ended a call, and by which codes.

    who: `caller` of an inbound call, `far_end` of one that we placed, `target` of a transfer, `agent`, `api`,
    `asterisk` (a timer of its own, its administrator, or a far end that answers nothing any more) or `system`, which
    is ari-agent with its limits and faults. timestamp: when we learned of it, or asked for it.
    sip_status: of the failure response that ended the call, or 408 of a far end that is dead; None for a BYE.
    q850_cause: that Asterisk tells, or that we asked for; None where neither is. reason: what went wrong, in words.
    """

    who: HangupParty
    timestamp: Timestamp
    sip_status: SipStatus | None = None
    q850_cause: Q850Cause | None = None
    reason: str | None = None
