"""What is made of our counters and Asterisk's."""

from __future__ import annotations

import pytest

from ari_agent.asterisk.rtp_statistics import RtpStatistics
from ari_agent.calls.media.call_media import MediaStats
from ari_agent.calls.quality_meter import QualityMeter
from ari_agent.contract.media_quality import MediaQuality, StreamQuality
from ari_agent.media.e_model import CODECS, G711, G722, mos, rating

HEARD = MediaStats(
    packets_received=953,
    packets_sent=1000,
    packets_lost=50,
    lost_runs=50,
    packets_late=2,
    packets_duplicate=3,
    packets_reordered=4,
    concealed_ms=1040,
)
TOLD = RtpStatistics(
    rxcount=950, rxploss=40, txjitter=0.002, local_maxjitter=0.004, txcount=998, rxjitter=0.001, rxmes=90, rtt=0.08
)


def meter(*told: RtpStatistics, codec: str | None = "ulaw", line: str = "ulaw") -> QualityMeter:
    one = QualityMeter(line)
    one.codec = codec
    for statistics in told:
        one.told("c1", statistics)
    return one


def test_each_direction_has_what_is_known_of_it() -> None:
    quality = meter(TOLD).quality(HEARD)
    assert quality == MediaQuality(
        codec="ulaw",
        round_trip_ms=80.0,
        caller_to_agent=StreamQuality(
            packets=953,
            lost=50,
            loss_percent=5.0,
            late=2,
            reordered=4,
            duplicate=3,
            concealed_ms=1040,
            jitter_ms=2.0,
            max_jitter_ms=4.0,
            mos=round(mos(rating(G711, loss_percent=5.2)), 2),
        ),
        agent_to_caller=StreamQuality(
            packets=998, lost=0, loss_percent=0.0, jitter_ms=1.0, max_jitter_ms=1.0, mos=4.41
        ),
    )


def test_loss_that_asterisk_closed_before_it_came_to_us_counts() -> None:
    stream = meter(RtpStatistics(rxploss=50)).quality(MediaStats(packets_received=950)).caller_to_agent
    assert (stream.lost, stream.loss_percent) == (50, 5.0)


def test_bursts_are_worse_than_as_much_loss_here_and_there() -> None:
    alone, bursts = (
        meter().quality(MediaStats(packets_received=950, packets_lost=50, lost_runs=runs)).caller_to_agent.mos
        for runs in (50, 10)
    )
    assert alone is not None
    assert bursts == round(mos(rating(G711, loss_percent=5, burst_ratio=5 * 0.95)), 2)
    assert bursts < alone


def test_a_long_delay_lowers_both() -> None:
    quality = meter(TOLD.model_copy(update={"rtt": 0.8})).quality(HEARD)
    assert quality.agent_to_caller.mos == round(mos(rating(G711, delay_ms=400)), 2)


def test_a_phone_that_reports_nothing_leaves_its_direction_open() -> None:
    stream = meter(RtpStatistics(txcount=998)).quality(HEARD).agent_to_caller
    assert stream == StreamQuality(packets=998)


def test_an_asterisk_that_tells_nothing_leaves_what_we_count() -> None:
    quality = meter().quality(HEARD)
    assert quality.agent_to_caller == StreamQuality(packets=1000)
    assert (quality.caller_to_agent.jitter_ms, quality.caller_to_agent.loss_percent) == (None, 5.0)
    assert quality.round_trip_ms is None


def test_a_call_without_a_packet_has_no_score() -> None:
    quality = meter(RtpStatistics(rxmes=90)).quality(MediaStats())
    assert (quality.caller_to_agent.mos, quality.agent_to_caller.mos) == (None, None)


def test_the_counters_of_every_phone_of_a_call_are_added_up() -> None:
    one = meter(RtpStatistics(txcount=500, txploss=10, rxmes=80, rxjitter=0.005))
    one.told("c2", RtpStatistics(txcount=100, rxjitter=0.001))
    one.told("c2", RtpStatistics(txcount=500, rxjitter=0.001))
    stream = one.quality(HEARD).agent_to_caller
    assert (stream.packets, stream.lost, stream.jitter_ms, stream.max_jitter_ms) == (1000, 10, 1.0, 5.0)


def test_a_phone_cannot_report_more_loss_than_was_sent() -> None:
    stream = meter(RtpStatistics(txcount=500, txploss=100_000, rxmes=1)).quality(HEARD).agent_to_caller
    assert (stream.lost, stream.loss_percent) == (500, 100.0)


@pytest.mark.parametrize(
    ("codec", "line", "score"),
    [
        ("g722", "g722", mos(rating(G722), is_wideband=True)),
        ("g722", "ulaw", mos(rating(G711))),
        ("alaw", "ulaw", mos(rating(G711))),
        ("g729", "ulaw", mos(rating(CODECS["g729"]))),
        ("opus", "g722", None),
        (None, "ulaw", None),
    ],
)
def test_the_score_is_that_of_the_codec(codec: str | None, line: str, score: float | None) -> None:
    quality = meter(codec=codec, line=line).quality(MediaStats(packets_received=100))
    assert quality.caller_to_agent.mos == (score and round(score, 2))
