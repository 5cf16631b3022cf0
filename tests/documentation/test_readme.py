"""What the README shows works, and it stays short."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys

from websockets.asyncio.client import connect

from ari_agent.demo.ports import free_port
from ari_agent.demo.recorded_call import TOLERANCE_MS
from ari_agent.demo.report import STEPS
from tests.documentation.pages import ROOT

README = (ROOT / "README.md").read_text()


def _example() -> str:
    match = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert match
    return match[1]


async def test_the_example_agent_says_everything_back() -> None:
    port = free_port("127.0.0.1", 0, "BIND")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _example().replace("8770", str(port)))
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


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 250


def test_it_names_the_two_commands() -> None:
    assert "    make demo " in README
    assert "    make test " in README


def test_it_tells_how_much_of_a_call_the_demo_looks_at() -> None:
    assert f"happens in {len(STEPS)} steps," in README
    assert f"within {TOLERANCE_MS:.0f} ms of when they spoke" in README
