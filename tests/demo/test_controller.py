"""The controller seen from the demo: its API's answers, and a process that does not start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from ari_agent.demo.controller import ControllerApi, ControllerProcess, ControllerUnavailable, log_tail

KEY = "key_test"


async def _answer(request: web.Request) -> web.Response:
    if request.headers["Authorization"] != f"Bearer {KEY}":
        return web.json_response({"status": "error", "message": "wrong key"}, status=401)
    match request.path:
        case "/echo":
            return web.json_response({"method": request.method, "body": await request.json()})
        case "/nothing":
            return web.Response(status=204)
        case "/list":
            return web.json_response([])
        case "/text":
            return web.Response(text="hello")
    return web.json_response({"status": "error", "message": "no such thing"}, status=422)


@pytest.fixture
async def api() -> AsyncIterator[ControllerApi]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ControllerApi(f"127.0.0.1:{runner.addresses[0][1]}", KEY) as api:
        yield api
    await runner.cleanup()


async def test_a_request_has_the_key_and_the_body(api: ControllerApi) -> None:
    assert await api.ask("PATCH", "/echo", {"a": 1}) == {"method": "PATCH", "body": {"a": 1}}
    assert await api.ask("DELETE", "/nothing") == {}


@pytest.mark.parametrize(
    ("path", "said"), [("/other", "422: .*no such thing"), ("/list", "no JSON"), ("/text", "failed")]
)
async def test_an_answer_that_is_no_object_is_an_error_with_its_text(api: ControllerApi, path: str, said: str) -> None:
    with pytest.raises(ControllerUnavailable, match=said):
        await api.ask("GET", path)


async def test_nobody_there_is_an_error(unused_tcp_port: int) -> None:
    async with ControllerApi(f"127.0.0.1:{unused_tcp_port}", KEY) as api:
        with pytest.raises(ControllerUnavailable, match="GET /healthz failed"):
            await api.ask("GET", "/healthz")


async def test_a_controller_that_ends_at_once_is_told_with_its_log(tmp_path: Path, unused_tcp_port: int) -> None:
    address = f"127.0.0.1:{unused_tcp_port}"
    async with (
        ControllerProcess({"BIND": address, "API_KEY": KEY, "ARI_URL": "nonsense"}, folder=tmp_path) as process,
        ControllerApi(address, KEY) as api,
    ):
        with pytest.raises(ControllerUnavailable, match=r"(?s)ended at its start.*ARI_AGENT_ARI_URL") as failure:
            await process.ready(api)
    assert KEY not in str(failure.value)


async def test_a_log_is_shown_from_its_end(tmp_path: Path) -> None:
    assert log_tail(tmp_path / "none") == ""
    (tmp_path / "log").write_text("\n".join(str(number) for number in range(100)))
    assert log_tail(tmp_path / "log", lines=3) == "97\n98\n99"
