"""Runs an example as a user would."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from ari_agent.demo.ports import free_port

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_S: Final = 30.0


@asynccontextmanager
async def example(name: str, *arguments: str, **environment: str) -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
    """The port that the example listens on, and what it prints after its first line."""
    port = free_port("127.0.0.1", 0, "BIND")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "examples" / name), "--port", str(port), *arguments),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stdout
    try:
        first = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
        assert f"127.0.0.1:{port}" in first.decode()
        yield port, process.stdout
    finally:
        process.kill()
        await process.communicate()
