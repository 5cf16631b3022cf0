"""A controller that holds a slot, and has a caller who waits for one, until it is killed. Prints its node_id.

python -m tests.calls.slot_holding_process DATABASE_URL LIMIT
"""

from __future__ import annotations

import asyncio
import sys

from tests.calls.shared_pools import Member


async def main(database_url: str, limit: int) -> None:
    """Hold one and wait for another one."""
    async with Member(database_url, limit).running() as member, member.pool.inbound("of the dead"):
        print(member.database.node_id, flush=True)
        async with member.pool.inbound("waits dead", wait_s=3600):
            print("served", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
