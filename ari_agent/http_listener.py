"""Where the HTTP side listens, and how many connections it takes."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from aiohttp import web

from ari_agent.api.connection_limits import ConnectionLimits, connections_beside_calls
from ari_agent.api.http_server import ApiRunner
from ari_agent.config import PREFIX, Settings
from ari_agent.errors import ConfigurationError
from ari_agent.file_limit import file_limit

log = logging.getLogger(__name__)


async def listen(stack: AsyncExitStack, api: web.Application, settings: Settings) -> None:
    """Serve the application until the stack is unwound.

    Raises:
        ConfigurationError: the address of the setting BIND cannot be listened on.
    """
    connections = connections_beside_calls(file_limit(), settings.concurrency_limit)
    limits = ConnectionLimits(in_all=connections, per_address=settings.connections_per_address)
    runner = ApiRunner(api, limits)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, settings.bind.host, settings.bind.port).start()
    except OSError as error:
        raise ConfigurationError(
            f"{PREFIX}BIND: cannot listen on {settings.bind.host}:{settings.bind.port}: {error.strerror}"
        ) from None
    log.info("API listens", extra={"address": runner.addresses[0]})
