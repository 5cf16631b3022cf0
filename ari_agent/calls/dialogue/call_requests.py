"""What a text agent asks of its call, from the words that its server gave; what it cannot mean is refused. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from ari_agent.calls.dialogue.events import DigitsRefused, TransferEnded
from ari_agent.calls.media.call_media import DtmfAsked, TransferAsked
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest
from ari_agent.contract.parsing.explain import explain


def transfer_to(number: str, *, shows_caller: bool) -> TransferAsked | TransferEnded:
    """Return the request for a transfer, by INVITE where the target is to see the caller; or why it is none."""
    mode: Literal["sip_invite", "sip_refer"] = "sip_invite" if shows_caller else "sip_refer"
    try:
        return TransferAsked(TransferRequest(to=number, mode=mode, show_transferee_as_caller=shows_caller))
    except ValidationError as error:
        why = explain(error, {"to": number}, root="transfer_number")
        return TransferEnded(TransferOutcome(status="failed", message=why))


def press(digits: str) -> DtmfAsked | DigitsRefused:
    """Return the request for DTMF digits to be sent to the caller; or why it is none."""
    try:
        return DtmfAsked(DtmfRequest(digits=digits))
    except ValidationError as error:
        return DigitsRefused(explain(error, {"digits": digits}, root="digit_to_press"))
