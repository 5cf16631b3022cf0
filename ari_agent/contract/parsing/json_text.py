"""JSON text: what comes from outside is read strictly (RFC 8259), what is sent is written as JavaScript writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic_core import from_json


class MalformedJson(ValueError):
    """Raised for bytes that are not JSON in UTF-8; the message says what is wrong at which position."""


def parse_json(raw: bytes) -> Any:
    """Return the JSON value that these bytes encode.

    Stricter than the standard library: NaN, Infinity, unpaired surrogates and more than 200 levels are refused, so
    that whatever is read can be written again.

    Raises:
        MalformedJson: the bytes are not JSON in UTF-8.
    """
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(f"not valid UTF-8: byte {error.start} is 0x{raw[error.start]:02x}") from None
    try:
        # What a client wrote is not kept in the cache for strings, which forgets nothing.
        return from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise MalformedJson(f"not valid JSON: {error}") from None


def compact_json(value: object) -> bytes:
    """The value as JSON, byte for byte as `JSON.stringify(JSON.parse(...))` gives it back (ECMA-262, section 25.5).

    So a receiver that parses and serialises a body before it checks the signature gets the same bytes: no spaces, no
    escapes but the necessary ones, numbers as JavaScript spells them, and keys that are array indices first, by their
    value. What JSON or UTF-8 cannot express is replaced rather than losing the event: NaN and infinities by null, as
    JSON.stringify does, and unpaired surrogates by `?`. Integers beyond 2**53 keep all their digits, which JavaScript
    would round.
    """
    text = _dump(value)
    if _INDEX_KEY.search(text):
        text = _dump(_in_javascript_order(value))
    if _UNLIKE_JAVASCRIPT.search(text):
        text = _STRING_OR_NUMBER.sub(_as_javascript, text)
    return text.encode("utf-8", errors="replace")


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_INDEX_KEY: Final = re.compile(r'"(?:0|[1-9][0-9]{0,9})":')
"""Finds a key that may be an array index. Within a string it would have a backslash before its second quote."""
_LAST_INDEX: Final = 2**32 - 2  # ECMA-262 section 6.1.7: of an array index; what is larger is a key like others


def _in_javascript_order(value: object) -> object:
    """The value with the keys of its objects in the order of OrdinaryOwnPropertyKeys (ECMA-262 section 10.1.11.1)."""
    match value:
        case Mapping():
            return {key: _in_javascript_order(value[key]) for key in sorted(value, key=_place)}
        case list() | tuple():
            return [_in_javascript_order(inner) for inner in value]
        case _:
            return value


def _place(key: object) -> int:
    """Where a key stands among those of its object; keys of the same place keep their order."""
    name = str(key)
    is_index = _INDEX_KEY.fullmatch(f'"{name}":') is not None and int(name) <= _LAST_INDEX
    return int(name) if is_index else _LAST_INDEX + 1


_UNLIKE_JAVASCRIPT: Final = re.compile(r"(?:[0-9]\.0|[0-9]e[+-][0-9]+|NaN|Infinity)[,}\]]|\A(?:-?[0-9]|NaN|-?Inf)")
"""Finds a number that JavaScript may write in another way; text that looks like one is found too, without harm."""
_STRING_OR_NUMBER: Final = re.compile(
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(-?[0-9]++(?:\.0(?![0-9])|(?:\.[0-9]++)?e[+-][0-9]+)|NaN|-?Infinity)'
)
"""Strings, which stay as they are, and in its group the floats that Python spells in another way."""
_EXPONENT_ZEROS: Final = re.compile(r"(e[+-])0+")
_PLAIN_FROM, _PLAIN_BELOW = 1e-6, 1e21  # ECMA-262 section 6.1.6.1.20: what is between them has no exponent


def _as_javascript(found: re.Match[str]) -> str:
    """A number as Number::toString spells it: the shortest digits that read back as the same double."""
    text = found[1]
    if text is None:
        return found[0]
    number = float(text)
    size = abs(number)
    if size == 0:
        return "0"
    if not size < float("inf"):
        return "null"
    if _PLAIN_FROM <= size < _PLAIN_BELOW:
        plain = f"{Decimal(text):f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return _EXPONENT_ZEROS.sub(r"\1", text)
