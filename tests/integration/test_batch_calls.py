"""Batches on a real Asterisk: every number is called once, as fast as allowed, also when the controller dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.sipp_callee import answers, refuses, rings
from tests.integration.stage import Stage, staged
from tests.integration.test_outbound import Trunk, trunk


@pytest_asyncio.fixture(loop_scope="session")
async def batch_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Three slots, and calls that begin quickly."""
    async with staged(tmp_path, CONCURRENCY_LIMIT="3", CALLS_PER_SECOND="20") as made:
        yield made


def numbers(count: int) -> list[str]:
    return [f"+1415555{1000 + number}" for number in range(count)]


async def batch(line: Trunk, count: int, **fields: Any) -> dict[str, Any]:
    """Ask for a batch."""
    tasks = [{"to_number": number, "metadata": {"to": number}} for number in numbers(count)]
    body = {"from_number": line.number, "tasks": tasks, "name": "reminders", **fields}
    answer = await line.stage.controller.post("/create-batch-call", body, expect=201)
    taken: dict[str, Any] = answer.json
    return taken


async def calls_of(stage: Stage, taken: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = {"type": "string", "op": "eq", "value": taken["batch_call_id"]}
    answer = await stage.controller.post("/v3/list-calls", {"filter_criteria": {"batch_call_id": wanted}}, expect=200)
    found: list[dict[str, Any]] = answer.json["items"]
    return found


async def until_ended(stage: Stage, taken: dict[str, Any], count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while True:
            calls = await calls_of(stage, taken)
            if len([call for call in calls if "disconnection_reason" in call]) == count:
                return calls
            await asyncio.sleep(0.1)


async def test_every_number_is_called_once_within_the_slots(batch_stage: Stage) -> None:
    async with trunk(batch_stage, answers(talk_ms=200), calls=8) as line:
        taken = await batch(line, 8, reserved_concurrency=1)
        calls = await until_ended(batch_stage, taken, 8)
        wire = await line.far_end.done()
    assert taken["total_task_count"] == 8
    assert sorted(call["to_number"] for call in calls) == numbers(8)
    assert {call["disconnection_reason"] for call in calls} == {"user_hangup"}
    assert all(call["metadata"] == {"to": call["to_number"]} for call in calls)
    invites = {message.need("Call-ID") for message in wire.received if message.start_line.startswith("INVITE")}
    assert len(invites) == 8


async def test_a_batch_goes_on_after_the_controller_died(batch_stage: Stage) -> None:
    async with trunk(batch_stage, rings(), calls=6, agent={"ring_duration_ms": 5000}) as line:
        taken = await batch(line, 6)
        await line.far_end.heard("INVITE")
        await batch_stage.controller.kill()
        await batch_stage.controller.start()
        calls = await until_ended(batch_stage, taken, 6)
        invites = {(invite.need("To"), invite.need("Call-ID")) for invite in line.far_end.received("INVITE")}
    assert len(invites) == len({to for to, _ in invites})  # nobody is rung twice
    assert sorted(call["to_number"] for call in calls) == numbers(6)
    assert {call["disconnection_reason"] for call in calls} == {"error_retell", "dial_no_answer"}


async def test_a_task_that_is_refused_when_its_turn_comes_is_shown_with_its_reason(batch_stage: Stage) -> None:
    async with trunk(batch_stage, refuses(486), allowed_outbound_country_list=["US"]) as line:
        tasks = [{"to_number": "+442071838750", "metadata": {"to": "London"}}, {"to_number": numbers(1)[0]}]
        body = {"from_number": line.number, "tasks": tasks}
        taken = (await batch_stage.controller.post("/create-batch-call", body, expect=201)).json
        calls = {call["to_number"]: call for call in await until_ended(batch_stage, taken, 2)}
    refused = calls["+442071838750"]
    assert (refused["call_status"], refused["disconnection_reason"]) == ("not_connected", "dial_failed")
    assert (refused["metadata"], refused["agent_id"]) == ({"to": "London"}, line.agent_id)
    assert "allowed_outbound_country_list" in " ".join(refused["faults"])
    await batch_stage.events.event("call_analyzed", call_id=refused["call_id"])
    assert batch_stage.events.events(call_id=refused["call_id"]) == ["call_ended", "call_analyzed"]
    assert calls[numbers(1)[0]]["disconnection_reason"] == "dial_busy"


async def test_callers_come_in_while_a_batch_dials(batch_stage: Stage) -> None:
    async with trunk(batch_stage, rings(), calls=2) as line:
        taken = await batch(line, 3, reserved_concurrency=1)
        await line.far_end.heard("INVITE", calls=2)
        async with batch_stage.connected() as inbound:
            assert (await batch_stage.controller.call(inbound.call_id))["call_status"] == "ongoing"
        assert len(await calls_of(batch_stage, taken)) == 2


async def test_nothing_is_called_before_its_time(batch_stage: Stage) -> None:
    async with trunk(batch_stage, refuses(486)) as line:
        begin_ms = int(time.time() * 1000) + 1500
        taken = await batch(line, 1, trigger_timestamp=begin_ms)
        assert taken["scheduled_timestamp"] == begin_ms
        (call,) = await until_ended(batch_stage, taken, 1)
        assert call["end_timestamp"] >= begin_ms


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"from_number": "+14155559999"}, 422, "not found"),
        ({"tasks": []}, 400, "tasks"),
        ({"tasks": [{"to_number": "1"}]}, 400, "to_number"),
        ({"tasks": [{"to_number": "+14155550199", "override_agent_id": "agent_none"}]}, 422, "agent_none"),
        ({"reserved_concurrency": 500}, 400, "reserved_concurrency"),
        ({"call_time_window": {"windows": [{"start": 60, "end": 0}]}}, 400, "call_time_window"),
    ],
)
async def test_what_cannot_be_is_refused(stage: Stage, fields: dict[str, Any], status: int, message: str) -> None:
    agent_id = await stage.create_agent(stage.agents.agent())
    number = await stage.import_number(None, outbound_agents=[{"agent_id": agent_id, "weight": 1}])
    body = {"from_number": number, "tasks": [{"to_number": "+14155550199"}], **fields}
    answer = await stage.controller.post("/create-batch-call", body, expect=status)
    assert message in answer.json["message"]
