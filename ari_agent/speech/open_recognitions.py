"""The recognitions that a recognizer has open: each is kept until it ends, and all are closed with the recognizer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Generic, TypeVar

from ari_agent.speech.utterances import Utterances

R = TypeVar("R", bound=Utterances)


class OpenRecognitions(Generic[R]):
    """A set of recognitions. One that was closed or has failed leaves it by itself."""

    def __init__(self) -> None:
        self._open: set[R] = set()

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._open))

    def add(self, recognition: R) -> R:
        """Keep a recognition in the set until it ends, and return it."""
        self._open.add(recognition)
        recognition.on_end = lambda: self._open.discard(recognition)
        return recognition

    async def close(self) -> None:
        """Close all recognitions of the set at the same time. Idempotent."""
        await asyncio.gather(*(recognition.close() for recognition in self))
