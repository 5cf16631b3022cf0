"""Waits for something to happen, but not for ever."""

from __future__ import annotations

import asyncio


async def is_set_within(event: asyncio.Event, timeout_s: float | None) -> bool:
    """Wait until the event is set, for timeout_s seconds at most, and return whether it is. None: however long."""
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return False
