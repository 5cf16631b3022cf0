"""Several controllers on one machine, as processes behind one API port: starts them, and starts again what dies.

Nothing of a call passes here. Each process is `ari-agent serve --process N`, with an application of its own in
Asterisk (`{APP}_1`, `{APP}_2` ...); they listen on the same address (SO_REUSEPORT), and the kernel gives each new
connection to one of them. See one_of_several.py for what is said over the pipes between them.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

from ari_agent.config import PREFIX, Settings
from ari_agent.errors import ConfigurationError
from ari_agent.one_of_several import DRAIN, READY, STOP, STOP_AT_ONCE, settings_of_process
from ari_agent.process_share import FORGOTTEN_AFTER_S, restart_pause_s

log = logging.getLogger(__name__)

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def serve_processes(settings: Settings, *, config_file: Path | None = None) -> int:
    """Run as many controllers as the settings say, until SIGINT or SIGTERM; return the exit status.

    The first one starts alone, as it brings the database up to date, and the others once it is ready. One that dies
    before it was ever ready ends them all, and its exit status is returned: what is wrong is in its last lines. One
    that dies later is started again, after a pause that grows. SIGTERM lets each of them end in order; SIGINT, or a
    second signal, at once. When one is asked over the API to drain, all do.

    config_file: of settings; what else they read is in the environment.

    Raises:
        ConfigurationError: several controllers cannot run with these settings, or somebody listens on their address.
    """
    check_settings(settings)
    _check_free(settings)
    arguments = ("--config", str(config_file)) if config_file else ()
    loop, processes = asyncio.get_running_loop(), _Processes(settings.processes, arguments)
    for number in _SIGNALS:
        loop.add_signal_handler(number, processes.on_signal, number)
    try:
        return await processes.run()
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def check_settings(settings: Settings) -> None:
    """Find out whether several controllers can run with these settings.

    Raises:
        ConfigurationError: they cannot.
    """
    count = f"{PREFIX}PROCESSES is {settings.processes}"
    if settings.database_url.startswith("sqlite"):
        raise ConfigurationError(f"{count}, which needs PostgreSQL: set {PREFIX}DATABASE_URL to postgresql+asyncpg://")
    if not settings.bind.port:
        raise ConfigurationError(f"{PREFIX}BIND: {count}, which needs a port that all of them can listen on, not 0")
    if settings.node_url is not None:
        raise ConfigurationError(
            f"{PREFIX}NODE_URL: {count}, and each has a URL of its own: set {PREFIX}NODE_BIND instead, to the address "
            "and the first of the ports"
        )
    for number in range(1, settings.processes + 1):
        settings_of_process(settings, number)


def _check_free(settings: Settings) -> None:
    """Listen where the processes will, alone: with the port shared, a second set of them would not be noticed."""
    host, port = settings.bind
    try:
        socket.create_server(settings.bind, family=settings.bind.family).close()
    except OSError as error:
        raise ConfigurationError(f"{PREFIX}BIND: cannot listen on {host}:{port}: {error.strerror}") from None


class _Processes:
    """All of them. arguments: of `ari-agent serve`."""

    def __init__(self, count: int, arguments: Sequence[str]) -> None:
        self._all = [_Process(number, arguments, on_drain=self._drain) for number in range(1, count + 1)]
        self._stopping = asyncio.Event()  # none is started again
        self._is_limited = False  # the time that their calls have left, which a drain does not do
        self._status = 0

    def on_signal(self, number: signal.Signals) -> None:
        """Pass on what a signal asks for."""
        at_once = self._is_limited or number == signal.SIGINT
        self._stop(STOP_AT_ONCE if at_once else STOP)

    def _drain(self) -> None:
        if not self._is_limited:
            self._stop(DRAIN)

    def _stop(self, words: bytes) -> None:
        self._stopping.set()
        self._is_limited |= words != DRAIN
        for process in self._all:
            process.say(words)

    async def run(self) -> int:
        """Run them until all have ended; return the exit status."""
        first, *others = self._all
        log.info("controllers start", extra={"processes": len(self._all)})
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(first))
            await first.settled.wait()
            if not self._stopping.is_set():
                for other in others:
                    group.create_task(self._keep(other))
        log.info("all controllers have ended", extra={"status": self._status})
        return self._status

    async def _keep(self, process: _Process) -> None:
        """Run one process, again and again, until all are to end."""
        try:
            await self._run_again_and_again(process)
        finally:
            process.settled.set()

    async def _run_again_and_again(self, process: _Process) -> None:
        loop, deaths = asyncio.get_running_loop(), 0
        while not self._stopping.is_set():
            began_s = loop.time()
            status = await process.run()
            if self._stopping.is_set():
                self._status = self._status or status
                return
            if not process.was_ready:  # never: it would not be any better the next time
                log.error("a controller could not start", extra={"process_number": process.number, "status": status})
                self._status = status or 1
                self._stop(STOP)
                return
            deaths = 1 if loop.time() - began_s > FORGOTTEN_AFTER_S else deaths + 1
            pause_s = restart_pause_s(deaths)
            log.error(
                "a controller has ended and is started again",
                extra={"process_number": process.number, "status": status, "pause_s": pause_s},
            )
            try:
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            except TimeoutError:
                continue


class _Process:
    """One controller, which may be started several times. number: from 1. on_drain: called when it is asked to drain.

    was_ready: whether it has ever taken calls. settled: set once that is known.
    """

    def __init__(self, number: int, arguments: Sequence[str], *, on_drain: Callable[[], None]) -> None:
        self.number = number
        self._on_drain = on_drain
        self.was_ready = False
        self.settled = asyncio.Event()
        self._arguments = arguments
        self._running: asyncio.subprocess.Process | None = None
        self._said = b""

    async def run(self) -> int:
        """Run it once, and return its exit status, or 128 and the number of the signal that ended it."""
        # As this process: `python -m` finds the package in the current folder, the program `ari-agent` does not.
        isolation = () if str(Path.cwd()) in sys.path else ("-P",)
        command = (sys.executable, *isolation, "-m", "ari_agent", "serve", "--process", str(self.number))
        pipe = asyncio.subprocess.PIPE
        running = await asyncio.create_subprocess_exec(*command, *self._arguments, stdin=pipe, stdout=pipe)
        self._running = running
        self.say(self._said)  # what came while it was being started
        log.info("controller started", extra={"process_number": self.number, "pid": running.pid})
        try:
            said = cast("asyncio.StreamReader", running.stdout)  # as it was asked for
            while line := await said.readline():
                if line == READY:
                    self.was_ready = True
                    self.settled.set()
                elif line == DRAIN:
                    self._on_drain()
            status = await running.wait()
        finally:
            self._running = None
        return status if status >= 0 else 128 - status

    def say(self, words: bytes) -> None:
        """Tell it something; where it does not run, the next one that does."""
        self._said = words
        if self._running is not None and self._running.stdin is not None:
            with suppress(OSError, RuntimeError):  # it has ended this very moment
                self._running.stdin.write(words)
