from __future__ import annotations

import pytest

from ari_agent.asterisk.rtp_statistics import RtpStatistics
from ari_agent.calls.signs_of_life import SignsOfLife

NOTHING = RtpStatistics()


@pytest.mark.parametrize(
    "statistics",
    [
        pytest.param(RtpStatistics(rxcount=5, rxoctetcount=5), id="comfort noise"),
        pytest.param(RtpStatistics(rxcount=12, rxoctetcount=48), id="telephone-events"),
        pytest.param(RtpStatistics(rxcount=1), id="an empty packet"),
        pytest.param(RtpStatistics(rxjitter=0.000375), id="RTCP with a jitter"),
        pytest.param(RtpStatistics(rxmes=88), id="RTCP without one"),
        pytest.param(RtpStatistics(rtt=0.7), id="RTCP that answers ours"),
    ],
)
def test_what_asterisk_receives_is_a_sign_of_life(statistics: RtpStatistics) -> None:
    assert SignsOfLife().fault(statistics) is None


@pytest.mark.parametrize("statistics", [NOTHING, None], ids=["nothing", "unknown"])
def test_what_the_caller_does_is_a_sign_of_life(statistics: RtpStatistics | None) -> None:
    signs = SignsOfLife()
    assert "neither audio nor" in (signs.fault(statistics) or "")
    signs.caller_acted()
    assert signs.fault(statistics) is None


def test_audio_that_does_not_come_through_is_a_fault_whatever_the_caller_does() -> None:
    signs = SignsOfLife()
    signs.caller_acted()
    assert "(50 packets), and none of it has come to the controller" in (
        signs.fault(RtpStatistics(rxcount=50, rxoctetcount=8000)) or ""
    )
