"""Sweeps once, slowly, until it is killed: python -m tests.calls.sweeping_process FOLDER NOW_MS"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.calls.test_call_retention import Place


async def main(folder: Path, now_ms: int) -> None:
    """Say after each call or chat how many are left."""
    place = await Place.opened(folder)
    sweeping = asyncio.create_task(place.retention(now_ms, records=30, pause_s=0.02).sweep())
    while not sweeping.done():
        print(await place.store.calls.count() + await place.store.chats.count(), flush=True)
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
