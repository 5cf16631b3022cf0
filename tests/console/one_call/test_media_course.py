"""The quality of a call's audio over its time, out of the lines of its log."""

from __future__ import annotations

from typing import Any

from ari_agent.console.one_call.media_course import Stretch, columns, media_course
from tests.console.one_call.test_turn_times import log_of


def counted(ms: int, **counters: Any) -> dict[str, Any]:
    return {"ms": ms, "event": "media", "seconds": 10, "counters": counters}


def measured(ms: int, **facts: Any) -> dict[str, Any]:
    return {"ms": ms, "event": "media_quality", **facts}


def test_counts_and_measures_of_the_same_ten_seconds_are_one_stretch() -> None:
    course = media_course(
        log_of(
            measured(9_900, caller_to_agent={"jitter_ms": 3.5}, round_trip_ms=21.0),
            counted(10_000, packets_received=490, packets_lost=10, packets_late=2, concealed_ms=160),
            counted(20_000, packets_received=500),
            measured(20_150, caller_to_agent={"jitter_ms": 4}, agent_to_caller={"jitter_ms": 9, "loss_percent": 1.5}),
            measured(40_000, caller_to_agent={"jitter_ms": 99}),
        )
    )
    assert course == [
        Stretch(10.0, 10, 2.0, 2, 160, jitter_ms=3.5, round_trip_ms=21.0),
        Stretch(20.0, 0, 0.0, 0, 0, jitter_ms=4, there_jitter_ms=9, there_loss_percent=1.5),
    ]
    assert columns(course) == [
        *("lost", "lost_percent", "late", "concealed_ms", "jitter_ms"),
        *("there_jitter_ms", "there_loss_percent", "round_trip_ms"),
    ]
    assert "there_jitter_ms" not in columns(course[:1])


def test_a_call_without_packets_and_odd_lines_have_no_course() -> None:
    assert media_course(log_of(measured(1, caller_to_agent={"jitter_ms": 1}))) == ()
    odd = counted(1, packets_received="many", packets_lost=None)
    assert media_course(log_of(odd, {"ms": 2, "event": "media", "counters": [1]}, {"ms": 3, "event": "media"})) == ()
    gap = media_course(
        log_of({"ms": 1000, "event": "media", "counters": {"underruns": 1}}, counted(9000, packets_lost=5))
    )
    assert [(stretch.lost, stretch.lost_percent) for stretch in gap] == [(None, None), (5.0, 100.0)]
    assert len(media_course(log_of(*[counted(n, packets_received=1) for n in range(2000)]))) == 1440
