"""The last steps of the scripted call against a record and webhooks that are right, and against each thing wrong."""

from __future__ import annotations

import copy
import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from rich.console import Console

from ari_agent.demo.agent_log import AgentLog
from ari_agent.demo.caller import Softphone
from ari_agent.demo.controller import ControllerApi
from ari_agent.demo.receiver import Receiver
from ari_agent.demo.report import Report, StepFailed
from ari_agent.demo.scripted_call import Participants, count_webhooks, read_record

KEY, CALL_ID, TOKEN, NUMBER = "key_test", "call_1", "demo 1234", "+12025550100"
RECORD: dict[str, Any] = {
    "call_id": CALL_ID,
    "call_status": "ended",
    "disconnection_reason": "call_transfer",
    "direction": "inbound",
    "to_number": NUMBER,
    "metadata": {"answered_by": "ari_agent.demo.receiver"},
    "custom_sip_headers": {"x-caller": TOKEN},
    "end_timestamp": 1,
    "duration_ms": 1000,
}


class Scene:
    """A participants with an API that answers with `record`, and a way to send webhooks."""

    def __init__(self, participants: Participants, webhook_url: str, session: aiohttp.ClientSession) -> None:
        self.participants, self._url, self._session = participants, webhook_url, session
        self.record = copy.deepcopy(RECORD)

    async def send(self, *events: str, key: str = KEY, **call: object) -> None:
        for event in events:
            body = json.dumps({"event": event, "call": RECORD | call}).encode()
            now_ms = str(int(time.time() * 1000))
            proof = hmac.new(key.encode(), body + now_ms.encode(), hashlib.sha256).hexdigest()
            headers = {"X-Retell-Signature": f"v={now_ms},d={proof}"}
            async with self._session.post(self._url, data=body, headers=headers) as answer:
                assert answer.status in (204, 401)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    receiver = Receiver(KEY)
    webhook_port = await receiver.start("127.0.0.1", 0)
    scenes: list[Scene] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.path == f"/v2/get-call/{CALL_ID}"
        return web.json_response(scenes[0].record)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    phone = Softphone(account="softphone", password="x", server=("127.0.0.1", 9))
    report = Report(Console(file=io.StringIO()))
    async with (
        ControllerApi(f"127.0.0.1:{runner.addresses[0][1]}", KEY) as api,
        aiohttp.ClientSession() as session,
    ):
        participants = Participants(phone, receiver, AgentLog(), api, report, NUMBER, "+12025550101")
        scenes.append(Scene(participants, f"http://127.0.0.1:{webhook_port}/events", session))
        yield scenes[0]
    await runner.cleanup()
    await receiver.close()


async def test_the_right_record_is_seen(scene: Scene) -> None:
    assert await read_record(scene.participants, CALL_ID, TOKEN) == RECORD
    assert scene.participants.report.as_json({})["steps"]["record"] is True


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("call_status", "error"),
        ("disconnection_reason", "user_hangup"),
        ("direction", "outbound"),
        ("to_number", "+1"),
        ("metadata", None),
        ("custom_sip_headers", {"x-caller": "somebody else"}),
        ("custom_sip_headers", None),
        ("duration_ms", 0),
    ],
)
async def test_a_record_that_is_wrong_in_one_thing_fails_with_its_name(scene: Scene, key: str, value: object) -> None:
    scene.record[key] = value
    with pytest.raises(StepFailed, match=key):
        await read_record(scene.participants, CALL_ID, TOKEN)
    assert scene.participants.report.as_json({})["steps"]["record"] is False


async def test_each_event_once_and_in_order_is_seen(scene: Scene) -> None:
    await scene.send("call_started", "call_ended", "call_analyzed")
    await scene.send("call_started", call_id="call_2")  # another call's events do not count
    await count_webhooks(scene.participants, CALL_ID)
    assert scene.participants.report.as_json({})["steps"]["webhooks"] is True


@pytest.mark.parametrize(
    "events",
    [
        ("call_started", "call_ended", "call_analyzed", "call_ended"),
        ("call_ended", "call_started", "call_analyzed"),
    ],
    ids=["twice", "out of order"],
)
async def test_events_that_are_wrong_fail(scene: Scene, events: tuple[str, ...]) -> None:
    await scene.send(*events)
    with pytest.raises(StepFailed, match="once each and in order"):
        await count_webhooks(scene.participants, CALL_ID)


async def test_an_event_with_another_reason_fails(scene: Scene) -> None:
    await scene.send("call_started", "call_ended", "call_analyzed", disconnection_reason="user_hangup")
    with pytest.raises(StepFailed, match="call_ended says user_hangup"):
        await count_webhooks(scene.participants, CALL_ID)


async def test_a_wrong_signature_fails(scene: Scene) -> None:
    await scene.send("call_started", key="another key")
    await scene.send("call_started", "call_ended", "call_analyzed")
    with pytest.raises(StepFailed, match="1 webhooks had a wrong signature"):
        await count_webhooks(scene.participants, CALL_ID)
