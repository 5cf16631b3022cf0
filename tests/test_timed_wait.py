from __future__ import annotations

import asyncio

from ari_agent.timed_wait import is_set_within


async def test_what_has_happened_is_not_waited_for() -> None:
    event = asyncio.Event()
    event.set()
    assert await is_set_within(event, 0.0)
    assert await is_set_within(event, None)


async def test_what_happens_ends_the_wait() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(is_set_within(event, 60.0))
    await asyncio.sleep(0)
    event.set()
    assert await waiting


async def test_what_does_not_happen_ends_it_too() -> None:
    assert not await is_set_within(asyncio.Event(), 0.01)
