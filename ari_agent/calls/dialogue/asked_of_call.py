"""What a text agent asks of its call, checked: a transfer or digits, or why that cannot be. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from ari_agent.calls.dialogue import events
from ari_agent.calls.media.call_media import DtmfAsked, TransferAsked
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest
from ari_agent.contract.parsing.explain import explain


def transfer_asked(number: str, *, shows_caller: bool) -> TransferAsked | events.TransferEnded:
    """Ask for a transfer, or return that it has failed. number: as the agent wrote it. shows_caller: to the target."""
    mode = "sip_invite" if shows_caller else "sip_refer"
    try:
        return TransferAsked(TransferRequest(to=number, mode=mode, show_transferee_as_caller=shows_caller))
    except ValidationError as error:
        why = explain(error, {"to": number}, root="transfer_number")
        return events.TransferEnded(TransferOutcome(status="failed", message=why))


def digits_asked(digits: str) -> DtmfAsked | events.DigitsRefused:
    """Ask for digits to be sent, or return why not. digits: as the agent wrote them."""
    try:
        return DtmfAsked(DtmfRequest(digits=digits))
    except ValidationError as error:
        return events.DigitsRefused(explain(error, {"digits": digits}, root="digit_to_press"))
