"""The peaks of recordings, for pictures of them: each recording is read once, in pieces, and remembered.

One recording is read at a time, in a thread of its own: whoever opens the pages of many long calls waits, and callers
do not hear it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import OpenArtefact
from ari_agent.media.peaks import PeakMeter
from ari_agent.media.wave_file import HEADER_BYTES, read_header

LARGEST_BYTES: Final = 1024 * 1024 * 1024
"""A larger recording, of more than four hours, has no picture."""
_REMEMBERED: Final = 200


@dataclass(frozen=True, slots=True)
class Peaks:
    """The picture of a recording. channels: peaks of each, 0 to 100, spread over duration_s seconds."""

    duration_s: float
    channels: Sequence[Sequence[int]]


class RecordingPeaks:
    """Makes pictures of recordings, and remembers the last ones."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[ArtefactName, int, float], Peaks] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def of(self, name: ArtefactName, found: OpenArtefact) -> Peaks:
        """Return the peaks of a recording. found: stays open until that is done.

        Raises:
            ValueError: it is no recording, or one larger than LARGEST_BYTES.
            ArtefactError: the store cannot be reached.
        """
        key = (name, found.size_bytes, found.modified_s)
        async with self._one_at_a_time:
            if key not in self._known:
                self._known[key] = await _peaks(found)
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return self._known[key]


async def _peaks(found: OpenArtefact) -> Peaks:
    if found.size_bytes > LARGEST_BYTES:
        raise ValueError(f"the recording is larger than {LARGEST_BYTES} bytes")
    recording = read_header(b"".join([piece async for piece in found.read(0, min(HEADER_BYTES, found.size_bytes))]))
    meter = PeakMeter(recording, found.size_bytes - HEADER_BYTES)
    async for piece in found.read(HEADER_BYTES, found.size_bytes):
        await asyncio.to_thread(meter.feed, piece)
    return Peaks(meter.duration_s, await asyncio.to_thread(meter.peaks))
