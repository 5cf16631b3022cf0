"""How many wrong keys one client may try in the form of the login. Pure.

Each wrong key takes some time of a client's own; who is too far ahead of the clock has to wait. Behind a proxy all
clients have the proxy's address: the last address of `X-Forwarded-For`, which the proxy has written, tells them apart.
As anybody may write that header where there is no proxy, the address of the connection is bound as well, less tightly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ari_agent.client_address import client_of


@dataclass(frozen=True, slots=True)
class _Bound:
    """at_once: wrong keys that are taken one after the other; from then on one each so many seconds."""

    at_once: int
    each_s: float


_CLIENT: Final = _Bound(10, 6.0)
_CONNECTION: Final = _Bound(60, 1.0)
_MOST_KNOWN: Final = 4096
"""Addresses that are remembered; of more, those are forgotten first that were remembered first."""


class LoginGuesses:
    """Counts wrong keys by client. All times are in seconds, by any clock that does not go back."""

    def __init__(self) -> None:
        self._used_until_s: dict[str, float] = {}

    def wait_s(self, address: str, forwarded_for: str, *, now_s: float) -> int:
        """Return for how many seconds this client has to wait before its next try; 0: it need not.

        address: of the connection. forwarded_for: the header `X-Forwarded-For`, "" where there is none.
        """
        ahead_s = (
            self._used_until_s.get(name, now_s) - now_s - (bound.at_once - 1) * bound.each_s
            for name, bound in _names(address, forwarded_for)
        )
        return max(0, math.ceil(max(ahead_s)))

    def was_wrong(self, address: str, forwarded_for: str, *, now_s: float) -> None:
        """Count a wrong key of this client."""
        for name, bound in _names(address, forwarded_for):
            used_until_s = max(self._used_until_s.pop(name, now_s), now_s) + bound.each_s
            self._used_until_s[name] = used_until_s  # as the newest
        while len(self._used_until_s) > _MOST_KNOWN:
            del self._used_until_s[next(iter(self._used_until_s))]

    def known(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._used_until_s)


def _names(address: str, forwarded_for: str) -> tuple[tuple[str, _Bound], ...]:
    connection = client_of(address)
    if forwarder := forwarded_for.rpartition(",")[2].strip()[:64]:
        return (connection, _CONNECTION), (f"{connection} {client_of(forwarder)}", _CLIENT)
    return ((f"{connection} ", _CLIENT),)
