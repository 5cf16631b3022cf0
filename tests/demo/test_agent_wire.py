"""Both protocols of the demo's agents, spoken over a real websocket."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from ari_agent.demo.agent_wire import (
    AgentEvent,
    AudioHeard,
    CallStarted,
    KeyPressed,
    MarkReturned,
    TransferEnded,
    TransferStep,
    TwilioWire,
    WebWire,
    control_event,
    text_values,
)
from ari_agent.demo.sounds import to_ulaw

SAMPLES = np.arange(-800, 800, 10, dtype=np.int16)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"event": "dtmf", "dtmf": {"digit": "5"}}, KeyPressed("5")),
        ({"event": "mark", "mark": {"name": "m"}}, MarkReturned("m")),
        ({"event": "transfer", "transfer": {"status": "failed", "sip_status": 486}}, TransferEnded("failed", 486)),
        ({"event": "transfer", "transfer": {"status": "failed", "sip_status": "486"}}, TransferEnded("failed", None)),
        ({"event": "transfer", "transfer": {"status": "succeeded"}}, TransferEnded("succeeded", None)),
        ({"event": "transfer", "transfer": {"status": "ringing"}}, TransferStep("ringing", is_ours_to_speak=False)),
        (
            {"event": "transfer", "transfer": {"status": "private_handoff", "spoken_by": "agent"}},
            TransferStep("private_handoff", is_ours_to_speak=True),
        ),
        (
            {"event": "transfer", "transfer": {"status": "private_handoff", "spoken_by": "text_to_speech"}},
            TransferStep("private_handoff", is_ours_to_speak=False),
        ),
        ({"event": "transfer", "transfer": {"status": 7}}, None),
        ({"event": "dtmf", "dtmf": {"digit": 5}}, None),
        ({"event": "something new"}, None),
        ({}, None),
    ],
)
def test_what_both_protocols_write_alike_is_read_once(message: dict[str, Any], event: AgentEvent | None) -> None:
    assert control_event(message) == event


def test_only_text_is_a_variable() -> None:
    assert text_values({"name": "Zoë", "metadata": {"a": 1}, "count": 7, "none": None}) == {"name": "Zoë"}


async def conversation(
    agent: Callable[[ServerConnection], Awaitable[None]], caller: Callable[[ClientConnection], Awaitable[None]]
) -> None:
    """Both ends of one websocket; what goes wrong in the agent goes wrong here."""
    failures: list[BaseException] = []

    async def serving(websocket: ServerConnection) -> None:
        try:
            await agent(websocket)
        except BaseException as error:
            failures.append(error)
            raise

    async with serve(serving, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/") as client:
            await caller(client)
    assert not failures


async def test_twilio_frames_become_events_and_speech_goes_back_as_mulaw() -> None:
    heard: list[AgentEvent] = []
    answered: list[dict[str, Any]] = []

    async def agent(websocket: ServerConnection) -> None:
        wire = TwilioWire(websocket)
        async for event in wire.events():
            heard.append(event)
            if isinstance(event, CallStarted):
                await wire.play(SAMPLES)
                await wire.mark("m1")
                await wire.clear()
                await wire.control("hangup", {"q850_cause": 16})

    async def caller(client: ClientConnection) -> None:
        start = {"streamSid": "MZ1", "customParameters": {"call_id": "call_1", "name": "Zoë"}}
        await client.send(json.dumps({"event": "connected"}))
        await client.send(json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))
        answered.extend([json.loads(await client.recv()) for _ in range(4)])
        payload = base64.b64encode(to_ulaw(SAMPLES)).decode()
        await client.send(json.dumps({"event": "media", "media": {"payload": payload}}))
        await client.send(json.dumps({"event": "dtmf", "dtmf": {"digit": "5"}}))
        await client.send(json.dumps({"event": "stop"}))

    await conversation(agent, caller)
    assert heard[0] == CallStarted("call_1", {"call_id": "call_1", "name": "Zoë"})
    assert [type(event) for event in heard[1:]] == [AudioHeard, KeyPressed]
    media, mark, clear, hangup = answered
    assert base64.b64decode(media["media"]["payload"]) == to_ulaw(SAMPLES)
    assert (media["streamSid"], mark["mark"], clear["event"]) == ("MZ1", {"name": "m1"}, "clear")
    assert hangup["hangup"] == {"q850_cause": 16}


async def test_web_frames_become_events_and_speech_goes_back_as_it_is() -> None:
    heard: list[AgentEvent] = []
    answered: list[str | bytes] = []

    async def agent(websocket: ServerConnection) -> None:
        wire = WebWire(websocket)
        async for event in wire.events():
            heard.append(event)
            if isinstance(event, CallStarted):
                await wire.play(SAMPLES)
                await wire.clear()

    async def caller(client: ClientConnection) -> None:
        metadata = {"call_id": "call_1", "sample_rate": 16000, "retell_llm_dynamic_variables": {"name": "Zoë"}}
        await client.send(json.dumps({"event_type": "metadata", "metadata": metadata}))
        answered.extend([await client.recv() for _ in range(2)])
        await client.send(SAMPLES.tobytes())
        await client.send(json.dumps({"event": "mark", "mark": {"name": "m1"}}))

    await conversation(agent, caller)
    started, audio, mark = heard
    assert isinstance(started, CallStarted) and started.call_id == "call_1" and started.variables["name"] == "Zoë"
    assert isinstance(audio, AudioHeard) and audio.samples.tobytes() == SAMPLES.tobytes()
    assert mark == MarkReturned("m1")
    assert answered[0] == SAMPLES.tobytes()
