"""What is good no more before its time is over: links that have logged in, and logins that were ended. Pure.

In memory, so that a controller that starts anew has forgotten it; of several processes, see shared_spent_ids.py. Only
what was signed here is ever put in.
"""

from __future__ import annotations


class SpentIds:
    """Ids that were used up, each until it would be over anyway. Times are seconds since 1970."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}

    def spend(self, spent_id: str, *, until_s: float, now_s: float) -> bool:
        """Use an id up. Return whether it was good until now. until_s: when it is over anyway."""
        for over in [known for known, end_s in self._until_s.items() if end_s < now_s]:
            del self._until_s[over]
        if spent_id in self._until_s:
            return False
        self._until_s[spent_id] = until_s
        return True

    def is_spent(self, spent_id: str) -> bool:
        """Whether an id was used up."""
        return spent_id in self._until_s
