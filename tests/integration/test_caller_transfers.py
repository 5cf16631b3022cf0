"""REFERs of the caller's own phone, where they are allowed: whom it names has its place with the same agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.agent_server import echo
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_caller import SipCaller
from tests.integration.stage import Connected, Stage, staged
from tests.integration.test_taken_over_calls import RECEPTION, calls_in, ended_once

TO = "+14155559999"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A stage whose callers' phones may transfer."""
    async with staged(tmp_path_factory.mktemp("allowing"), CALLER_TRANSFERS="allow") as made:
        yield made


@asynccontextmanager
async def talking(stage: Stage, **number: Any) -> AsyncIterator[tuple[Connected, SipCallee]]:
    """A phone through to an agent that echoes, and the far end of its number's trunk."""
    async with (
        SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address="127.0.0.4") as desk,
        stage.caller(**RECEPTION) as phone,
    ):
        agent = stage.agents.agent(echo)
        agent_id = await stage.create_agent(agent)
        dialled = await stage.import_number(agent_id, termination_uri=desk.uri, transport="UDP", **number)
        await phone.call(dialled)
        agent_call = await agent.call()
        call = Connected(phone, agent_call, str(agent_call.about["call_id"]), dialled, agent_id)
        await stage.begun(call.call_id)
        yield call, desk


async def send_on(phone: SipCaller, to: str) -> None:
    assert (await phone.send_on(to)).status == 202


@pytest.mark.parametrize("hangs_up", ["callee", "agent"])
async def test_whom_the_phone_names_talks_to_the_same_agent(stage: Stage, hangs_up: str) -> None:
    logged = len(stage.controller.log_text())
    async with talking(stage) as (call, desk):
        phone = call.caller
        if hangs_up == "agent":
            await phone.hold()
        await send_on(phone, TO)
        await desk.rings()
        await phone.told(100)
        if hangs_up == "callee":
            await call.hears_itself()  # meanwhile
        await desk.picks_up()
        await phone.told(200)
        await phone.bye()
        call.caller = desk
        await call.hears_itself()
        await desk.info_digit("7")
        await call.agent.event("dtmf")
        if hangs_up == "agent":
            await call.agent.hang_up()
            await desk.bye()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == ("agent_hangup" if hangs_up == "agent" else "user_hangup")
    assert record["from_number"] == RECEPTION["user"]
    assert record["retell_llm_dynamic_variables"] == {"transferee_number": TO}
    assert "transfer_destination" not in record
    assert calls_in(stage.controller.log_text()[logged:]) == 1


@pytest.mark.parametrize(("answer", "told"), [(486, 503), (603, 603)])
async def test_a_target_that_does_not_come_changes_nothing(stage: Stage, answer: int, told: int) -> None:
    async with talking(stage) as (call, desk):
        await send_on(call.caller, TO)
        await desk.refuses(answer)
        await call.caller.told(told)
        await call.hears_itself()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert f"A transfer to {TO} failed" in " ".join(record["faults"])


@pytest.mark.parametrize("answers", [True, False])
async def test_a_phone_may_hang_up_as_soon_as_its_refer_is_accepted(stage: Stage, answers: bool) -> None:
    async with talking(stage) as (call, desk):
        await send_on(call.caller, TO)
        await call.caller.hang_up()
        await desk.rings()
        if answers:
            await desk.picks_up()
            call.caller = desk
            await call.hears_itself()
        else:
            await desk.refuses(486)
            await call.agent.gone()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == "user_hangup"


@pytest.mark.parametrize(
    "to",
    ["+5351234567", "+19005550199", "911", "waits", "109"],
    ids=["a country", "premium rate", "the police", "a name", "no such extension"],
)
async def test_who_may_not_be_dialled_is_not(stage: Stage, to: str) -> None:
    async with talking(stage, allowed_outbound_country_list=["US"]) as (call, desk):
        await send_on(call.caller, to)
        await call.caller.told(603 if to != "109" else 503)
        await call.hears_itself()
        assert desk.received == []
    await ended_once(stage, call.call_id)


async def test_an_extension_of_the_pbx_is_dialled_through_its_dialplan(stage: Stage) -> None:
    logged = len(stage.controller.log_text())
    async with talking(stage) as (call, _):
        await send_on(call.caller, "105")
        await call.caller.told(200)
        await call.caller.bye()
        await call.agent.hang_up()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["retell_llm_dynamic_variables"] == {"transferee_number": "105"}
    assert calls_in(stage.controller.log_text()[logged:]) == 1


async def test_a_refer_with_replaces_is_declined_and_the_talk_goes_on(stage: Stage) -> None:
    async with stage.caller(**RECEPTION) as other_line, talking(stage) as (call, desk):
        await other_line.call(call.number)
        assert (await call.caller.hand_over_to(other_line)).status == 202
        await call.caller.told(603)
        await call.hears_itself()
        assert desk.received == []
    await ended_once(stage, call.call_id)


async def test_a_call_that_is_stopped_meanwhile_leaves_nobody_ringing(stage: Stage) -> None:
    async with talking(stage) as (call, desk):
        await send_on(call.caller, TO)
        await desk.rings()
        await call.agent.transfer("+14155558888")
        assert "the caller's phone is transferring" in (await call.agent.transfer_result())["message"]
        await stage.controller.post(f"/v2/stop-call/{call.call_id}", expect=204)
        await desk.cancelled()
        await call.caller.bye()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == "manual_stopped"
