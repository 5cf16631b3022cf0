"""What the README shows works, and what it names is there."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from ari_agent.api.routes import ROUTES
from ari_agent.config import PREFIX, Settings
from ari_agent.demo.ports import free_port
from ari_agent.demo.settings import PORTS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def _example() -> str:
    match = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert match
    return match[1]


async def test_the_example_agent_says_everything_back() -> None:
    port = free_port("127.0.0.1", 0, "BIND")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _example().replace("8765", str(port)))
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    websocket = await connect(f"ws://127.0.0.1:{port}")
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
            async with websocket:
                payload = base64.b64encode(bytes(160)).decode()
                for message in (
                    {"event": "connected"},
                    {"event": "start", "start": {"customParameters": {"call_id": "call_1"}}},
                    {"event": "media", "media": {"payload": payload}},
                    {"event": "dtmf", "dtmf": {"digit": "0"}},
                ):
                    await websocket.send(json.dumps(message))
                answers = [json.loads(await websocket.recv()) for _ in range(2)]
    finally:
        process.kill()
        await process.wait()
    assert answers == [{"event": "media", "media": {"payload": payload}}, {"event": "hangup"}]


@pytest.mark.parametrize("name", [*Settings.model_fields, *(name.lower() for name, _ in PORTS.values())])
def test_every_setting_is_explained(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in README


@pytest.mark.parametrize("name", ["app", "ari_url", "ari_username", "database_url", "rtp_host", "concurrency_limit"])
def test_defaults_are_those_of_the_code(name: str) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{PREFIX}{name.upper()}`"))
    assert f"`{Settings.model_fields[name].default}`" in row


@pytest.mark.parametrize("file", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_every_link_leads_somewhere(file: str) -> None:
    text = (ROOT / file).read_text()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_every_path_of_the_api_is_in_the_readme() -> None:
    paths = {route.path.partition("/{")[0] for route in ROUTES}
    assert not {path for path in paths if path not in README}
