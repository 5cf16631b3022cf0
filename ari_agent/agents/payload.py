"""The base64 of agents that do not write it as RFC 4648 section 4 does, read where it can mean only one thing. Pure."""

from __future__ import annotations

import binascii
import re
from typing import Final

_DATA_URL: Final = re.compile(r"data:[^,]{0,100};base64,", re.ASCII | re.IGNORECASE)  # RFC 2397
_WHITE_SPACE: Final = re.compile(r"[ \t\r\n]+")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_MAX_PADDING: Final = 2


def decode_payload(payload: str) -> bytes | None:
    """Return the bytes of base64 that has white space in it, no padding, the URL-safe alphabet or a `data:` prefix.

    None where the text is no base64, or can be read in two ways: it mixes both alphabets, or goes on after its padding.
    """
    text = payload
    if prefix := _DATA_URL.match(text):
        text = text[prefix.end() :]
    text = _WHITE_SPACE.sub("", text)
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            return None
        text = text.translate(_URL_SAFE)
    body = text.rstrip("=")
    if len(text) - len(body) > _MAX_PADDING:
        return None
    try:
        return binascii.a2b_base64(body + "=" * (-len(body) % 4), strict_mode=True)
    except ValueError:  # characters outside ASCII raise a plain ValueError
        return None
