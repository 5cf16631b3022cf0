"""Retell's voice ids, and what they are called at the provider: "openai-Alloy" is OpenAI's "alloy". Pure."""

from __future__ import annotations

from typing import Final

PREFIXES: Final = frozenset(
    (
        "11labs",
        "cartesia",
        "deepgram",
        "fish_audio",
        "flite",
        "inworld",
        "minimax",
        "openai",
        "piper",
        "play",
        "playht",
        "retell",
        "wyoming",
    )
)
"""Before the first "-" of a voice_id: whose voice it is (Retell's List Voices, 2026-08, and this machine's)."""


class VoiceRefused(Exception):
    """The provider does not have this voice; another one may do. The message says what would be right."""


def split(voice_id: str) -> tuple[str | None, str]:
    """Whose voice it is, None if the id does not say, and the rest of the id.

    >>> split("openai-Alloy"), split("en_US-amy-medium")
    (('openai', 'Alloy'), (None, 'en_US-amy-medium'))
    """
    prefix, dash, name = voice_id.partition("-")
    return (prefix, name) if dash and prefix in PREFIXES and name else (None, voice_id)
