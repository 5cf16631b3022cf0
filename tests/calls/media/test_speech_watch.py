"""When an agent has said what it was asked to say."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.media.speech_watch import SpeechLimits, SpeechWatch

LIMITS: Final = SpeechLimits(begins_within_s=8.0, quiet_s=1.5, longest_s=60.0)


def over_at(said: str) -> int | None:
    """In tenths of a second: `a` while the agent speaks, `o` while somebody else does, space for silence."""
    watch = SpeechWatch(LIMITS, now_s=100.0)
    for tenth, who in enumerate(said, start=1):
        if watch.look(100.0 + tenth / 10, agent_speaks=who == "a", others_speak=who == "o"):
            return tenth
    return None


@pytest.mark.parametrize(
    ("said", "tenths"),
    [
        ("aaaaa" + " " * 20, 20),
        ("   aaa   aaa" + " " * 20, 27),
        ("aaa  oooo" + " " * 20, 24),
        ("aaa  oooo     aaaa" + " " * 20, 33),
        (" " * 100, 80),
        ("oooooooooo" + " " * 100, 80),
        ("a" * 1000, 600),
        ("o" * 1000, 80),
        ("a" + "o" * 1000, 600),
        ("aaa", None),
    ],
)
def test_it_is_over_when_the_agent_has_spoken_and_nobody_speaks(said: str, tenths: int | None) -> None:
    assert over_at(said) == tenths


@given(st.text("ao ", min_size=600, max_size=600))
def test_whatever_is_said_it_is_over_in_time(said: str) -> None:
    assert over_at(said) is not None
