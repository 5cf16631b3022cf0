"""A number as somebody dialled it, and how it may be registered here. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence


def number_spellings(dialled: str) -> Sequence[str]:
    """List how a dialled number may be registered, the likeliest first.

    A number may be registered as it was dialled, or in E.164: with `+` where it was dialled with `00` or without a
    prefix. A name, and what is too short or too long for a number, has one spelling.
    """
    digits = dialled.removeprefix("+")
    if not re.fullmatch(r"[0-9]{3,20}", digits):
        return (dialled,)
    international = digits.removeprefix("00") if dialled.startswith("00") else digits
    return tuple(dict.fromkeys((dialled, f"+{international}", digits)))
