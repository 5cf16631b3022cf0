"""An agent that knows its call from its URL asks for it at once: before its websocket is open, and before the database
has taken the first record of the call, which nobody waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from websockets.http11 import Request

from tests.fakes.agent_server import Agent
from tests.integration.stage import Stage

LIFECYCLE = ["call_started", "call_ended", "call_analyzed"]


@contextlib.contextmanager
def slow_database(stage: Stage) -> Iterator[sqlite3.Connection]:
    """Nothing is written until this connection commits, at the latest at the end."""
    (path,) = stage.controller.folder.glob("*.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.commit()


async def dialled_by(stage: Stage, agent: Agent) -> str:
    """A number of this agent, whose URL names the call."""
    engine = {**agent.engine, "audio_websocket_url": agent.url + "?call_id={{call_id}}"}
    reply = await stage.controller.post("/create-agent", {"response_engine": engine}, expect=201)
    return await stage.import_number(reply.json["agent_id"])


def call_of(request: Request) -> str:
    return request.path.partition("call_id=")[2]


async def test_an_agent_is_told_of_its_call_before_the_first_record_is_stored(stage: Stage) -> None:
    answers: list[Any] = []

    async def ask(request: Request) -> None:
        call_id = call_of(request)
        answers.append(await stage.controller.call(call_id))
        gone = await stage.controller.request("DELETE", f"/v2/delete-call/{call_id}")
        transfer = await stage.controller.post(f"/v2/transfer-call/{call_id}", {"to": "1000"}, expect=200)
        answers.extend([gone, transfer.json])
        updating = asyncio.create_task(
            stage.controller.request(
                "PATCH", f"/v2/update-live-call/{call_id}", {"fields_to_override": {"metadata": {"order": 7}}}
            )
        )
        answers.append(await stage.controller.get(f"/v2/get-call/{call_id}"))
        database.commit()
        assert (await updating).status == 200

    agent = stage.agents.agent()
    agent.at_handshake = ask
    number = await dialled_by(stage, agent)
    with slow_database(stage) as database:
        async with stage.caller() as caller:
            await caller.call(number)
            call_id = str((await agent.call()).about["call_id"])
    ended = await stage.controller.ended_call(call_id)
    first, gone, transfer, again = answers
    assert (first["call_id"], first["call_status"], first["to_number"]) == (call_id, "registered", number)
    assert first["direction"] == "inbound"
    assert (gone.status, again.status) == (400, 200)
    assert "is not over" in gone.text
    assert transfer == {"status": "failed", "message": "the call is connecting, not talking"}
    assert ended["metadata"] == {"order": 7}
    await stage.events.event("call_analyzed", call_id=call_id)
    assert stage.events.events(call_id=call_id) == LIFECYCLE


async def test_a_call_that_its_agent_stops_at_once_has_its_record_and_webhooks(stage: Stage) -> None:
    stopped: list[str] = []

    async def stop(request: Request) -> None:
        await stage.controller.post(f"/v2/stop-call/{call_of(request)}", {"q850_cause": 21}, expect=204)
        stopped.append(call_of(request))

    agent = stage.agents.agent()
    agent.at_handshake = stop
    number = await dialled_by(stage, agent)
    with slow_database(stage):
        async with stage.caller() as caller:
            await caller.dial(number)
            response = await caller.refused()
    (call_id,) = stopped
    ended = await stage.controller.ended_call(call_id)
    assert (response.status, ended["disconnection_reason"]) == (403, "manual_stopped")
    await stage.events.event("call_analyzed", call_id=call_id)
    assert stage.events.events(call_id=call_id) == LIFECYCLE[1:]
