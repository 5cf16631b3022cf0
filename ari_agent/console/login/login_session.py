"""Logins to the console: a cookie that says who is logged in, and what proves that a change came from our own pages.

All of it is signed with a key that is made of the API key and the key that may only look, so that nothing is stored,
every controller with these keys takes it, and a change of either ends every login. Pure.

    cookie:       {role}.{expires, s since 1970}.{id}.{signature}
    login code:   {expires, s since 1970}.{nonce}.{signature}
    shared call:  {call_id}.{expires, s since 1970}.{signature}

Source: OWASP, "Session Management" and "Cross-Site Request Forgery Prevention" cheat sheets (signed double submit).
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_PURPOSE: Final = b"ari-agent logins to the console"
_MAX_LENGTH: Final = 200
"""Characters of a cookie or code; what is longer was not made here."""


class Role(StrEnum):
    """What somebody who is logged in may do: see everything and change it, or see it alone."""

    ADMIN = "admin"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One login. session_id: random, of letters, digits, `-` and `_`. expires_s: seconds since 1970."""

    role: Role
    expires_s: int
    session_id: str

    @property
    def may_change(self) -> bool:
        """Whether more than looking is allowed."""
        return self.role is Role.ADMIN


@dataclass(frozen=True, slots=True)
class LoginSigner:
    """Makes and reads cookies, tokens and login codes. key: secret; see `of_keys`."""

    key: bytes = field(repr=False)

    @classmethod
    def of_keys(cls, api_key: str, read_only_key: str = "") -> LoginSigner:
        """Return the signer whose signatures are good for these two keys, and of no use for anything but logins."""
        return cls(hmac.digest(api_key.encode(), _PURPOSE + b"\n" + read_only_key.encode(), "sha256"))

    def cookie(self, session: LoginSession) -> str:
        """Return the value of the cookie for this login."""
        said = f"{session.role}.{session.expires_s}.{session.session_id}"
        return f"{said}.{self._signature('cookie', said)}"

    def session(self, cookie: str, *, now_s: float) -> LoginSession | None:
        """Return the login that a cookie stands for; None where it was not made here, or is over."""
        said = self._said("cookie", cookie)
        if said is None:
            return None
        role, expires_s, session_id = said.split(".")
        return LoginSession(Role(role), int(expires_s), session_id) if int(expires_s) > now_s else None

    def csrf_token(self, session: LoginSession) -> str:
        """Return what each change has to bring along: pages of others cannot read it."""
        return self._signature("csrf", session.session_id)

    def is_csrf_token(self, session: LoginSession, given: str) -> bool:
        """Whether this is the token of the login; compared in constant time."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.csrf_token(session).encode())

    def login_code(self, nonce: str, *, expires_s: int) -> str:
        """Return a code that logs in once. nonce: random, of letters, digits, `-` and `_`."""
        said = f"{expires_s}.{nonce}"
        return f"{said}.{self._signature('code', said)}"

    def nonce(self, code: str, *, now_s: float) -> str | None:
        """Return the nonce of a login code that is good still; whether it was used is for the caller to know."""
        said = self._said("code", code)
        if said is None:
            return None
        expires_s, nonce = said.split(".")
        return nonce if int(expires_s) > now_s else None

    def share_token(self, call_id: str, *, expires_s: int) -> str:
        """Return what shows the page of one call without a login. call_id: of letters, digits, `-` and `_`."""
        said = f"{call_id}.{expires_s}"
        return f"{said}.{self._signature('share', said)}"

    def shared_call(self, token: str, *, now_s: float) -> tuple[str, int] | None:
        """Return the call_id of a token that is good still, and when it ends, in seconds since 1970; else None."""
        said = self._said("share", token)
        if said is None:
            return None
        call_id, expires_s = said.split(".")
        return (call_id, int(expires_s)) if int(expires_s) > now_s else None

    def _said(self, purpose: str, text: str) -> str | None:
        """Return what a signed text says, exactly as it was signed; None where it was not signed here."""
        said, _, signature = text[:_MAX_LENGTH].rpartition(".")
        given = signature.encode("utf-8", "surrogatepass")
        return said if hmac.compare_digest(given, self._signature(purpose, said).encode()) else None

    def _signature(self, purpose: str, said: str) -> str:
        signed = f"{purpose}\n{said}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(hmac.digest(self.key, signed, "sha256")).decode().rstrip("=")
