"""How much a peer may send: a token bucket, whose time is passed in. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class TokenBucket:
    """A budget of bytes that refills with time.

    burst_bytes: may come at once, after a pause. bytes_per_s: may come from then on.
    """

    burst_bytes: float
    bytes_per_s: float
    _left: float = field(init=False)
    _at_s: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._left = self.burst_bytes

    def take(self, size_bytes: int, now_s: float) -> float:
        """Count bytes that have come by `now_s`; return for how many seconds no more should be read, 0 for none.

        size_bytes: 0 asks again without counting anything.
        """
        self._refill(now_s)
        self._left -= size_bytes
        return max(0.0, -self._left / self.bytes_per_s)

    def has(self, size_bytes: int, now_s: float) -> bool:
        """Return whether so much may come at `now_s`, without counting it."""
        self._refill(now_s)
        return self._left >= size_bytes

    def _refill(self, now_s: float) -> None:
        if self._at_s is not None:
            self._left = min(self.burst_bytes, self._left + (now_s - self._at_s) * self.bytes_per_s)
        self._at_s = now_s
