"""Takes secrets out of what a public log is about to say. Pure.

What is secret is known in three ways: by its value, where it is one of our own settings or of the agent's; by its name
(`Authorization`, `access_token`, `x-api-key`); and by its form (user and query of a URL, `Bearer ...`, a JWT).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

MARK: Final = "***"
"""What stands in the place of a secret. Shorter than any secret, so that it cannot hold one."""
SHORTEST_SECRET: Final = 4
"""Characters; what is shorter is in every text, and no secret."""
DEEPEST: Final = 60
"""How many levels of a JSON value are looked at; what is deeper is left out."""

_LARGEST_BITS: Final = 128  # of integers; Python refuses to write very long ones
_NAMES: Final = re.compile(
    r"authorization|websocket_headers|passw(?:or)?d|passphrase|secret|signature|credential|cookie"
    r"|(?:api|private|access)[-_ ]?key|token$|(?:^|[-_ ])(?:key|auth|jwt|pwd|pin)$",
    re.IGNORECASE | re.ASCII,
)
_ASSIGNED: Final = re.compile(
    r"((?:token|api[-_]?key|passw(?:or)?d|secret|signature|authorization)[\"']?\s{0,3}[=:]\s{0,3}[\"']?)"
    r"[^\s\"'&,;]+",
    re.IGNORECASE | re.ASCII,
)
_SCHEME: Final = re.compile(
    r"\b(bearer|basic|token)\s{1,8}(?=[^\s,;\"']*[\d=+/]|[^\s,;\"']{20})[^\s,;\"']{8,}|\b(digest)\s{1,8}\w+=.*",
    re.IGNORECASE | re.ASCII,
)
_URL: Final = re.compile(r"\b([a-z][a-z0-9+.-]{0,15}://)([^\s\"'<>\\]+)", re.IGNORECASE | re.ASCII)
_SIP_PASSWORD: Final = re.compile(r"\b(sips?:[^@\s:]{0,80}):[^@\s]{1,256}@", re.IGNORECASE | re.ASCII)
_FORMS: Final = re.compile(r"\bkey_[0-9A-Za-z]{12,}|(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*")

_SIGNS: Final = (
    *("://", "sip:", "sips:", "key_", "eyj", "bearer", "basic", "digest"),
    *("token", "secret", "passw", "api", "signature", "authorization"),
)
"""Whatever has one of the forms above has one of these, in small letters; most texts have none."""
_SIGNS_IN_JSON: Final = (
    *_SIGNS,
    *("key", "auth", "jwt", "pwd", 'pin"', "pin\\n", "websocket_headers", "passphrase", "credential", "cookie"),
    *("nan", "infinity"),
)
"""The same for JSON text, whose names may be those of secrets, and which may have numbers that are none in JSON."""


class Redaction:
    """Takes secrets out of values. secrets: their texts; those shorter than SHORTEST_SECRET are not looked for."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._known: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Look for these secrets as well from now on: as they are, as JSON text writes them, and as URLs do."""
        new = {spelt for secret in secrets for spelt in _spellings(secret) if len(spelt) >= SHORTEST_SECRET}
        if new <= self._secrets:
            return
        self._secrets |= new
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)))

    def is_needed(self, json_text: str) -> bool:
        """Return whether `value` may change anything in the value that this JSON text, in ASCII, stands for."""
        small = json_text.lower()
        if any(sign in small for sign in _SIGNS_IN_JSON):
            return True
        return self._known is not None and self._known.search(json_text) is not None

    def text(self, text: str) -> str:
        """Return a text in which MARK stands for every secret that was found."""
        text = self._without_known(text)
        small = text.lower()
        if not any(sign in small for sign in _SIGNS):
            return text
        text = _URL.sub(_shown_url, text)
        text = _SIP_PASSWORD.sub(rf"\1:{MARK}@", text)
        text = _FORMS.sub(MARK, text)
        text = _SCHEME.sub(lambda found: f"{found[1] or found[2]} {MARK}", text)
        return self._without_known(_ASSIGNED.sub(rf"\1{MARK}", text))

    def value(self, value: object, *, depth: int = 0) -> object:
        """Return a JSON value without its secrets, whatever it is made of; what has a secret's name is one whole."""
        match value:
            case _ if depth > DEEPEST:
                return MARK
            case str():
                return self.text(value)
            case None | bool() | int() | float():
                return self._number(value)
            case Mapping():
                return {
                    self.text(str(name)): MARK if _is_secret(name, inner) else self.value(inner, depth=depth + 1)
                    for name, inner in value.items()
                }
            case list() | tuple():
                return [self.value(inner, depth=depth + 1) for inner in value]
            case _:
                return self.text(str(value))

    def _number(self, number: object) -> object:
        if isinstance(number, float) and not math.isfinite(number):
            return None  # JSON has no such number
        if isinstance(number, int) and number.bit_length() > _LARGEST_BITS:
            return MARK
        return MARK if self._known and self._known.search(str(number)) else number

    def _without_known(self, text: str) -> str:
        """Return the text without the secrets that are known by value, also where one is made by taking another out."""
        if self._known is None or not self._known.search(text):
            return text
        text = self._known.sub(MARK, text)
        return MARK if self._known.search(text) else text


def _is_secret(name: object, value: object) -> bool:
    return value not in (None, "") and _NAMES.search(str(name)) is not None


def _spellings(secret: str) -> tuple[str, ...]:
    """Return how a secret may be written: as it is, within JSON text, and within a URL."""
    in_json = (json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False))
    return secret, *in_json, quote(secret, safe="", errors="replace")


def _shown_url(found: re.Match[str]) -> str:
    """Return a URL with scheme, host, port and path alone; MARK says that there was more."""
    rest, fragment_sign, _ = found[2].partition("#")
    rest, query_sign, _ = rest.partition("?")
    authority, slash, path = rest.partition("/")
    login, at, host = authority.rpartition("@")
    shown = f"{MARK}@{host}" if at and login else authority
    return f"{found[1]}{shown}{slash}{path}{f'?{MARK}' if query_sign else ''}{f'#{MARK}' if fragment_sign else ''}"
