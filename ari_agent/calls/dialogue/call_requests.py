"""What a text agent asks of its call, as its server wrote it: a request of the call, or why it is none. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from ari_agent.calls.dialogue.events import DigitsRefused, TransferEnded
from ari_agent.calls.dialogue.orders import Press, Transfer
from ari_agent.calls.media.call_media import DtmfAsked, TransferAsked
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest
from ari_agent.contract.parsing.explain import explain


def call_request(order: Transfer | Press) -> TransferAsked | DtmfAsked | TransferEnded | DigitsRefused:
    """Return what the call is asked for, or the event that tells the dialogue why the order cannot be carried out."""
    if isinstance(order, Transfer):
        return _transfer(order)
    try:
        return DtmfAsked(DtmfRequest(digits=order.digits))
    except ValidationError as error:
        return DigitsRefused(explain(error, {"digits": order.digits}, root="digit_to_press"))


def _transfer(order: Transfer) -> TransferAsked | TransferEnded:
    mode = "sip_invite" if order.shows_caller else "sip_refer"
    try:
        request = TransferRequest(to=order.number, mode=mode, show_transferee_as_caller=order.shows_caller)
    except ValidationError as error:
        why = explain(error, {"to": order.number}, root="transfer_number")
        return TransferEnded(TransferOutcome(status="failed", message=why))
    return TransferAsked(request)
