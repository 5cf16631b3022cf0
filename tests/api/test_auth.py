from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.api.auth import HAS_OWN_LOGIN, require_api_key
from ari_agent.api.dependencies import DEPENDENCIES, ApiDependencies
from ari_agent.api.route import Route
from ari_agent.api.routes import PUBLIC_PATHS, ROUTES
from tests.api.conftest import API_KEY, Api, refused

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_path_but_the_public_ones_needs_the_key(api: Api, route: Route) -> None:
    path = route.path.replace("{", "").replace("}", "")
    response = await api.session.request(route.method, api.make_url(path), headers={"Authorization": ""})
    if route.path in PUBLIC_PATHS:
        assert response.status == 200
    else:
        assert "no API key: expected the header `Authorization: Bearer" in await refused(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["wrong", API_KEY[:-1], f"{API_KEY}x", "schlüssel", "\udcff"])
async def test_a_wrong_key_is_refused(api: Api, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    if not key.isprintable():
        reader, writer = await asyncio.open_connection(api.host, api.port)
        writer.write(b"GET /list-agents HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\r\nConnection: close\r\n\r\n")
        assert b" 401 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        return
    assert "the API key is wrong" in await refused(await api.get("/list-agents", headers=headers), 401)


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer ", API_KEY, f"Token {API_KEY}"])
async def test_another_scheme_is_no_key(api: Api, header: str) -> None:
    assert "no API key" in await refused(await api.get("/list-agents", headers={"Authorization": header}), 401)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_in_any_case(api: Api, scheme: str) -> None:
    assert (await api.get("/list-agents", headers={"Authorization": f"{scheme} {API_KEY}"})).status == 200


@pytest.mark.parametrize(("says_so", "status"), [(True, 200), (False, 401)])
async def test_a_sub_application_without_a_login_of_its_own_needs_the_key(says_so: bool, status: int) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    inner, outer = web.Application(), web.Application(middlewares=[require_api_key])
    inner[HAS_OWN_LOGIN] = says_so
    inner.router.add_get("/page", answer)
    outer[DEPENDENCIES] = cast("ApiDependencies", SimpleNamespace(api_key=API_KEY))
    outer.add_subapp("/inner", inner)
    async with TestClient(TestServer(outer)) as client:
        assert (await client.get("/inner/page")).status == status
        assert (await client.get("/inner/none")).status == (404 if says_so else 401)
        assert (await client.get("/none")).status == 404
