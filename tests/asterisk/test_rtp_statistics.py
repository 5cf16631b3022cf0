"""What Asterisk counts of a channel, as ARI and the channel variable tell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.rtp_statistics import RtpStatistics

SEEN = (
    "ssrc=1555541694;themssrc=420012957;lp=47;rxjitter=0.003000;rxcount=762;txjitter=0.000875;txcount=809;rlp=24;"
    "rtt=0.000396;rxmes=69.978133;txmes=63.655305"
)
"""As Asterisk 22 set it."""


def test_the_variable_says_what_ari_says() -> None:
    assert RtpStatistics.of_variable(SEEN) == RtpStatistics(
        rxploss=47,
        rxjitter=0.003,
        rxcount=762,
        txjitter=0.000875,
        txcount=809,
        txploss=24,
        rtt=0.000396,
        rxmes=69.978133,
    )


@pytest.mark.parametrize("value", ["", "lp=47;txcount=809", "rxcount=1.5", "rxcount=762;rtt=1.2.3", "rxcount=x"])
def test_a_variable_of_others_says_nothing(value: str) -> None:
    assert RtpStatistics.of_variable(value) is None


@given(st.text())
def test_any_value_is_read_without_a_crash(value: str) -> None:
    RtpStatistics.of_variable(value)


@pytest.mark.parametrize(
    ("counted", "lost"), [(0, 0), (24, 24), (0xFFFFFF, 0), (0x800000, 0), (-1, 0), (0xFFFFFFFF, 0)]
)
def test_who_received_more_than_was_sent_has_lost_nothing(counted: int, lost: int) -> None:
    assert RtpStatistics(txploss=counted).reported_lost == lost
    assert RtpStatistics(rxploss=counted).lost == lost
