"""How an agent listens: the times that follow from its two numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.turn_settings import TurnSettings

_SHARES = st.floats(0, 1)


@pytest.mark.parametrize(("responsiveness", "silence_ms"), [(1.0, 300), (0.5, 650), (0.0, 1000)])
def test_a_responsive_agent_waits_less(responsiveness: float, silence_ms: int) -> None:
    assert TurnSettings(responsiveness=responsiveness).silence_ms == silence_ms


@pytest.mark.parametrize(
    ("sensitivity", "min_voice_ms", "nod_ms", "min_words", "needs_words"),
    [
        (1.0, 160, 1000, 1, False),
        (0.8, 288, 1128, 1, False),
        (0.5, 480, 1320, 1, True),
        (0.1, 736, 1576, 2, True),
    ],
)
def test_a_sensitive_agent_is_silent_sooner(
    sensitivity: float, min_voice_ms: float, nod_ms: float, min_words: int, needs_words: bool
) -> None:
    settings = TurnSettings(interruption_sensitivity=sensitivity)
    assert settings.min_voice_ms == pytest.approx(min_voice_ms)
    assert settings.nod_ms == pytest.approx(nod_ms)
    assert (settings.min_words, settings.needs_words) == (min_words, needs_words)


def test_words_that_hang_in_the_air_are_waited_for_longest() -> None:
    settings = TurnSettings(responsiveness=0.5, language="en-US")
    complete, unknown, hanging = (settings.wait_ms(text) for text in ("Yes, please.", "xyzzy", "I would like to"))
    assert (complete, hanging) == (650, 2 * 650 + 400)
    assert complete <= unknown <= hanging


@given(_SHARES, _SHARES, st.text(max_size=60), st.sampled_from(["en-US", "de-DE", "multi", ""]))
def test_every_agent_has_times_within_the_bounds(
    responsiveness: float, sensitivity: float, text: str, language: str
) -> None:
    settings = TurnSettings(responsiveness, sensitivity, language=language)
    assert 300 <= settings.silence_ms <= 1000
    assert 160 <= settings.min_voice_ms <= 800
    assert settings.silence_ms <= settings.wait_ms(text) <= 2 * settings.silence_ms + 400
