"""How many connections the HTTP server takes, so that callers' sockets, which need files too, are never refused."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ari_agent.client_address import client_of

log = logging.getLogger(__name__)

FILES_PER_CALL: Final = 6
"""Audio, agent, speech to text, text to speech, public log, recording."""
OWN_FILES: Final = 100
"""Database, Asterisk, webhooks, logs and libraries."""
_WARN_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """in_all, per_address: connections at the same time; 0 is any number. head_timeout_s: for a first request's head.

    answer_timeout_s: how long a client may take to read an answer. keep_alive_s: how long a connection stays open after
    its last request; proxies keep theirs for up to 60 s.
    """

    in_all: int = 0
    per_address: int = 0
    head_timeout_s: float = 20.0
    answer_timeout_s: float = 120.0
    keep_alive_s: float = 75.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection is not taken: an HTTP status and words for the client."""

    status: int
    message: str


def files_for(calls: int) -> int:
    """Return how many files a process may need for so many calls at the same time."""
    return OWN_FILES + FILES_PER_CALL * calls


def connections_beside_calls(open_files: int, concurrency_limit: int) -> int:
    """Return how many HTTP connections leave enough of the files that a process may open for this many calls.

    At least a quarter of them, so that the API answers where the limit of files is too low for the calls.
    """
    for_calls, at_least = files_for(concurrency_limit), open_files // 4
    if open_files - for_calls < at_least:
        log.warning(
            "%d calls may need %d files, and %d may be open: raise LimitNOFILE (`ulimit -n`) or "
            "lower ARI_AGENT_CONCURRENCY_LIMIT",
            concurrency_limit,
            for_calls,
            open_files,
        )
    return max(open_files - for_calls, at_least)


class OpenConnections:
    """Counts the connections of one server against its limits, in all and by address."""

    def __init__(self, limits: ConnectionLimits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self._clock = limits, clock
        self._by_address: Counter[str] = Counter()
        self._in_all = 0
        self._warn_at_s = clock()

    def opened(self, address: str) -> Refusal | None:
        """Count a connection of this IP address in; or return why it is not taken, and then it is not counted."""
        party = client_of(address)
        if 0 < self.limits.in_all <= self._in_all:
            return self._refuse(Refusal(503, f"all {self.limits.in_all} connections are taken; try again later"))
        if 0 < self.limits.per_address <= self._by_address.get(party, 0):
            message = f"{self.limits.per_address} connections of this address are open; close one, or use it again"
            return self._refuse(Refusal(429, message), address)
        self._in_all += 1
        self._by_address[party] += 1
        return None

    def closed(self, address: str) -> None:
        """Count a connection out that was counted in."""
        party = client_of(address)
        self._in_all -= 1
        self._by_address[party] -= 1
        if not self._by_address[party]:
            del self._by_address[party]

    def _refuse(self, refusal: Refusal, address: str = "any") -> Refusal:
        """Log it, but not once for each: whoever floods the port shall not fill the disk."""
        if self._clock() >= self._warn_at_s:
            log.warning("HTTP connections are refused: %s", refusal.message, extra={"address": address})
            self._warn_at_s = self._clock() + _WARN_EVERY_S
        return refusal
