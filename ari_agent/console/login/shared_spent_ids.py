"""What is good no more, as several processes of one machine know it: a file for each id, which one of them can make."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from ari_agent.spent_ids import SpentIds

_UNDATED_S: Final = 1.0
"""For so long an id that another process is just using up may look as if it were over: its file is made, then dated."""


class SharedSpentIds(SpentIds):
    """Ids that were used up, in a folder that the processes share. It is made, and what is over is removed from it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def spend(self, spent_id: str, *, until_s: float, now_s: float) -> bool:
        """Use an id up. Return whether it was good until now, at every process. until_s: when it is over anyway."""
        for known in self._folder.iterdir():
            if _end_s(known) < now_s - _UNDATED_S:
                known.unlink(missing_ok=True)
        path = self._path(spent_id)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        os.utime(path, (until_s, until_s))
        return True

    def is_spent(self, spent_id: str) -> bool:
        """Whether an id was used up, at any process."""
        return self._path(spent_id).exists()

    def _path(self, spent_id: str) -> Path:
        return self._folder / hashlib.sha256(spent_id.encode()).hexdigest()


def _end_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process was faster
        return float("inf")
