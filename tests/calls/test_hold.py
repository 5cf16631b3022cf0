from __future__ import annotations

import pytest

from ari_agent.calls.hold import Hold, HoldReason
from ari_agent.calls.media.commands import CallerAway, CallerBack


@pytest.mark.parametrize("reason", HoldReason)
def test_a_caller_who_is_held_is_away_until_the_hold_ends(reason: HoldReason) -> None:
    hold = Hold()
    assert hold.begin(reason) == CallerAway()
    assert hold.by_phone == (reason is HoldReason.PHONE)
    assert hold.end(reason) == CallerBack()
    assert not hold.by_phone


@pytest.mark.parametrize("reason", HoldReason)
def test_what_is_reported_twice_is_commanded_once(reason: HoldReason) -> None:
    hold = Hold()
    assert hold.end(reason) is None
    hold.begin(reason)
    assert hold.begin(reason) is None
    assert hold.end(reason) == CallerBack()
    assert hold.end(reason) is None


def test_a_phone_that_ends_its_hold_while_its_refer_waits_is_still_away() -> None:
    hold = Hold()
    hold.begin(HoldReason.PHONE)
    assert hold.begin(HoldReason.TRANSFER) is None
    assert hold.end(HoldReason.PHONE) is None
    assert hold.end(HoldReason.TRANSFER) == CallerBack()


def test_a_caller_who_comes_back_from_a_failed_refer_on_hold_is_still_away() -> None:
    hold = Hold()
    hold.begin(HoldReason.TRANSFER)
    assert hold.begin(HoldReason.PHONE) is None
    assert hold.end(HoldReason.TRANSFER) is None
    assert hold.end(HoldReason.PHONE) == CallerBack()
