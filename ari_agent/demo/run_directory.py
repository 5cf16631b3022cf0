"""The directory that one private Asterisk writes to, which goes away with it.

Its lock is held for as long as its owner lives. So a directory whose owner was killed is told from one in use, and the
next owner removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

_FOLDERS: Final = ("etc", "lib", "log", "spool", "run", "work")


class RunDirectory:
    """A locked directory with the folders that Asterisk writes to; made by `make`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def make(cls, runs: Path) -> Self:
        """Make a directory in the folder `runs`, and remove those there whose owners are dead."""
        runs.mkdir(parents=True, exist_ok=True)
        for stale in _unlocked(runs):
            shutil.rmtree(stale, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix="pbx-", dir=runs))
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in _FOLDERS:
            (path / folder).mkdir()
        return cls(path, lock)

    def remove(self) -> None:
        """Remove the directory and release its lock. Does nothing the second time."""
        if self._lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


def _unlocked(runs: Path) -> Iterator[Path]:
    for directory in runs.glob("pbx-*"):
        try:
            lock = os.open(directory / "lock", os.O_RDWR)
        except FileNotFoundError:
            continue  # being made, or being removed, by another process
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            yield directory
        finally:
            os.close(lock)
