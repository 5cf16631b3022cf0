"""More callers than slots: who waits, who is served next, and where those go for whom none came free."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.agent_server import AgentCall
from tests.fakes.beside import beside
from tests.fakes.sip_message import first
from tests.fakes.sipp_callee import answers, callee, refuses
from tests.integration.stage import DIALPLAN, Stage, staged

WAIT_S = 2.0
SLOTS = 20
CALLERS = 200
PBX_NUMBERS = """
[ari-agent-extensions](+)
exten = answers,1,Wait(0.5)
 same = n,Answer()
 same = n,Set(GLOBAL(FALLBACK_ANSWERED)=${CALLERID(num)})
 same = n,Wait(60)
exten = busy,1,Hangup(17)
exten = rings,1,Ringing()
 same = n,Wait(60)
exten = late,1,Ringing()
 same = n,Wait(7)
 same = n,Answer()
 same = n,Wait(60)
exten = late-busy,1,Ringing()
 same = n,Wait(7)
 same = n,Hangup(17)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One slot, for which callers ring no longer than WAIT_S."""
    async with staged(
        tmp_path_factory.mktemp("overflow"),
        program=("-m", "tests.fakes.impatient_controller", str(WAIT_S)),
        pbx_options={"extensions": DIALPLAN + PBX_NUMBERS},
        CONCURRENCY_LIMIT="1",
    ) as made:
        yield made


async def number_with_fallback(stage: Stage, fallback: str | None, **fields: str) -> str:
    """Bound to an agent of its own."""
    number = await stage.import_number(await stage.create_agent(stage.agents.agent()), **fields)
    if fallback:
        reply = await stage.controller.request("PATCH", f"/update-phone-number/{number}", {"fallback_number": fallback})
        assert reply.status == 200, reply.text
    return number


async def record_of(stage: Stage, number: str, *, timeout_s: float = 10.0, ended: bool = True) -> dict[str, Any]:
    """The only record of calls to this number, once it is there and, with `ended`, says how the call ended."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        found = await stage.controller.post("/v2/list-calls", {"filter_criteria": {"to_number": [number]}}, expect=200)
        if found.json and ("disconnection_reason" in found.json[0] or not ended):
            assert len(found.json) == 1
            record: dict[str, Any] = found.json[0]
            return record
        await asyncio.sleep(0.1)
    raise TimeoutError(f"no record of a call to {number} in {timeout_s} s")


async def rings_at(stage: Stage, extension: str, *, timeout_s: float = 10.0) -> None:
    """Until the caller is out of our hands: the controller's own word for it comes before it asks Asterisk."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if f"!{extension}!" in await stage.pbx.cli("core show channels concise"):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"nothing rings at {extension} after {timeout_s} s")


async def slots(stage: Stage) -> tuple[float, float]:
    """In use, waiting."""
    found = await stage.controller.metrics()
    return found["ari_agent_slots_in_use"], found["ari_agent_slots_waiting"]


async def test_the_fallback_number_answers(stage: Stage) -> None:
    number = await number_with_fallback(stage, "answers")
    async with stage.connected(), stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        await asyncio.sleep(WAIT_S / 2)
        assert first(caller.received, method="INVITE", status=200) is None
        assert await slots(stage) == (1, 1)
        await caller.answered(timeout_s=15)
        record = await record_of(stage, number)
        assert await slots(stage) == (1, 0)
        await caller.hang_up()
    assert record["disconnection_reason"] == "no_concurrency_fallback"
    assert record["call_status"] == "ended"
    assert "start_timestamp" not in record
    await stage.events.event("call_analyzed", call_id=record["call_id"])
    assert "call_started" not in stage.events.events(call_id=record["call_id"])
    await stage.idle()


async def test_a_fallback_number_of_the_world_is_dialled_through_the_trunk(stage: Stage) -> None:
    async with callee(stage.pbx, answers(ringing_ms=300), port=5391) as far_end:
        number = await number_with_fallback(stage, "+14155550177", termination_uri=far_end.uri, transport="UDP")
        async with stage.connected(), stage.caller() as caller:
            await caller.call(number, timeout_s=20)
            record = await record_of(stage, number)
            await caller.hang_up()
        await far_end.done()
        (invite,) = far_end.received("INVITE")
    assert invite.start_line.startswith("INVITE sip:+14155550177@")
    assert number in invite.need("From")
    assert record["disconnection_reason"] == "no_concurrency_fallback"
    await stage.idle()


async def test_a_trunk_that_refuses_the_fallback_sends_the_caller_back(stage: Stage) -> None:
    async with callee(stage.pbx, refuses(486, ringing=True), port=5392) as far_end:
        number = await number_with_fallback(stage, "+14155550177", termination_uri=far_end.uri, transport="UDP")
        async with stage.connected(), stage.caller() as caller:
            await caller.dial(number)
            assert (await caller.refused(timeout_s=30)).status == 503
            record = await record_of(stage, number)
    assert record["disconnection_reason"] == "concurrency_limit_reached"
    await stage.idle()


@pytest.mark.parametrize("fallback", ["busy", "nobody-there", "911", None])
async def test_without_a_fallback_that_answers_the_limit_is_the_reason(stage: Stage, fallback: str | None) -> None:
    number = await number_with_fallback(stage, fallback)
    async with stage.connected(), stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        assert (await caller.refused(timeout_s=30)).status == 503
        record = await record_of(stage, number)
    assert record["disconnection_reason"] == "concurrency_limit_reached"
    assert record["call_status"] == "error"
    refused = "The fallback number was not dialled: the workspace (ARI_AGENT_DIAL_POLICY) may not reach 911"
    assert (refused in " ".join(record.get("faults", ()))) == (fallback == "911")
    await stage.idle()


@pytest.mark.parametrize("fallback", [None, "rings"], ids=["for a slot", "at the fallback number"])
async def test_a_caller_who_gives_up_waiting_leaves_nothing_behind(stage: Stage, fallback: str | None) -> None:
    number = await number_with_fallback(stage, fallback)
    async with stage.connected(), stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        await asyncio.sleep(WAIT_S + 0.5 if fallback else WAIT_S / 2)
        await caller.cancel()
        assert (await caller.refused()).status == 487
        record = await record_of(stage, number)
        assert await slots(stage) == (1, 0)
    assert record["disconnection_reason"] == "user_hangup"
    await stage.idle()


async def test_who_waits_is_served_when_a_call_ends(stage: Stage) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.caller() as caller:
        async with stage.connected():
            await caller.dial(number)
            await caller.ringing()
            await asyncio.sleep(0.5)
            assert agent.attempts == 0
        await caller.answered()
        await agent.call()
    await stage.idle()
    assert await slots(stage) == (0, 0)


async def test_a_call_that_goes_on_after_a_kill_holds_its_slot_again(stage: Stage) -> None:
    async with stage.connected() as call:
        assert await slots(stage) == (1, 0)
        await stage.controller.kill()
        await stage.controller.start()
        await stage.begun(call.call_id)
        assert await slots(stage) == (1, 0)
    await stage.idle(timeout_s=15)
    assert await slots(stage) == (0, 0)


@pytest.mark.parametrize("fallback", ["late", "late-busy"])
async def test_killed_while_the_fallback_rings_it_leaves_the_caller_there(stage: Stage, fallback: str) -> None:
    number = await number_with_fallback(stage, fallback)
    async with stage.connected() as other, stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        waiting = await record_of(stage, number, ended=False)
        assert waiting["call_status"] == "registered"
        await rings_at(stage, fallback)
        await stage.controller.kill()
        await other.caller.hang_up()
        await stage.controller.start()
        assert await slots(stage) == (0, 0)
        record = await record_of(stage, number)
        assert (await stage.controller.ended_call(other.call_id))["disconnection_reason"] == "user_hangup"
        if fallback == "late":
            await caller.answered(timeout_s=15)
            await caller.hang_up()
        else:  # back in an application whose process has changed: the dialplan behind it says so
            assert (await caller.refused(timeout_s=30)).status == 503
    assert record["call_id"] == waiting["call_id"]
    assert record["disconnection_reason"] == "concurrency_limit_reached"
    assert record["call_status"] == "error"
    await stage.events.event("call_analyzed", call_id=record["call_id"])
    assert stage.events.events(call_id=record["call_id"]) == ["call_ended", "call_analyzed"]
    await stage.idle()


async def test_killed_while_a_caller_waits_for_a_slot_it_closes_the_record(stage: Stage) -> None:
    number = await number_with_fallback(stage, None)
    async with stage.connected() as other, stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        waiting = await record_of(stage, number, ended=False)
        await stage.controller.kill()
        await other.caller.hang_up()
        await stage.controller.start()
        assert await slots(stage) == (0, 0)
        record = await record_of(stage, number)
        assert (await caller.refused(timeout_s=30)).status == 503
    assert (record["call_id"], record["disconnection_reason"]) == (waiting["call_id"], "error_retell")
    await stage.events.event("call_analyzed", call_id=record["call_id"])
    assert stage.events.events(call_id=record["call_id"]) == ["call_ended", "call_analyzed"]
    await stage.idle()


async def test_two_hundred_callers_at_once_against_twenty_slots(tmp_path: Path) -> None:
    most = served = now = 0

    order: list[str] = []

    async def short(call: AgentCall) -> None:
        nonlocal most, served, now
        order.append(str(call.about["call_id"]))
        now += 1
        most = max(most, now)
        await asyncio.sleep(1.5)  # well past the answer: an agent that hangs up before it refuses the call
        served += 1
        now -= 1
        await call.hang_up()

    # a busy machine takes longer for ten rounds than the forty seconds that a caller rings
    program = ("-m", "tests.fakes.impatient_controller", "120")
    async with staged(tmp_path, program=program, CONCURRENCY_LIMIT=str(SLOTS)) as stage:
        seen: list[tuple[float, float]] = []

        async def watch() -> None:
            while True:
                seen.append(await slots(stage))
                await asyncio.sleep(0.1)

        number = await stage.import_number(await stage.create_agent(stage.agents.agent(short)))
        async with beside(watch()):
            run = await stage.sipp.run(
                "call_until_bye", number, calls=CALLERS, at_once=CALLERS, per_second=CALLERS, trace=False, timeout_s=150
            )
        assert (run.successful, run.failed) == (CALLERS, 0), run.errors[-2000:]
        await stage.idle()
        assert await slots(stage) == (0, 0)
        records = (await stage.controller.post("/v2/list-calls", {"limit": 1000}, expect=200)).json
        arrived = [
            match[1]
            for line in stage.controller.log_text().splitlines()
            if "call routed" in line and (match := re.search(r"(call_[0-9a-f]{32})", line))
        ]
    # First come, first served: a slot is handed on in order, and then twenty websockets are dialled at the same time.
    assert sorted(order) == sorted(arrived)
    assert all(abs(order.index(call_id) - place) < SLOTS for place, call_id in enumerate(arrived))
    assert (served, most) == (CALLERS, SLOTS)
    assert max(in_use for in_use, _ in seen) == SLOTS
    # Nobody waits while a slot is free.
    assert all(in_use == SLOTS for in_use, waiting in seen if waiting)
    assert Counter(record["disconnection_reason"] for record in records) == {"agent_hangup": CALLERS}
