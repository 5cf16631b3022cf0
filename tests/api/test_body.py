"""What a request says, read from real requests: bodies, queries, ids and versions."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.api.body import LARGE_BODY_BYTES, path_id, query_version, read_body, read_query
from ari_agent.api.errors import MAX_BODY_BYTES, translate_errors
from ari_agent.contract.call_update import CallUpdate
from ari_agent.contract.paging import PageQuery

Client = TestClient[web.Request, web.Application]


async def _body(request: web.Request) -> web.Response:
    read = await read_body(request, CallUpdate, optional="optional" in request.query)
    return web.json_response(read.changes())


async def _query(request: web.Request) -> web.Response:
    return web.json_response(read_query(request, PageQuery).model_dump())


async def _id(request: web.Request) -> web.Response:
    return web.json_response([path_id(request, "agent_id", "agent"), query_version(request)])


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[translate_errors])
    app.router.add_post("/body", _body)
    app.router.add_get("/query", _query)
    app.router.add_get("/agents/{agent_id}", _id)
    async with TestClient(TestServer(app)) as made:
        yield made


@pytest.mark.parametrize("size", [1, LARGE_BODY_BYTES])
async def test_a_body_is_read_whatever_its_type_says_and_its_size(client: Client, size: int) -> None:
    text = '{"metadata": {"note": "' + "x" * size + '"}}'
    async with client.post("/body", data=text.encode(), headers={"Content-Type": "text/plain"}) as response:
        assert (response.status, await response.json()) == (200, {"metadata": {"note": "x" * size}})


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"", 400, "the body is empty; expected a JSON object"),
        (b" \n", 400, "the body is empty"),
        (b"{", 400, "JSON"),
        (b"[]", 400, "object"),
        (b'{"metadata": 7}', 400, "metadata"),
    ],
    ids=["empty", "blank", "no JSON", "no object", "wrong field"],
)
async def test_a_wrong_body_is_refused_and_says_why(client: Client, data: bytes, status: int, says: str) -> None:
    async with client.post("/body", data=data) as response:
        assert response.status == status
        assert says in (await response.json())["message"]


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    async with client.post("/body", data=io.BytesIO(b" " * (MAX_BODY_BYTES + 1))) as response:
        assert response.status == 413


async def test_where_a_body_may_be_left_out_none_is_an_empty_object(client: Client) -> None:
    async with client.post("/body?optional=1") as response:
        assert (response.status, await response.json()) == (200, {})


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        ("", 200, {"limit": 50, "sort_order": None, "pagination_key": None}),
        ("limit=7&sort_order=ascending", 200, {"limit": 7, "sort_order": "ascending", "pagination_key": None}),
        ("limit=0", 400, "limit"),
        ("sort_order=up", 400, "sort_order"),
    ],
)
async def test_a_query_is_read_from_its_text(client: Client, query: str, status: int, expected: object) -> None:
    async with client.get(f"/query?{query}") as response:
        assert response.status == status
        found = await response.json()
        assert found == expected if status == 200 else expected in found["message"]


@pytest.mark.parametrize(
    ("query", "version"),
    [("", None), ("?version=", None), ("?version=3", 3), ("?version=latest_published", "latest_published")],
)
async def test_a_version_is_a_number_or_a_name(client: Client, query: str, version: object) -> None:
    async with client.get(f"/agents/agent_1{query}") as response:
        assert await response.json() == ["agent_1", version]


@pytest.mark.parametrize("version", ["1.5", "Prod", "a b", "x" * 21, "%00"])
async def test_what_is_no_version_is_refused(client: Client, version: str) -> None:
    async with client.get(f"/agents/agent_1?version={version}") as response:
        assert response.status == 400
        assert "version: must be a version number" in (await response.json())["message"]


@pytest.mark.parametrize("agent_id", ["a%2Fb", "..%2F", "a%20b", "x" * 129, "%F0%9F%8E%89"])
async def test_what_no_id_looks_like_is_not_found_and_not_repeated_at_length(client: Client, agent_id: str) -> None:
    async with client.get(f"/agents/{agent_id}") as response:
        assert response.status == 422
        message = (await response.json())["message"]
        assert message.startswith("agent ") and message.endswith(" not found") and len(message) < 300
