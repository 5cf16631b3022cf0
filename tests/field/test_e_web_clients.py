"""Clients of web calls as they are deployed."""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance.clients import Unavailable, run_node
from tests.fakes.agent_server import echo
from tests.integration.stage import Stage


@pytest.mark.parametrize("path", ["/register-call", "/v2/create-web-call"])
async def test_a_client_that_records_at_another_rate_is_told_so(stage: Stage, path: str) -> None:
    """As retell-client-js-sdk 1.3.3 does where the page asks for 16 kHz; it names its rate to nobody."""
    agent_id = await stage.create_agent(stage.agents.agent(echo, protocol="web"))
    audio = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": 24_000}
    asked = {"agent_id": agent_id, **(audio if path == "/register-call" else {})}
    call_id = (await stage.controller.post(path, asked, expect=201)).json["call_id"]
    endpoint = stage.controller.url.replace("http://", "ws://") + "/audio-websocket/"
    world = {"endpoint": endpoint, "call_id": call_id, "sample_rate": 16_000, "talk_s": 45}
    try:
        seen = await asyncio.to_thread(run_node, "web_client.js", world)
    except Unavailable as why:
        pytest.skip(str(why))
    reason = "error_frontend_corrupted_payload: audio comes at 16000 Hz, not the 24000 Hz of this call"
    assert seen["ended"] == {"code": 1003, "reason": reason}
    record = await stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "error_frontend_corrupted_payload"
