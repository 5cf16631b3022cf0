"""Shows what strangers wrote on one line, without what a terminal or a log would take as a command. Pure."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return a text with control characters, such as line ends, escaped: no stranger can forge a line or a colour."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
