"""Notices: what users are told in the system's own words where the agent cannot answer. Pure.

Two machines that write to each other must not exchange notices for ever: a pair of numbers gets one in EVERY_MS.
"""

from __future__ import annotations

import re
from typing import Final

Pair = tuple[str, str]
"""Our number and the user's, the same for every spelling of them."""

EVERY_MS: Final = 300_000
_MOST_PAIRS: Final = 10_000


class Notices:
    """The texts of all notices, and to whom each was sent when.

    failure: for users whose agent is out of reach. too_long: for users who wrote more than Asterisk hands over. An
    empty text is not sent.
    """

    def __init__(self, *, failure: str = "", too_long: str = "") -> None:
        self._failure = failure
        self._too_long = too_long
        self._told_ms: dict[Pair, int] = {}  # the one that was told longest ago comes first

    def failure(self, pair: Pair, now_ms: int) -> str:
        """Return the notice to send now; empty where there is none, or the pair has had one within EVERY_MS."""
        return self._due(self._failure, pair, now_ms)

    def too_long(self, pair: Pair, now_ms: int) -> str:
        """Return the notice to send now, as `failure` does."""
        return self._due(self._too_long, pair, now_ms)

    def _due(self, text: str, pair: Pair, now_ms: int) -> str:
        if not text or now_ms - self._told_ms.get(pair, -EVERY_MS) < EVERY_MS:
            return ""
        self._told_ms.pop(pair, None)
        if len(self._told_ms) >= _MOST_PAIRS:
            oldest = next(iter(self._told_ms))
            if now_ms - self._told_ms[oldest] < EVERY_MS:
                return ""  # whoever sends under so many names is told nothing
            del self._told_ms[oldest]
        self._told_ms[pair] = now_ms
        return text


def pair_of(our_number: str, user_number: str) -> Pair:
    """Return the two numbers so that every spelling of them is the same pair."""
    return _digits(our_number), _digits(user_number)


def _digits(number: str) -> str:
    match = re.fullmatch(r"(?:\+|00)?([0-9]+)", number)
    return match[1] if match else number
