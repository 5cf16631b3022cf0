"""What strangers wrote, on one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.one_line import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 你好 \N{BELL}", "Grüße, 你好 \N{BELL}"),
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[2J\x9b\u202e\ud800", r"\x1b[2J\x9b\u202e\ud800"),
    ],
)
def test_what_commands_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text())
def test_every_text_is_one_printable_line(text: str) -> None:
    assert one_line(text).isprintable()
