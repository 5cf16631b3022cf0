"""The sample rate of a client's audio, by its pace."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.web.rate_estimate import COMMON_HZ, MAX_WINDOWS, WINDOW_S, RateEstimate
from ari_agent.contract.registered_call import AudioFormat, Encoding

Message = tuple[int, float]
"""Its size in bytes, and when it came, in seconds."""


def estimate(rate_hz: int = 24_000, encoding: Encoding = "s16le") -> RateEstimate:
    """For a call that was registered with this format."""
    audio = {"audio_websocket_protocol": "web", "audio_encoding": encoding, "sample_rate": rate_hz}
    return RateEstimate(AudioFormat.model_validate(audio))


def microphone(rate_hz: float, *, samples: int = 2048, jitter_s: float = 0.02, lasts_s: float = 10.0) -> list[Message]:
    """What a client sends that records at this rate, on a network and a machine that are not always quick."""
    dice = random.Random(7)
    times = (number * samples / rate_hz for number in range(int(lasts_s * rate_hz / samples)))
    return [(2 * samples, at_s + dice.random() * jitter_s) for at_s in times]


def told(rate: RateEstimate, messages: list[Message]) -> Iterator[int]:
    """Each rate that it told, until it had nothing more to find out."""
    for size_bytes, now_s in messages:
        if rate.settled:
            return
        if found := rate.hear(size_bytes, now_s):
            yield found
            return


@pytest.mark.parametrize("samples", [128, 2048])
@pytest.mark.parametrize(
    ("rate_hz", "agreed_hz"), [(16_000, 24_000), (8000, 24_000), (48_000, 24_000), (44_100, 16_000)]
)
def test_another_rate_is_told_after_some_seconds(rate_hz: int, agreed_hz: int, samples: int) -> None:
    assert list(told(estimate(agreed_hz), microphone(rate_hz, samples=samples))) == [rate_hz]


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("drift", [0.97, 1.0, 1.03])
def test_the_agreed_rate_settles_it_at_once(rate_hz: int, drift: float) -> None:
    rate = estimate(rate_hz)
    assert list(told(rate, microphone(rate_hz * drift, lasts_s=2 * WINDOW_S))) == []
    assert rate.settled


def test_g711_has_one_byte_a_sample() -> None:
    rate = estimate(8000, "mulaw")
    assert list(told(rate, [(size // 2, now_s) for size, now_s in microphone(8000)])) == []
    assert rate.settled


@pytest.mark.parametrize(
    "messages",
    [
        [(size, now_s * 1.1) for size, now_s in microphone(24_000, lasts_s=60)],
        [(size, now_s) for size, now_s in microphone(16_000, lasts_s=60) if int(now_s) % 4],
        [(size, now_s / 9) for size, now_s in microphone(24_000, lasts_s=600)],
        [*microphone(16_000, lasts_s=5), *((size, 5 + at_s) for size, at_s in microphone(48_000, lasts_s=5))],
        [(8192, now_s) for now_s in range(60)],
    ],
    ids=["a slow machine", "gaps", "a recording at once", "a pace that changes", "messages far apart"],
)
def test_what_is_no_steady_pace_is_not_judged(messages: list[Message]) -> None:
    assert list(told(estimate(), messages)) == []


def test_of_a_client_that_changes_its_rate_the_later_one_is_told() -> None:
    earlier = [(8192, 0.25 * number) for number in range(17)]  # two windows at 16 kHz
    later = [(4096, 4 + 0.25 * number) for number in range(1, 40)]  # 8 kHz
    assert list(told(estimate(), earlier + later)) == [8000]


def test_a_pace_that_tells_nothing_is_not_watched_for_ever() -> None:
    rate = estimate()
    assert list(told(rate, microphone(20_000, lasts_s=MAX_WINDOWS * (WINDOW_S + 0.2)))) == []
    assert rate.settled


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 10))))
def test_only_common_rates_are_ever_told(messages: list[Message]) -> None:
    now_s, rate = 0.0, estimate()
    for size_bytes, after_s in messages:
        now_s += after_s
        found = rate.hear(size_bytes, now_s)
        assert found is None or found in COMMON_HZ
