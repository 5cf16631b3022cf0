"""Short texts that are said again and again, from memory: a greeting begins at once, and costs once.

Most sentences are said once and never again. So that a busy hour's do not push the greetings out, what is new stays on
probation in a quarter of the memory, and moves to the rest when it is asked for a second time; in either part the one
that was not asked for longest goes first (segmented LRU).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from ari_agent.speech.synthesizer import BYTES_PER_MS, Spoken, Synthesizer, Voice

SIZE_BYTES: Final = 32 * 1024 * 1024
LONGEST_CHARS: Final = 300
LONGEST_MS: Final = 30_000

_Key = tuple[str, Voice]
_Pieces = tuple[Spoken, ...]


class SpeechCache:
    """A Synthesizer that remembers what another one has spoken. size_bytes: the most audio that is kept."""

    def __init__(self, synthesizer: Synthesizer, *, size_bytes: int = SIZE_BYTES) -> None:
        self._synthesizer = synthesizer
        self._new = _Shelf(size_bytes // 4)
        self._proven = _Shelf(size_bytes - size_bytes // 4)

    async def start(self) -> None:
        """Start the synthesizer behind the cache. Raises: SpeechUnavailable."""
        await self._synthesizer.start()

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Speak the text from memory if it is there; only what was spoken to its end is kept."""
        key = text, voice
        kept = self._find(key)
        if kept is not None:
            for spoken in kept:
                yield spoken
            return
        pieces: list[Spoken] | None = [] if len(text) <= LONGEST_CHARS else None
        size = 0
        async with aclosing(self._synthesizer.speak(text, voice)) as stream:
            async for spoken in stream:
                size += len(spoken.pcm)
                if size > LONGEST_MS * BYTES_PER_MS:
                    pieces = None
                if pieces is not None:
                    pieces.append(replace(spoken, is_from_memory=True))
                yield spoken
        if pieces:
            self._new.put(key, tuple(pieces))

    async def close(self) -> None:
        """Close the synthesizer whose speech is cached; the cached speech stays usable."""
        await self._synthesizer.close()

    def _find(self, key: _Key) -> _Pieces | None:
        pieces = self._proven.take(key)
        if pieces is None:
            pieces = self._new.take(key)
        if pieces is not None:
            self._proven.put(key, pieces)
        return pieces


class _Shelf:
    """As many entries as fit into size_bytes; the one that was asked for longest ago goes first."""

    def __init__(self, size_bytes: int) -> None:
        self._free_bytes = size_bytes
        self._kept: OrderedDict[_Key, _Pieces] = OrderedDict()

    def put(self, key: _Key, pieces: _Pieces) -> None:
        self.take(key)
        self._kept[key] = pieces
        self._free_bytes -= _size(pieces)
        while self._free_bytes < 0:
            self.take(next(iter(self._kept)))

    def take(self, key: _Key) -> _Pieces | None:
        pieces = self._kept.pop(key, None)
        if pieces is not None:
            self._free_bytes += _size(pieces)
        return pieces


def _size(pieces: _Pieces) -> int:
    """Return how many bytes an entry is counted as: its audio, and an estimate for everything else in it."""
    return sum(len(spoken.pcm) + 100 + 200 * len(spoken.words) for spoken in pieces)
