"""Tells the keys that a caller pressed from those that Asterisk reports again. Pure.

The end of a key is sent three times or more, with the timestamp of its beginning (RFC 4733 section 2.5.1.4). Some
gateways give each of these packets a timestamp of its own, and Asterisk takes each for a key. One that comes while
another is being played it reports twice, when it comes and when it is its turn, 45 ms after the other. Measured on
Asterisk 22 (ms; x: the same packet a second time):

    a 5 of 160 ms, whose three ends have timestamps of their own:     0    1   45x   47  251x
    a 7 of 60 ms, pressed three times with pauses of 40 ms:           0  103  207   229x

So a key that must have begun before the last one ended is none. And where two more are told within the time of one key,
all that belong together are the same key: they come in pairs, the second of each as late as Asterisk needs.
"""

from __future__ import annotations

from typing import Final

_SHORTEST_MS: Final = 40
"""The shortest key, and the shortest pause between two (ITU-T Q.24)."""
_BURST_MS: Final = 95
"""Asterisk tells a third time after 45 to 70 ms; two keys and two pauses take 160 ms at least."""
_TURN_MS: Final = 500
"""How much later than its length a packet's second report may come; 45 ms where Asterisk has little to do."""


class KeyPresses:
    """The keys of one call, as Asterisk reports them."""

    def __init__(self) -> None:
        self._digit = ""
        self._first_ms = self._last_ms = self._counted_ms = 0
        self._repeats = 0

    def counts(self, digit: str, *, duration_ms: int, ended_ms: int) -> bool:
        """Return whether this is a key that was pressed, and not one that was reported before.

        duration_ms: how long it was held. ended_ms: when it was released, by Asterisk's clock.
        """
        pause_ms, self._last_ms = ended_ms - self._last_ms, ended_ms
        if digit != self._digit or not self._continues(pause_ms, duration_ms):
            self._digit, self._first_ms, self._counted_ms = digit, ended_ms, ended_ms
            self._repeats = 0
            return True
        if self._is_burst or ended_ms - self._first_ms < max(duration_ms, _BURST_MS):
            self._repeats += 1
        if self._is_burst or ended_ms - self._counted_ms < duration_ms:
            return False
        self._counted_ms = ended_ms
        return True

    @property
    def _is_burst(self) -> bool:
        """Whether two more reports came within the time of one key, so that all that belong together are that key."""
        return self._repeats >= 2

    def _continues(self, pause_ms: int, duration_ms: int) -> bool:
        """Return whether a report so long after the last one of the same digit may be of the same row of reports."""
        waits_for_turn = not self._is_burst or self._repeats % 2 == 1
        return 0 <= pause_ms <= (duration_ms + _TURN_MS if waits_for_turn else _SHORTEST_MS)
