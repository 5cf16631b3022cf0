"""Reads a call's public log, as far as a page can show it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.artefacts.artefacts import Artefacts, OpenArtefact
from ari_agent.console.one_call.artefact_links import artefact_of
from ari_agent.console.one_call.call_log import LogLine, log_lines
from ari_agent.contract.call import Call

BEGINNING_BYTES: Final = 2 * 1024 * 1024
"""How much of the beginning of a log is read, an hour of most calls; the rest is in the file."""
END_BYTES: Final = 64 * 1024
"""How much of the end of a longer log is read: it says how the call ended."""


@dataclass(frozen=True, slots=True)
class ReadLog:
    """A call's log. is_whole: nothing between the beginning and the end is left out."""

    lines: Sequence[LogLine] = ()
    is_whole: bool = True


async def read_log(artefacts: Artefacts | None, call: Call) -> ReadLog:
    """Return the log of a call; empty where it has none. Raises ArtefactError where the store cannot be reached."""
    name = artefact_of(call.public_log_url)
    if artefacts is None or name is None or name.call_id != call.call_id:
        return ReadLog()
    async with artefacts.opened(name) as found:
        if found is None:
            return ReadLog()
        size = found.size_bytes
        beginning = await _read(found, 0, min(size, BEGINNING_BYTES))
        is_whole = size <= BEGINNING_BYTES
        end = b"" if is_whole else await _read(found, max(BEGINNING_BYTES, size - END_BYTES), size)
    return ReadLog(await asyncio.to_thread(_lines, beginning, end), is_whole)


async def _read(found: OpenArtefact, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in found.read(start, end)])


def _lines(beginning: bytes, end: bytes) -> Sequence[LogLine]:
    # the first line of the end is cut in two
    return [*log_lines(beginning), *log_lines(end.partition(b"\n")[2])]
