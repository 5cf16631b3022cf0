"""Looks for personal data in a thread of its own, finds none, and takes as long as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ari_agent.pii.personal_data import PersonalData


class SlowFinder:
    """A FindMore. looked: the texts it was asked about so far. goes_on: until this is set, it answers nothing."""

    def __init__(self) -> None:
        self.looked: list[Sequence[str]] = []
        self.goes_on = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        """Find nothing."""
        self.looked.append(texts)
        asyncio.run_coroutine_threadsafe(self.goes_on.wait(), self._loop).result()
        return [[] for _ in texts]
