"""Makes the HTTP clients of this process: names come from NAMES, nothing is unpacked, no websocket is redirected.

aiohttp would unpack answers in the thread that carries the audio: a kilobyte can become a megabyte there, and all calls
would hear it. Peers are asked for answers as they are.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp import hdrs
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


async def _refuse_redirect(_session: object, _about: object, seen: aiohttp.TraceRequestRedirectParams) -> None:
    """Let no websocket be dialled elsewhere than it was asked for: aiohttp has no switch for it.

    A peer could have this machine ask others that only this machine can reach. Requests have `allow_redirects`.
    """
    if hdrs.UPGRADE in seen.headers:
        answer = seen.response
        answer.close()
        raise aiohttp.WSServerHandshakeError(answer.request_info, answer.history, status=answer.status)


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
    the class of the websockets that it opens; none follows a redirect.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        headers={"Accept-Encoding": "identity", **(headers or {})},
        connector=aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=keep_alive_s, resolver=_Resolver(), use_dns_cache=False
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=timeout,
        ws_response_class=websocket,
        trace_configs=[tracing],
    )
