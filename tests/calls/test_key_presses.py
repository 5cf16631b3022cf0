from __future__ import annotations

from collections.abc import Sequence

import pytest

from ari_agent.calls.key_presses import KeyPresses


def counted(*ended_ms: int, duration_ms: int, digit: str = "5") -> Sequence[int]:
    """Which of a row of events count, by when the key was released."""
    keys = KeyPresses()
    return [at_ms for at_ms in ended_ms if keys.counts(digit, duration_ms=duration_ms, ended_ms=at_ms)]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param((0, 1, 45, 47, 251), id="three at once"),
        pytest.param((0, 1, 45, 46, 251, 252, 457, 458, 662), id="five at once"),
        pytest.param((0, 20, 45, 46, 251), id="three, 20 ms apart"),
        pytest.param((0, 22, 46, 46, 251, 252, 457, 457, 662), id="five, 20 ms apart"),
        pytest.param((0, 6, 130, 131, 625, 626, 961), id="on a busy machine"),
    ],
)
def test_one_key_whose_end_comes_several_times_is_one_key(events: Sequence[int]) -> None:
    assert counted(*events, duration_ms=160) == [0]


@pytest.mark.parametrize(
    ("events", "duration_ms", "pressed"),
    [
        pytest.param((0, 103, 207, 229), 60, (0, 103, 207), id="60 ms with pauses of 40 ms, the last told twice"),
        pytest.param((0, 80, 160, 240, 320), 40, (0, 80, 160, 240, 320), id="the shortest that there are"),
        pytest.param((0, 125, 250), 60, (0, 125, 250), id="60 ms with pauses of 60 ms"),
        pytest.param((0, 100, 295), 250, (0, 295), id="SIP INFO with a made-up duration, the second told twice"),
        pytest.param((0, 5, 295, 296, 590), 250, (0, 295, 590), id="three INFOs at once"),
        pytest.param((0, 0), 0, (0, 0), id="without a duration, at the same time"),
        pytest.param((0, 120, 240), 0, (0, 120, 240), id="without a duration"),
        pytest.param((1000, 400), 160, (1000, 400), id="a clock that was set back"),
    ],
)
def test_a_key_that_is_pressed_again_counts(events: Sequence[int], duration_ms: int, pressed: Sequence[int]) -> None:
    assert tuple(counted(*events, duration_ms=duration_ms)) == pressed


def test_another_key_counts_whenever_it_comes() -> None:
    keys = KeyPresses()
    assert all(keys.counts(digit, duration_ms=100, ended_ms=ended_ms) for ended_ms, digit in enumerate("5454"))


def test_a_row_that_is_told_several_times_ends_with_a_pause() -> None:
    assert counted(0, 1, 45, 46, 251, 480, 481, 525, duration_ms=160) == [0, 480]
