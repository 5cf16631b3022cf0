from __future__ import annotations

import pytest

from ari_agent.calls.dialogue.call_requests import press, transfer_to
from ari_agent.calls.dialogue.events import DigitsRefused, TransferEnded
from ari_agent.calls.media.call_media import DtmfAsked, TransferAsked


@pytest.mark.parametrize(("shows_caller", "mode"), [(True, "sip_invite"), (False, "sip_refer")])
def test_a_transfer_that_shows_the_caller_is_one_by_invite(shows_caller: bool, mode: str) -> None:
    asked = transfer_to("+14155550100", shows_caller=shows_caller)
    assert isinstance(asked, TransferAsked)
    assert (asked.request.to, asked.request.mode) == ("+14155550100", mode)
    assert asked.request.show_transferee_as_caller is shows_caller


def test_what_the_server_cannot_mean_is_refused_with_the_reason() -> None:
    ended = transfer_to("not a number!", shows_caller=False)
    assert isinstance(ended, TransferEnded)
    assert ended.outcome.status == "failed"
    assert "expected an E.164 number" in (ended.outcome.message or "")
    refused = press("x")
    assert isinstance(refused, DigitsRefused)
    assert "digits" in refused.message


def test_digits_are_asked_for() -> None:
    asked = press("12#")
    assert isinstance(asked, DtmfAsked)
    assert asked.request.digits == "12#"
