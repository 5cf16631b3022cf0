"""Programs that speak, as processes of their own: how they are started, and that none outlives its use.

They run at a lower priority than the controller: the audio of the calls goes before them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

_NICENESS: Final = 10  # above ours


def bare_environment(**also: str) -> Mapping[str, str]:
    """Return the environment for such a program, which leaves out the controller's keys, and has `also` besides."""
    return {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ} | also


async def started(starting: Coroutine[Any, Any, asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    """Return the process that is being started, at a low priority. Cancelled, it ends the process all the same.

    Under uvloop a process whose start is cancelled would live on, with the files that it was given.

    Raises:
        OSError: it does not start.
    """
    task = asyncio.create_task(starting)
    try:
        process = await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.exception():
            await ended(task.result())
        raise
    with suppress(OSError):  # it has ended, or may not be made slower
        os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)
    return process


async def ended(process: asyncio.subprocess.Process) -> None:
    """Kill the process if it still runs, and wait for its end."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
