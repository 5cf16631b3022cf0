"""Makes the HTTP clients of this process: names are looked up by NAMES, and nothing that comes is unpacked.

aiohttp would unpack answers in the thread that carries the audio: a kilobyte can become a megabyte there, and all calls
would hear it. Peers are asked for answers as they are.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ari_agent.name_resolver import NAMES

_TIMEOUT: Final = aiohttp.ClientTimeout(total=300, sock_connect=30)


class _Resolver(AbstractResolver):
    """What aiohttp asks for the addresses of a name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=port,
                family=address.family,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await NAMES.addresses(host, port)
            if family in (socket.AF_UNSPEC, address.family)
        ]

    async def close(self) -> None:
        pass


def http_client(
    *,
    connections: int = 0,
    keep_alive_s: float = 15.0,
    headers: Mapping[str, str] | None = None,
    timeout: aiohttp.ClientTimeout = _TIMEOUT,
    websocket: type[aiohttp.ClientWebSocketResponse] = aiohttp.ClientWebSocketResponse,
) -> aiohttp.ClientSession:
    """Return a new session, which its owner closes. It keeps no cookies.

    connections: at most so many at a time; 0 is any number. keep_alive_s: how long an idle one stays open. websocket:
    the class of the websockets that it opens.
    """
    return aiohttp.ClientSession(
        headers={"Accept-Encoding": "identity", **(headers or {})},
        connector=aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=keep_alive_s, resolver=_Resolver(), use_dns_cache=False
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=timeout,
        ws_response_class=websocket,
    )
