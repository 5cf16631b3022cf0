"""What a controller that is one of several processes shares with the process that started it: pipes, and the address.

    standard input    `drain`, `stop` or `stop at once`, a line each; its end, which is the parent's death, is `stop`
    standard output   `ready`, once calls are taken; `drain`, when the API is asked for that: all are to hear it

Signals would do for the first, but a service manager or a terminal sends its own to every process beside the parent,
and a second one means "at once".
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from ari_agent.config import PREFIX, Settings
from ari_agent.errors import ConfigurationError
from ari_agent.process_share import port_share, suffix_of
from ari_agent.setting_values import Address, PortRange
from ari_agent.stop_signals import StopSignals

DRAIN: Final = b"drain\n"
STOP: Final = b"stop\n"
STOP_AT_ONCE: Final = b"stop at once\n"
READY: Final = b"ready\n"


def settings_of_process(settings: Settings, number: int) -> Settings:
    """Return the settings of one of several processes, from those of all of them. number: from 1.

    Raises:
        ConfigurationError: there is not enough for each.
    """
    try:
        first, last = port_share(*settings.rtp_ports, number=number, of=settings.processes)
    except ValueError as error:
        raise ConfigurationError(f"{PREFIX}RTP_PORTS: {error}") from None
    share = {
        "app_suffix": suffix_of(settings.app_suffix, number),
        "rtp_ports": PortRange(first, last),
        "spool_dir": settings.spool_folder / str(number),
        "text_messages": settings.text_messages if number == 1 else "off",
    }
    return settings.model_copy(update=share)


def bound_for_itself(settings: Settings, number: int) -> tuple[socket.socket, Settings]:
    """Bind the address where one process alone is reached; return its socket, and the settings with its URL.

    Raises:
        ConfigurationError: it cannot be bound.
    """
    host, port = settings.node_bind
    own = Address(host, port and port + number - 1)
    try:
        bound = socket.create_server(own, family=own.family)
    except OSError as error:
        raise ConfigurationError(
            f"{PREFIX}NODE_BIND: cannot listen on {own.host}:{own.port}: {error.strerror}"
        ) from None
    url = Address(host, bound.getsockname()[1]).http_url
    return bound, settings.model_copy(update={"node_url": url})


@asynccontextmanager
async def told_by_parent(signals: StopSignals) -> AsyncIterator[Callable[[bytes], None]]:
    """Hand what the parent asks to these signals while the context lasts; give what tells it READY or DRAIN."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def obey() -> None:
        while line := await reader.readline():
            if line == DRAIN:
                signals.drain()
            else:
                signals.asked_by_parent(at_once=line == STOP_AT_ONCE)
        signals.asked_by_parent(at_once=False)

    def tell(words: bytes) -> None:
        with suppress(OSError):  # it has died, which says `stop`
            sys.stdout.buffer.write(words)
            sys.stdout.flush()

    obeying = asyncio.create_task(obey())
    try:
        yield tell
    finally:
        obeying.cancel()
        await asyncio.gather(obeying, return_exceptions=True)
        transport.close()
