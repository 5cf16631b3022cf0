"""Who has answered, by what is heard; the figures with a human's recorded words are in tests/benchmarks/README.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ari_agent.calls.media.greeting_listener import DETECTION_MS, GreetingListener, Heard
from tests.fakes.sound import Samples, noise, silence, tone

HUMAN, MACHINE, OVER = Heard.HUMAN, Heard.MACHINE, Heard.GREETING_OVER


def heard(*parts: Samples, ends: bool = True) -> Sequence[tuple[int, Heard]]:
    """What was found out, each with its time in ms; ends: whether there is nothing more to find out at the end."""
    listener = GreetingListener()
    pcm = np.concatenate(parts)
    told: list[tuple[int, Heard]] = []
    for index, start in enumerate(range(0, len(pcm) - 159, 160)):
        if listener.is_done:
            break
        told += [((index + 1) * 20, what) for what in listener.hear(pcm[start : start + 160].tobytes())]
    assert listener.is_done == ends
    return told


@pytest.mark.parametrize("waits_s", [0.0, 0.4, 1.0, 3.0, 10.0])
def test_some_words_and_a_pause_are_a_human(waits_s: float) -> None:
    told = heard(silence(waits_s), noise(0.6), silence(3), ends=False)
    assert told == [(waits_s * 1000 + 600 + 500, HUMAN)]


def test_what_a_human_says_later_is_conversation() -> None:
    assert heard(noise(0.6), silence(1), noise(8), silence(2), noise(3), ends=False) == [(1100, HUMAN)]


def test_a_human_who_says_hello_twice_is_one() -> None:
    assert heard(noise(0.6), silence(0.8), noise(0.6), silence(2), ends=False) == [(1100, HUMAN)]


@pytest.mark.parametrize("pause_s", [0.1, 0.3])
def test_many_words_are_a_machine(pause_s: float) -> None:
    sentence = np.concatenate([noise(0.8), silence(pause_s)])
    told = heard(silence(0.4), *[sentence] * 6, silence(1.5))
    assert told == [(2600 + 2000 * pause_s, MACHINE), (400 + 4800 + 5000 * pause_s + 1500, OVER)]


def test_a_machine_with_a_pause_after_its_first_words_is_no_human_after_all() -> None:
    told = heard(noise(0.6), silence(0.8), noise(3), silence(2))
    assert told == [(1100, HUMAN), (1400 + 1600, MACHINE), (4400 + 1500, OVER)]


def test_a_beep_ends_a_greeting_at_once() -> None:
    told = heard(noise(3), silence(0.4), tone(1000, 0.4), silence(2))
    assert told == [(2200, MACHINE), (3860, OVER)]


@pytest.mark.parametrize("before", [silence(0.5), np.concatenate([noise(0.6), silence(1.4), noise(4), silence(0.4)])])
def test_a_beep_makes_a_machine_of_anybody(before: Samples) -> None:
    told = heard(before, tone(1000, 0.4), silence(2))
    at_ms = len(before) // 8 + 460
    assert told[-2:] == [(at_ms, MACHINE), (at_ms, OVER)]


def test_noise_that_goes_on_is_no_voice() -> None:
    assert heard(noise(20, level_dbfs=-45.0), ends=False) == []
    behind = noise(6, level_dbfs=-35.0)
    hello = np.concatenate([silence(2), noise(0.6, level_dbfs=-15.0), silence(3.4)])
    (*_, (_, who)) = heard((behind + hello).astype(np.int16), ends=False)
    assert who is HUMAN


def test_a_click_is_no_word() -> None:
    assert heard(silence(0.3), noise(0.08), silence(2), ends=False) == []


def test_a_greeting_that_never_ends_is_over_after_a_minute() -> None:
    sentence = np.concatenate([noise(0.9), silence(0.1)])
    assert heard(*[sentence] * 70) == [(2400, MACHINE), (62_400, OVER)]


def test_nobody_listens_after_three_minutes() -> None:
    listener = GreetingListener()
    frame = silence(0.02).tobytes()
    for _ in range(DETECTION_MS // 20):
        assert not listener.is_done
        assert listener.hear(frame) == ()
    assert listener.is_done
