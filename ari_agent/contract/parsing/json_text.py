"""JSON from outside: request bodies and webhook answers (RFC 8259)."""

from __future__ import annotations

from typing import Any

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
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedJson(f"not valid JSON: {error}") from None
