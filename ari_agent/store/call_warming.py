"""Reads what list-calls looks through once after a start, so that the first pages do not wait for the disk.

It is for the memory of the system, or of PostgreSQL: in that of this process only the columns stay that pages ask for.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

from sqlalchemy import Connection

from ari_agent.errors import StoreError
from ari_agent.store.call_segments import all_segments
from ari_agent.store.column_cache import load_all
from ari_agent.store.database import Database

log = logging.getLogger(__name__)

MAX_BYTES: Final = 512 * 2**20
"""What is read at most, from the newest calls on: two million of them."""
_PAUSE_S: Final = 0.02
"""Between segments, of which each takes some milliseconds: calls come first."""


async def warm_up(database: Database, max_bytes: int = MAX_BYTES) -> int:
    """Read every column of the segments, the newest first, until it is enough. Returns how many bytes these were."""
    size_bytes = 0
    try:
        for segment in reversed(await database.read(all_segments)):
            size_bytes += await database.read(partial(_read, segment.segment_id))
            if size_bytes >= max_bytes:
                break
            await asyncio.sleep(_PAUSE_S)
    except StoreError as error:
        log.warning("the first pages of list-calls may take long: %s", error)
    return size_bytes


def _read(segment_id: int, connection: Connection) -> int:
    """How many bytes. A segment that has been made anew meanwhile has none."""
    return sum(map(len, load_all(connection, segment_id).values()))
