"""Values of another JSON type than a peer's protocol says, read as meant where there is only one reading. Pure.

    an integer      5, "5", 5.0, "5.0"
    a flag          true, "true", "False", 1, 0
    a short text    "12", 12
    a text          "Hello", and null for none

Anything else stays as it is, so that validation refuses it and says why.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

_INTEGER: Final = re.compile(r"\s*([+-]?[0-9]{1,18})(?:\.0*)?\s*")
_FLAGS: Final = {"true": True, "false": False}


def _integer(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    found = _INTEGER.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else value


def _flag(value: object) -> object:
    if isinstance(value, str):
        return _FLAGS.get(value.strip().lower(), value)
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _empty(value: object) -> object:
    return "" if value is None else value


LenientInteger = Annotated[int, Field(strict=True), BeforeValidator(_integer)]
LenientFlag = Annotated[bool, Field(strict=True), BeforeValidator(_flag)]
LenientText = Annotated[str, Field(strict=True), BeforeValidator(_text)]
TextOrNull = Annotated[str, Field(strict=True), BeforeValidator(_empty)]
