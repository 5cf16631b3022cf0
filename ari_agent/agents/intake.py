"""Hands on what an agent sends, in order; long audio in slices, so that the other calls' audio is not kept waiting.

To convert 1 MiB of agent audio takes 17 to 38 ms, and one message may hold ten minutes. Between two slices the event
loop serves whatever else is due.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

SLICE_BYTES: Final = 64 * 1024
"""Audio that is handed on at once: about 2 ms of work. Even, so that no 16-bit sample is cut."""


class Intake:
    """The intake of one connection. busy: something still waits, and whatever comes must wait behind it."""

    def __init__(self, hear: Callable[[bytes], None], on_busy: Callable[[bool], None]) -> None:
        """hear: gets the audio. on_busy: told when something begins to wait, and when nothing waits any more."""
        self._hear, self._on_busy = hear, on_busy
        self._waiting: deque[Callable[[], None]] = deque()
        self.busy = False

    def audio(self, payload: bytes) -> None:
        """Hand audio on: at once, or in slices of SLICE_BYTES if it is longer."""
        if len(payload) <= SLICE_BYTES:
            self.do(partial(self._hear, payload))
            return
        whole = memoryview(payload)
        for start in range(0, len(payload), SLICE_BYTES):
            self._waiting.append(partial(self._hear_slice, whole[start : start + SLICE_BYTES]))
        self._begin()

    def do(self, action: Callable[[], None]) -> None:
        """Do this at once, or after everything that waits already."""
        if self.busy:
            self._waiting.append(action)
        else:
            action()

    def drop(self) -> None:
        """Discard everything that waits, so that none of it is handed on."""
        self._waiting.clear()

    def _hear_slice(self, piece: memoryview) -> None:
        self._hear(bytes(piece))

    def _begin(self) -> None:
        if not self.busy:
            self.busy = True
            self._on_busy(True)
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            self.busy = False
            self._on_busy(False)
            return
        action = self._waiting.popleft()
        asyncio.get_running_loop().call_soon(self._next)
        action()
