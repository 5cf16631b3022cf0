from __future__ import annotations

import pytest

from ari_agent.calls.claim_delay import FULL_CALLS, LONGEST_S, claim_delay_s


def test_who_has_no_call_claims_at_once_and_nobody_waits_longer_than_30_ms() -> None:
    assert claim_delay_s(0) == 0
    assert claim_delay_s(FULL_CALLS) == claim_delay_s(10 * FULL_CALLS) == LONGEST_S == 0.03


def test_who_has_more_calls_waits_longer() -> None:
    delays = [claim_delay_s(calls) for calls in range(FULL_CALLS + 1)]
    assert delays == sorted(set(delays))


@pytest.mark.parametrize(("calls", "delay_ms"), [(1, 1.5), (25, 7.5), (100, 15.0)])
def test_few_calls_tell_more_than_many(calls: int, delay_ms: float) -> None:
    assert claim_delay_s(calls) * 1000 == pytest.approx(delay_ms)
