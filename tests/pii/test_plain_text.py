"""Texts as what looks for numbers reads them, and the way back to where each character was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.pii.plain_text import PlainText, plain_text


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("4111 1111-1111", PlainText("4111 1111-1111")),
        ("a\tb\r\nc", PlainText("a b \nc")),
        ("1\u00a02\u20113\u22124\u20145", PlainText("1 2-3-4\u20145")),
        ("\uff21\uff11\u2460\u00b9", PlainText("A111")),
        ("\u0661\ufb01", PlainText("\u0661\ufb01")),
        ("1\u200b2\ufe0f\u20e33", PlainText("123", [0, 2, 5])),
        ("", PlainText("")),
    ],
)
def test_each_character_becomes_its_plain_kin(written: str, plain: PlainText) -> None:
    assert plain_text(written) == plain


@given(st.text())
def test_every_place_is_one_of_the_text(written: str) -> None:
    plain = plain_text(written)
    places = plain.places if plain.places is not None else range(len(written))
    assert len(places) == len(plain.text)
    assert list(places) == sorted(set(places)) and all(0 <= place < len(written) for place in places)
