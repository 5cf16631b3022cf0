"""The API is sent nonsense of every kind while a caller listens: the call never notices."""

from __future__ import annotations

import asyncio
import http.client
import json
import time

from tests.fakes.agent_server import AgentCall
from tests.fakes.rtp_stream import timeline_faults
from tests.fakes.sound import find, noise
from tests.integration.stage import Stage
from tests.integration.stalls import again_if_stalled

SECONDS = 3.0
LARGE = 1024 * 1024 - 100
BODIES: tuple[bytes, ...] = (
    b"{",
    b"\xff" * 100,
    b"[" * LARGE,
    b'{"metadata": {"a": [' + b",".join([b"[[[[]]]]"] * (LARGE // 9)) + b"]}}",
    b'{"boosted_keywords": [' + b",".join([b"1"] * (LARGE // 2 - 20)) + b"]}",
    b'{"agent_name": "' + b"x" * LARGE,
    b"x" * (LARGE + 200),
    json.dumps({"response_engine": 7, "volume": 10**30, "language": {"a": "b"}}).encode(),
)
PATHS = ("/create-agent", "/v2/register-phone-call", "/v3/list-calls", "/create-batch-call", "/v2/create-phone-call")


def bombard(url: str, api_key: str) -> list[int]:
    """The statuses of what was answered while the agent spoke."""
    statuses: list[int] = []
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    until_s = time.monotonic() + SECONDS
    while time.monotonic() < until_s:
        for path in PATHS:
            for body in BODIES:
                connection.request("POST", path, body, {"Authorization": f"Bearer {api_key}"})
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
    connection.close()
    return statuses


@again_if_stalled
async def test_a_call_in_progress_never_notices(stage: Stage) -> None:
    said = noise(SECONDS)

    async def speak(call: AgentCall) -> None:
        await call.say(said)

    async with stage.connected(speak) as call:
        statuses = await asyncio.to_thread(bombard, stage.controller.url, stage.controller.api_key)
        await call.caller.audio.hears(packets=int(SECONDS * 45))
        await call.caller.audio.hears_silence()
        match = find(said, call.caller.audio.sound())
        assert timeline_faults(call.caller.audio.heard) == []
    assert match.similarity > 0.999
    assert set(statuses) <= {200, 400, 413}, "200 is a list, of what an unknown key does not ask for"
    assert len(statuses) > 20
