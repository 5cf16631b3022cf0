"""A URL that somebody configured, without what nobody may read in a log or an error.

User and password are one secret, and a query may hold another (`?token=`). A client sends user and password as Basic
authorization (RFC 7617) and keeps the query; what people are shown has neither.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from yarl import URL

MALFORMED: Final = "(malformed URL)"


@dataclass(frozen=True, slots=True)
class RedactedUrl:
    """A URL with its user and password taken out.

    target: what to dial, with the query. shown: what to log, without it. authorization: the header that user and
    password make; empty for a URL without them.
    """

    target: str = field(repr=False)
    shown: str
    authorization: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Take a URL apart. What is escaped in it stays escaped.

        Raises:
            ValueError: it has no scheme or no host, or its host or port is malformed. The text may hold a secret.
        """
        whole = URL(url, encoded=True)
        target = whole.with_user(None).with_fragment(None)
        if whole.user is None and whole.password is None:
            login = {}
        else:
            login = {"Authorization": basic_authorization(whole.user or "", whole.password or "")}
        return cls(str(target), str(target.with_query(None)), login)


def shown_url(url: str) -> str:
    """Return the URL for logs and errors: scheme, host, port and path; MALFORMED where it cannot be taken apart."""
    try:
        return RedactedUrl.of(url).shown
    except ValueError:
        return MALFORMED


def basic_authorization(username: str, password: str) -> str:
    """Return the value of the header `Authorization` for HTTP Basic authentication (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
