"""How long an agent takes to answer a ping of its websocket (RFC 6455 section 5.5.2): one ping at a time. Pure."""

from __future__ import annotations

from typing import Final

FIRST_PING_S: Final = 1.0
"""How long after the opening of a websocket its first ping is sent: before, an agent is busy with the call's start."""
PING_EVERY_S: Final = 10.0


class RoundTrips:
    """Matches the pongs of one websocket to its pings. Times are in seconds of the same clock."""

    def __init__(self) -> None:
        self._payload = b""
        self._count = 0
        self._pinged_s = 0.0

    def ping(self, now_s: float) -> bytes:
        """Return the payload of a ping that is sent now; a ping before it that was not answered is forgotten."""
        self._count += 1
        self._payload = f"ari-agent {self._count}".encode()
        self._pinged_s = now_s
        return self._payload

    def pong(self, payload: bytes, now_s: float) -> float | None:
        """Return how many seconds the answer to the latest ping took; None for any other pong."""
        if not self._payload or payload != self._payload:
            return None
        self._payload = b""
        return now_s - self._pinged_s
