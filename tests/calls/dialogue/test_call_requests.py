"""What a text agent asks of its call becomes a request, or is answered with why it is none."""

from __future__ import annotations

from ari_agent.calls.dialogue.call_requests import call_request
from ari_agent.calls.dialogue.events import DigitsRefused, TransferEnded
from ari_agent.calls.dialogue.orders import Press, Transfer
from ari_agent.calls.media.call_media import DtmfAsked, TransferAsked
from ari_agent.contract.call_control import DtmfRequest, TransferRequest


def test_digits() -> None:
    assert call_request(Press("12#")) == DtmfAsked(DtmfRequest(digits="12#"))
    refused = call_request(Press("x"))
    assert isinstance(refused, DigitsRefused)
    assert refused.message.startswith("digits: must match")


def test_transfers() -> None:
    assert call_request(Transfer("+14155559999")) == TransferAsked(
        TransferRequest(to="+14155559999", mode="sip_refer", show_transferee_as_caller=False)
    )
    shown = call_request(Transfer("+14155559999", shows_caller=True))
    assert isinstance(shown, TransferAsked)
    assert (shown.request.mode, shown.request.show_transferee_as_caller) == ("sip_invite", True)
    refused = call_request(Transfer("nowhere at all"))
    assert isinstance(refused, TransferEnded)
    assert refused.outcome.message is not None
    assert refused.outcome.message.startswith("to: ")
