from __future__ import annotations

from ari_agent.calls.dialogue.asked_of_call import digits_asked, transfer_asked
from ari_agent.calls.dialogue.events import DigitsRefused, TransferEnded
from ari_agent.calls.media.call_media import DtmfAsked, TransferAsked
from ari_agent.contract.call_control import DtmfRequest, TransferRequest


def test_a_transfer_is_by_refer_unless_the_target_is_to_see_the_caller() -> None:
    to = "+14155559999"
    assert transfer_asked(to, shows_caller=False) == TransferAsked(TransferRequest(to=to, mode="sip_refer"))
    dialled = TransferRequest(to=to, mode="sip_invite", show_transferee_as_caller=True)
    assert transfer_asked(to, shows_caller=True) == TransferAsked(dialled)


def test_a_number_that_is_none_is_a_transfer_that_failed() -> None:
    failed = transfer_asked("+1 415\r\nX-Evil: 1", shows_caller=False)
    assert isinstance(failed, TransferEnded)
    assert failed.outcome.status == "failed"
    assert "not allowed in a destination" in (failed.outcome.message or "")


def test_digits_are_sent_or_refused() -> None:
    assert digits_asked("12#") == DtmfAsked(DtmfRequest(digits="12#"))
    refused = digits_asked("call me")
    assert isinstance(refused, DigitsRefused)
    assert "digits: must match" in refused.message
