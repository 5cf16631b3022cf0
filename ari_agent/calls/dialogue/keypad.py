"""Keys that a user presses, gathered until they make an entry. Pure.

Source: Retell, `user_dtmf_options` (2026-08): a number of digits, a key that ends the entry, or a pause after the last
key, whichever comes first. Where no pause is set, one of a second ends the entry, or of five seconds where the number
of digits or the last key is set, so that nobody waits forever for a key that does not come.
"""

from __future__ import annotations

from typing import Final

from ari_agent.contract.agent_options import UserDtmfOptions

USUAL_PAUSE_MS: Final = 1_000
LONG_PAUSE_MS: Final = 5_000
LONGEST_ENTRY: Final = 50


class Keypad:
    """Gathers the keys of one call. due_ms: when `tick` ends the entry; None while there is no entry."""

    def __init__(self, options: UserDtmfOptions | None) -> None:
        self._limit = (options and options.digit_limit) or LONGEST_ENTRY
        self._last_key = options.termination_key if options else None
        ends_otherwise = options is not None and (options.digit_limit or options.termination_key)
        self._pause_ms = (options and options.timeout_ms) or (LONG_PAUSE_MS if ends_otherwise else USUAL_PAUSE_MS)
        self._keys = ""
        self.due_ms: float | None = None

    def press(self, key: str, now_ms: float) -> str | None:
        """Add a key; return the entry if this key ends it. A key that only ends an entry is no part of it."""
        if key == self._last_key:
            return self._take() or key
        self._keys += key
        self.due_ms = now_ms + self._pause_ms
        return self._take() if len(self._keys) >= self._limit else None

    def tick(self, now_ms: float) -> str | None:
        """Return the entry if the pause after its last key has ended it, otherwise None."""
        return self._take() if self.due_ms is not None and now_ms >= self.due_ms else None

    def _take(self) -> str:
        keys, self._keys, self.due_ms = self._keys, "", None
        return keys
