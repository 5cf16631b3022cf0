"""A controller in a process of its own, without Asterisk, for what comes over HTTP and websockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fakes.agent_server import AgentServer, Script
from tests.fakes.controller import Controller, free_tcp_port


@asynccontextmanager
async def controller_alone(folder: Path, script: Script, **options: Any) -> AsyncIterator[tuple[Controller, str]]:
    """The controller, running, and the id of its agent, which plays the script over the web protocol.

    options: of Controller, settings among them.
    """
    ari: dict[str, Any] = {
        "ari_url": f"http://127.0.0.1:{free_tcp_port()}/ari",
        "ari_username": "nobody",
        "ari_password": "none",
    }
    async with AgentServer() as agents, Controller(folder, **ari, **options) as controller:
        await controller.start(ready=False)
        engine = agents.agent(script, protocol="web").engine
        made = await controller.post("/create-agent", {"response_engine": engine}, expect=201)
        yield controller, made.json["agent_id"]
