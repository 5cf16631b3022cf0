"""Voice ids, by whose voice they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.voice_name import PREFIXES, VoiceRefused, split


@pytest.mark.parametrize(
    ("voice_id", "expected"),
    [
        ("openai-Alloy", ("openai", "Alloy")),
        ("11labs-Adrian-2", ("11labs", "Adrian-2")),
        ("en_US-amy-medium", (None, "en_US-amy-medium")),
        ("openai-", (None, "openai-")),
        ("openai", (None, "openai")),
        ("", (None, "")),
    ],
)
def test_the_provider_stands_before_the_first_dash(voice_id: str, expected: tuple[str | None, str]) -> None:
    assert split(voice_id) == expected


@given(st.sampled_from(sorted(PREFIXES)), st.text(min_size=1))
def test_nothing_of_an_id_is_lost(prefix: str, name: str) -> None:
    assert split(f"{prefix}-{name}") == (prefix, name)


@given(st.text())
def test_any_text_is_some_voice(voice_id: str) -> None:
    provider, name = split(voice_id)
    assert (name if provider is None else f"{provider}-{name}") == voice_id


def test_a_refusal_says_what_would_be_right() -> None:
    assert str(VoiceRefused("set voice_id to alloy")) == "set voice_id to alloy"
