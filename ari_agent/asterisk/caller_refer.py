"""What becomes of a REFER that the caller's own phone sends. Pure.

By itself Asterisk does what the phone asks, unless its endpoint says `allow_transfer = no` (603): it puts a channel of
Local, which runs the dialplan at the extension that was asked for, in the phone's place in our bridge. Nobody would
have been asked who may be dialled, and the phone be told that all is well before anybody has answered.

    setting   set on the channel                      a blind REFER                           one with Replaces
    refuse    TRANSFER_CONTEXT: one that is not       202, NOTIFY 404; the talk goes on       is done by Asterisk
    allow     PJSIP_TRANSFER_HANDLING(): ari-only     202, ChannelTransfer, NOTIFYs of ours   202, NOTIFY 603 of ours

Asterisk lets us move no channel that is not in our application, so that of a REFER with Replaces, for which it leaves
the choice to us, we cannot make anything. PJSIP_TRANSFER_HANDLING came with Asterisk 20.13, 21.8 and 22.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from ari_agent.contract.call_control import TransferOutcome

CallerTransfers = Literal["refuse", "allow"]

TRANSFER_CONTEXT: Final = "TRANSFER_CONTEXT"
"""The context in which Asterisk looks for the extension of a blind transfer; unset, that of the endpoint."""
NO_CONTEXT: Final = "ari-agent-no-transfers"
_HANDLING: Final = "PJSIP_TRANSFER_HANDLING()"  # without the parentheses it is a variable that means nothing

PROGRESS, ANSWERED, UNAVAILABLE, DECLINED = (
    "channel_progress",
    "channel_answered",
    "channel_unavailable",
    "channel_declined",
)


def handling(policy: CallerTransfers) -> Mapping[str, str]:
    """Return the channel variables that make Asterisk follow the policy."""
    return {_HANDLING: "ari-only"} if policy == "allow" else {TRANSFER_CONTEXT: NO_CONTEXT}


def undone(policy: CallerTransfers, context: str) -> Mapping[str, str]:
    """Return the variables that undo `handling`, for a caller who goes on in the dialplan.

    context: what TRANSFER_CONTEXT was before; `""` where it was not set.
    """
    return {_HANDLING: "core"} if policy == "allow" else {TRANSFER_CONTEXT: context}


def progress_of(outcome: TransferOutcome) -> str:
    """Return the state that tells the phone of this outcome. A target that has declined is 603 to the phone as well."""
    if outcome.status == "succeeded":
        return ANSWERED
    return DECLINED if outcome.sip_status == 603 else UNAVAILABLE
