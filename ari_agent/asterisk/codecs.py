"""Which of Asterisk's audio codecs are wideband: nearly all of those that are younger than the telephone's. Pure."""

from __future__ import annotations

from typing import Final

CODEC: Final = "CHANNEL(audioreadformat)"
"""Reads the codec in which a channel's audio comes, under Asterisk's name; before the answer it is the first that both
sides have, in the order of the endpoint's `allow`."""

NEGOTIATED: Final = "CHANNEL(audionativeformat)"
"""Reads the codecs that the far end of an answered channel uses, the first in front: `(ulaw)`, `(g722|alaw)`."""

_NARROWBAND: Final = frozenset(
    {
        *("adpcm", "alaw", "amr", "g723", "g726", "g726aal2", "g729"),
        *("gsm", "ilbc", "lpc10", "silk8", "slin", "speex", "ulaw"),
    }
)


def is_wideband(codec: str) -> bool:
    """Whether a codec has more than the 4 kHz of a telephone line. codec: its name, or `""` where it is not known."""
    return codec != "" and codec not in _NARROWBAND


def first_codec(negotiated: str) -> str | None:
    """Return the first codec of what NEGOTIATED reads; None where there is none."""
    return negotiated.strip("()").split("|")[0] or None
