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


MEANWHILE = RtpStatistics(rxcount=500, rxoctetcount=80_000)


def later(**changes: float) -> RtpStatistics:
    return MEANWHILE.model_copy(update=changes)


def looks(*seen: RtpStatistics | None) -> list[str | None]:
    """What is found at the first look of a pause, and at those that follow."""
    signs = SignsOfLife()
    return [signs.fault_since(statistics, is_first=not number) for number, statistics in enumerate(seen)]


@pytest.mark.parametrize("now", [MEANWHILE, later(txcount=9_999, rxploss=12)], ids=["nothing", "our own packets"])
def test_audio_that_stops_without_any_other_sign_of_life_is_a_dead_far_end(now: RtpStatistics) -> None:
    first, second = looks(MEANWHILE, now)
    assert first is None
    assert "any other sign of life comes from the caller any more" in (second or "")


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(later(rxcount=501), id="comfort noise"),
        pytest.param(later(rtt=0.7), id="RTCP"),
        pytest.param(later(rxcount=549, rxoctetcount=87_840), id="audio, in this moment"),
        pytest.param(None, id="Asterisk does not say"),
    ],
)
def test_one_sign_since_the_last_look_keeps_the_call(now: RtpStatistics | None) -> None:
    assert looks(MEANWHILE, now) == [None, None]


def test_a_key_since_the_last_look_keeps_the_call_once() -> None:
    signs = SignsOfLife()
    signs.fault_since(MEANWHILE, is_first=True)
    signs.caller_acted()
    assert signs.fault_since(MEANWHILE, is_first=False) is None
    assert signs.fault_since(MEANWHILE, is_first=False)


def test_a_look_after_one_that_told_nothing_tells_nothing() -> None:
    assert looks(None, MEANWHILE) == [None, None]


def test_audio_that_does_not_come_through_any_more_is_a_fault() -> None:
    assert "1500 packets" in (looks(MEANWHILE, later(rxcount=2_000, rxoctetcount=320_000))[1] or "")
