"""URLs that a client hands over: webhooks (http, https) and agents (ws, wss)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

MAX_URL_CHARACTERS: Final = 2048
_TEMPLATE: Final = re.compile(r"\{\{[^{}]*\}\}")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\x9f<>\"\\^`|]")


def _url(*schemes: str) -> Callable[[str], str]:
    """A validator that returns a URL of one of these schemes unchanged, and raises ValueError for any other text."""
    expected = f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"

    def check(text: str) -> str:
        # {{name}} is replaced once the call is known, and may stand in any part of the URL.
        filled = _TEMPLATE.sub("1", text)
        if found := _FORBIDDEN.search(filled):
            raise ValueError(f"{expected}, without the character {found[0]!r}")
        if text.startswith("{{"):
            return text
        try:
            parts = urlsplit(filled)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{expected}: {error}") from None
        if parts.scheme not in schemes or not parts.hostname or port == 0:
            raise ValueError(f"{expected} and names a host")
        return text

    return check


_URL_FIELD: Final = Field(min_length=1, max_length=MAX_URL_CHARACTERS)

WebhookUrl = Annotated[str, _URL_FIELD, AfterValidator(_url("http", "https"))]
"""An http or https URL that names a host; it may hold `{{dynamic_variables}}`."""

WebsocketUrl = Annotated[str, _URL_FIELD, AfterValidator(_url("ws", "wss"))]
"""A ws or wss URL that names a host; it may hold `{{dynamic_variables}}`."""
