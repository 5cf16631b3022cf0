from __future__ import annotations

import pytest

from ari_agent.agents.round_trips import RoundTrips


def test_the_answer_to_a_ping_is_timed_once() -> None:
    trips = RoundTrips()
    payload = trips.ping(10.0)
    assert trips.pong(payload, 10.25) == pytest.approx(0.25)
    assert trips.pong(payload, 10.5) is None


def test_other_pongs_and_late_ones_are_ignored() -> None:
    trips = RoundTrips()
    assert trips.pong(b"", 1.0) is None  # unsolicited, as RFC 6455 allows
    first = trips.ping(10.0)
    second = trips.ping(20.0)
    assert first != second
    assert trips.pong(first, 20.1) is None
    assert trips.pong(b"", 20.2) is None
    assert trips.pong(second, 20.3) == pytest.approx(0.3)
