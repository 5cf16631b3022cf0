"""`ari-agent drain` against controllers as an administrator runs them, and against what else may listen there."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ari_agent.drain import NotDrained, drain
from tests.asterisk.fake_asterisk import PASSWORD, FakeAsterisk
from tests.fakes.agent_server import AgentServer, echo
from tests.fakes.controller import Controller, free_tcp_port
from tests.fakes.web_client import WebFrontEnd

pytestmark = pytest.mark.slow


@asynccontextmanager
async def controller_with_agent(folder: Path, **settings: str) -> AsyncIterator[tuple[Controller, str]]:
    """A controller, ready, and the id of an agent that web calls can have."""
    async with FakeAsterisk() as asterisk, AgentServer() as agents:
        controller = Controller(folder, ari_url=asterisk.url, ari_username="ari_agent", ari_password=PASSWORD)
        controller.environment.update(settings)
        controller.is_preloaded = False  # the command recognises the process by its command line
        async with controller:
            await controller.start()
            body = {"response_engine": agents.agent(echo).engine, "voice_id": "none"}
            yield controller, (await controller.post("/create-agent", body, expect=201)).json["agent_id"]


async def command(controller: Controller, *arguments: str) -> asyncio.subprocess.Process:
    """The command, which runs."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ari_agent", "drain", *arguments),
        cwd=controller.folder,
        env=os.environ | {f"ARI_AGENT_{name}": value for name, value in controller.environment.items()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def waiting(controller: Controller, what: str) -> asyncio.subprocess.Process:
    """The command, which has said what it waits for, perhaps after a process that had heard less of the other."""
    process = await command(controller)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        await process.stdout.readuntil(f"waiting for {what} to end\n".encode())
    return process


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Exit status and errors of the command."""
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, errors.decode()


async def web_call(controller: Controller, agent_id: str, url: str | None = None) -> WebFrontEnd:
    """A call that is registered, to be joined at one of several processes by its own URL."""
    made = await controller.post("/v2/create-web-call", {"agent_id": agent_id}, expect=201)
    return WebFrontEnd(f"ws{(url or controller.url)[4:]}/audio-websocket/{made.json['call_id']}")


async def test_the_command_waits_for_calls_while_new_ones_are_refused_and_ends_after_the_process(
    tmp_path: Path,
) -> None:
    async with controller_with_agent(tmp_path) as (controller, agent_id):
        assert controller.process is not None
        late = await web_call(controller, agent_id)
        async with await web_call(controller, agent_id):
            await in_progress(controller, 1)
            assert await ended(await command(controller, "--wait", "1")) == (
                1,
                "ari-agent: not ended after 1 s: 1 call left; "
                "the controller takes no new ones, and ends with the last\n",
            )
            assert (await controller.get("/readyz")).json["missing"].keys() == {"calls"}
            assert [node["state"] for node in (await controller.get("/list-nodes")).json] == ["draining"]
            async with late as refused:
                assert (await refused.gone())[1] == "the server is about to stop"
            again = await waiting(controller, "1 call")
        assert await ended(again) == (0, "")
        assert await asyncio.wait_for(controller.process.wait(), 1) == 0

        status, errors = await ended(await command(controller))
        assert status == 1
        assert errors.startswith(f"ari-agent: no controller answers at {controller.url}: Cannot connect")


async def test_all_processes_behind_the_port_drain_none_is_started_again_and_signals_mean_what_they_do_without(
    tmp_path: Path, shared_url: str
) -> None:
    port = free_tcp_port()
    several = {"PROCESSES": "2", "DATABASE_URL": shared_url, "NODE_BIND": f"127.0.0.1:{port}"}
    async with controller_with_agent(tmp_path, DRAIN_S="600", **several) as (controller, agent_id):
        assert controller.process is not None
        await controller.logged(f"node_url=http://127.0.0.1:{port + 1} ", timeout_s=45)
        async with await web_call(controller, agent_id, f"http://127.0.0.1:{port}") as front:
            async with await web_call(controller, agent_id, f"http://127.0.0.1:{port + 1}"):
                await in_progress(controller, 2)
                draining = await waiting(controller, "2 calls")
                await in_progress(controller, 2, state="draining")
            await in_progress(controller, 1, state="draining")
            assert "drain_s=600" not in controller.log_text()
            controller.process.send_signal(signal.SIGTERM)
            await controller.logged("drain_s=600")
            assert not front.closed.is_set()
            controller.process.send_signal(signal.SIGTERM)
            await front.gone()
        assert await ended(draining) == (0, "")
        assert await asyncio.wait_for(controller.process.wait(), 1) == 0
        assert controller.log_text().count("controller started") == 2


async def in_progress(controller: Controller, calls: int, *, state: str = "serving") -> None:
    """Until the controllers list so many, and are all in this state."""
    async with asyncio.timeout(20):
        seen = None
        while seen != (calls, {state}):
            nodes = (await controller.get("/list-nodes")).json
            seen = sum(node["calls"] for node in nodes), {node["state"] for node in nodes}
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (401, {}, "has another ARI_AGENT_API_KEY than is set here"),
        (404, {}, "knows no drain, as versions before this one: send it SIGTERM"),
        (501, {}, "answers 501 to POST /drain-node"),
        (202, {"calls": "many"}, "is no controller"),
        (202, {"calls": 3, "process_id": os.getpid()}, "not ended after 0.1 s: 3 calls left"),
        (202, {"calls": 0, "process_id": os.getpid()}, "no calls are left, but its process is still there"),
        (202, {"calls": 3, "process_id": 2**31}, "its process 2147483648 is none of this machine or container"),
    ],
)
async def test_what_does_not_drain_is_told_in_words(
    status: int, body: dict[str, Any], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_agent.drain._is_running", lambda process_id: process_id == os.getpid())
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    app.router.add_route("*", "/{any}", answer)
    async with TestServer(app) as server:
        with pytest.raises(NotDrained, match=complaint):
            await drain(str(server.make_url("")), "k3y", wait_s=0.1, show=lambda _: None)
