"""Which marks an audio agent is still to be told of, where its connection was lost in between. Pure."""

from __future__ import annotations

from collections.abc import Sequence


class OwedMarks:
    """The marks that one agent has set, and that were not reported to it yet; those of a lost connection never are."""

    def __init__(self) -> None:
        self._waiting = self._forgotten = 0

    def set(self) -> None:
        """Take note that the agent has set a mark."""
        self._waiting += 1

    def forget(self) -> None:
        """Take note that the connection is lost on which all marks so far were set."""
        self._forgotten = self._waiting

    def due(self, names: Sequence[str]) -> Sequence[str]:
        """Return which of the marks that were played or cleared, in the order of setting, the agent is to be told."""
        forgotten = min(self._forgotten, len(names))
        self._forgotten -= forgotten
        self._waiting = max(0, self._waiting - len(names))
        return names[forgotten:]
