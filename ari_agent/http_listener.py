"""Where the HTTP side listens, and how many connections it takes."""

from __future__ import annotations

import logging
import socket
from contextlib import AsyncExitStack

from aiohttp import web

from ari_agent.api.connection_limits import ConnectionLimits, connections_beside_calls
from ari_agent.api.http_server import ApiRunner
from ari_agent.config import PREFIX, Settings
from ari_agent.errors import ConfigurationError
from ari_agent.file_limit import file_limit

log = logging.getLogger(__name__)


async def listen(
    stack: AsyncExitStack, api: web.Application, settings: Settings, *, own_socket: socket.socket | None = None
) -> None:
    """Serve the application until the stack is unwound.

    own_socket: one more to listen on, bound already, where several processes share the address of the setting BIND:
    there the kernel spreads the connections over them, and here this one alone is reached.

    Raises:
        ConfigurationError: the address of the setting BIND cannot be listened on.
    """
    connections = connections_beside_calls(file_limit(), settings.concurrency_limit)
    limits = ConnectionLimits(in_all=connections, per_address=settings.connections_per_address)
    runner = ApiRunner(api, limits)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(
            runner, settings.bind.host, settings.bind.port, reuse_port=settings.shares_port or None
        ).start()
        if own_socket is not None:
            await web.SockSite(runner, own_socket).start()
    except OSError as error:
        raise ConfigurationError(
            f"{PREFIX}BIND: cannot listen on {settings.bind.host}:{settings.bind.port}: {error.strerror}"
        ) from None
    log.info("API listens", extra={"address": runner.addresses[0], "node_url": settings.node_url})
