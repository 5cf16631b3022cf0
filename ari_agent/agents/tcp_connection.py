"""The TCP connection under an agent's websocket: where it goes, its certificates, and how it is cut.

It is made here rather than by the websocket library, so that it can be cut at any stage of the websocket's handshake.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from functools import cache
from typing import Final

from ari_agent.contract.parsing.redacted_url import RedactedUrl
from ari_agent.errors import AgentUnreachable
from ari_agent.name_resolver import NAMES

log = logging.getLogger(__name__)

_ADDRESS_TIMEOUT_S: Final = 3.0
"""For one address of a name that has several: one that swallows packets must not use up the time of the others."""
_SEND_BUFFER_BYTES: Final = 64 * 1024
"""Of the kernel: what lies there cannot be dropped any more. Enough for 300 ms of round trip at 48 kHz PCM."""


def agent_url(url: str) -> RedactedUrl:
    """Take an agent's URL apart.

    Raises:
        AgentUnreachable: it is no URL of a host.
    """
    try:
        return RedactedUrl.of(url)
    except ValueError:  # its text may hold the password
        raise AgentUnreachable("the agent's URL", "it is malformed") from None


def tls_of(url: str) -> ssl.SSLContext | None:
    """Return how to check the certificates of whoever answers at this URL; None for a URL without TLS."""
    return tls_context() if url.startswith("wss:") else None


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS settings of all connections, which check certificates and host names.

    They are made once, because loading the authorities takes 20 ms.
    """
    return ssl.create_default_context()


class TcpConnection:
    """One TCP connection to an agent's server, or the attempt to open one."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    async def open(self, host: str, port: int) -> socket.socket:
        """Return a socket that is connected to the first of the host's addresses that answers. Raises: OSError."""
        loop = asyncio.get_running_loop()
        failure: OSError = OSError(f"{host} has no address")
        for address in await NAMES.addresses(host, port):
            attempt = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            try:
                async with asyncio.timeout(_ADDRESS_TIMEOUT_S):
                    await loop.sock_connect(attempt, address.target)
            except OSError as error:  # TimeoutError is one of them
                attempt.close()
                failure = error
            except asyncio.CancelledError:
                attempt.close()
                raise
            else:
                self._socket = attempt
                return attempt
        raise failure

    def cut(self) -> None:
        """Shut the connection down under whatever uses it, whose transport then closes itself."""
        if self._socket is not None and self._socket.fileno() >= 0:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("the connection was gone already")
