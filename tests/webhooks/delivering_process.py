"""Delivers what is in an outbox until it is killed, or until nothing is left.

python -m tests.webhooks.delivering_process DATABASE_URL
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp

from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import Delivery
from tests.webhooks.receiver import API_KEY


async def main(database_url: str) -> None:
    """Short pauses between the attempts, so that the test is."""
    store = Store(database_url)
    await store.open()
    async with aiohttp.ClientSession() as session:
        delivery = Delivery(store.outbox, session, API_KEY, retry_after_s=[0.05] * 10, max_in_flight=8)
        running = asyncio.create_task(delivery.run())
        while True:
            if not await store.outbox.depth():
                break
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
