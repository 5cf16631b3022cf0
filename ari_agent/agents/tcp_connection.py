"""The TCP connection under an agent's websocket: where it goes, its certificates, and how it is cut.

It is made here rather than by the websocket library, so that it can be cut at any stage of the websocket's handshake.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import ssl
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from ari_agent.errors import AgentUnreachable

log = logging.getLogger(__name__)

_ADDRESS_TIMEOUT_S: Final = 3.0
"""For one address of a name that has several: one that swallows packets must not use up the time of the others."""
_SEND_BUFFER_BYTES: Final = 64 * 1024
"""Of the kernel: what lies there cannot be dropped any more. Enough for 300 ms of round trip at 48 kHz PCM."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An agent's URL, taken apart.

    target: the URL to dial.
    shown: the one to show in logs and errors, without secrets (neither user nor query).
    authorization: the header that user and password of the URL make; empty without them.
    """

    target: str = field(repr=False)
    shown: str
    authorization: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Take a URL apart. Raises: AgentUnreachable, when it is no URL."""
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise AgentUnreachable("the agent's URL", str(error)) from None
        _, _, host = parts.netloc.rpartition("@")
        authorization = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            authorization["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
        return cls(
            urlunsplit((parts.scheme, host, parts.path, parts.query, "")),
            urlunsplit((parts.scheme, host, parts.path, "", "")),
            authorization,
        )

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS settings for a wss URL; None without TLS."""
        return tls_context() if self.target.startswith("wss:") else None


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS settings of all connections, which check certificates and host names.

    They are made once, because loading the authorities takes 20 ms.
    """
    return ssl.create_default_context()


class TcpConnection:
    """One TCP connection, or the attempt at it."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    async def open(self, host: str, port: int) -> socket.socket:
        """Return a socket that is connected to the first of the host's addresses that answers. Raises: OSError."""
        loop = asyncio.get_running_loop()
        failure: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            attempt = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            try:
                async with asyncio.timeout(_ADDRESS_TIMEOUT_S):
                    await loop.sock_connect(attempt, address)
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
