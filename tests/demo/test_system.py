"""The demo round a system that runs already."""

from __future__ import annotations

import asyncio
import io

import pytest
from aiohttp import web
from rich.console import Console

from ari_agent.demo import system as demo_system
from ari_agent.demo.controller import ControllerUnavailable
from ari_agent.demo.report import Report
from ari_agent.demo.settings import DemoSettings
from ari_agent.demo.system import system


def _settings(port: int) -> DemoSettings:
    return DemoSettings.from_environment(
        {
            "ARI_AGENT_DEMO_RUNNING": "yes",
            "ARI_AGENT_API_KEY": "key_test",
            "ARI_AGENT_BIND": f"0.0.0.0:{port}",
            "ARI_AGENT_SIP_BIND": "127.0.0.2",
            "ARI_AGENT_SIP_PORT": "15060",
            "ARI_AGENT_SOFTPHONE_PASSWORD": "secret",
            "ARI_AGENT_PUBLIC_URL": "https://pbx.example/",
        }
    )


async def test_it_is_used_as_it_is_and_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_system, "LOOK_AGAIN_S", 0.01)
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        """Ready at first; later Asterisk is away, which is no reason to end."""
        asked.append(request.path)
        return web.json_response({}, status=200 if request.path == "/healthz" or len(asked) == 1 else 503)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with system(_settings(runner.addresses[0][1]), Report(Console(file=io.StringIO()))) as running:
        assert (running.sip_host, running.sip_port, running.account) == ("127.0.0.2", 15060, "softphone")
        assert running.console
        assert running.console.address == "https://pbx.example/console"
        assert running.console.invitation("look").startswith("console: https://pbx.example/console/login?code=")
        broken = asyncio.ensure_future(running.broken())
        await asyncio.sleep(0.05)
        assert not broken.done()
        await runner.cleanup()
        assert await asyncio.wait_for(broken, 5) == "the controller"


async def test_one_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.setattr("ari_agent.demo.controller.READY_TIMEOUT_S", 0.2)
    with pytest.raises(ControllerUnavailable, match=r"not ready after 0\.2 s: GET /readyz failed"):
        async with system(_settings(unused_tcp_port), Report(Console(file=io.StringIO()))):
            pass
