from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.token_bucket import TokenBucket


def test_a_burst_costs_no_time_and_what_exceeds_it_does() -> None:
    bucket = TokenBucket(burst_bytes=1000, bytes_per_s=100)
    assert bucket.take(1000, 5.0) == 0
    assert bucket.take(50, 5.0) == 0.5
    assert bucket.take(0, 5.25) == 0.25
    assert bucket.take(0, 5.5) == 0


def test_a_pause_gives_the_burst_back_and_no_more() -> None:
    bucket = TokenBucket(burst_bytes=1000, bytes_per_s=100)
    assert bucket.take(1000, 0.0) == 0
    assert bucket.take(1000, 60.0) == 0
    assert bucket.take(1, 60.0) == 0.01


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 30))))
def test_whoever_rests_as_long_as_told_never_exceeds_the_rate(pieces: list[tuple[int, float]]) -> None:
    bucket, now_s, taken = TokenBucket(burst_bytes=1000, bytes_per_s=100), 0.0, 0
    for size, pause_s in pieces:
        now_s += pause_s + bucket.take(size, now_s + pause_s)
        taken += size
        assert taken <= 1000 + 100 * now_s + 0.001
