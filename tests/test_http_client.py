"""The HTTP clients of this process against a real server."""

from __future__ import annotations

import gzip

import pytest
from aiohttp import ClientConnectorError, WSServerHandshakeError, web
from aiohttp.test_utils import TestServer

from ari_agent.http_client import http_client

PACKED = gzip.compress(b"{}" * 1000)


async def answer(request: web.Request) -> web.Response:
    asked = request.headers["Accept-Encoding"]
    return web.Response(body=PACKED, headers={"Content-Encoding": "gzip", "X-Asked": asked})


async def test_answers_are_asked_for_as_they_are_and_never_unpacked() -> None:
    app = web.Application()
    app.router.add_get("/", answer)
    async with (
        TestServer(app) as server,
        http_client(headers={"X-Key": "1"}) as http,
        http.get(f"http://localhost:{server.port}/") as response,
    ):
        assert response.headers["X-Asked"] == "identity"
        assert await response.read() == PACKED


async def test_a_name_that_is_none_is_an_error_of_the_client() -> None:
    async with http_client() as http:
        with pytest.raises(ClientConnectorError):
            await http.get("http://no-such-host.invalid/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_websocket_is_not_dialled_where_its_server_redirects_to(status: int) -> None:
    asked: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": f"http://{request.host}/elsewhere"})

    app = web.Application()
    app.router.add_get("/{path}", redirect)
    async with TestServer(app) as server, http_client() as http:
        with pytest.raises(WSServerHandshakeError) as refused:
            await http.ws_connect(f"ws://localhost:{server.port}/agent")
    assert (refused.value.status, asked) == (status, ["/agent"])
