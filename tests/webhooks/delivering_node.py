"""A node that delivers what is in the outbox until it is killed. Says its node_id once it does.

python -m tests.webhooks.delivering_node DATABASE_URL
"""

from __future__ import annotations

import asyncio
import sys

from tests.store.several_nodes import database_of, joined
from tests.webhooks.deliverer import delivering


async def main(database_url: str) -> None:
    """Until it is killed."""
    async with joined(database_url) as store, delivering(store.outbox, poll_s=0.05):
        print(database_of(store).node_id, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
