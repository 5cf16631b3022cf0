"""A node in a process of its own, until it is killed, with the pace of the tests.

It says `joined ID`, `begun ID` and `dead ID` of nodes that it takes over, and `fenced ID` with whether it may act then.

python -m tests.nodes.joining_process DATABASE_URL NAME [TAKE_OVER_S]
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from ari_agent.nodes.node import Node
from ari_agent.nodes.pace import Pace
from ari_agent.store.nodes import Introduction
from ari_agent.store.store import Store

QUICK: Final = Pace(beat_s=0.2, free_after_s=1, frozen_after_s=4, stood_still_s=3, grace_s=0, again_s=0.1)
"""For tests: as quick as a busy machine lets it be."""


def say(*words: object) -> None:
    """Tell the test."""
    print(*words, flush=True)


async def main(database_url: str, name: str, take_over_s: float = 0.0) -> None:
    """Join and live."""
    store = Store(database_url)
    await store.open()
    node = Node(store, Introduction(name, f"app_{name}", None), QUICK)

    async def take_over(node_id: int) -> None:
        say("begun", node_id)
        await asyncio.sleep(take_over_s)
        say("dead", node_id)

    async def give_up(node_id: int) -> None:
        say("fenced", node_id, "may act" if node.may_act else "may not act")

    node.on_dead(take_over)
    node.on_fenced(give_up)
    await node.join()
    running = asyncio.create_task(node.run())
    told = None
    while not running.done():
        if node.node_id not in (told, None):
            told = node.node_id
            say("joined", told)
        await asyncio.sleep(0.02)
    await running


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])))
