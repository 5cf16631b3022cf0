"""Callers whose place others take: by picking up, by INVITE with Replaces, by transfers of their phones or ours.

One call stays one call, with the agent that it has.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.agent_server import Agent, echo
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import noise
from tests.fakes.webhook_server import Answer
from tests.integration.stage import RECEPTION_ADDRESS, Connected, Stage

RECEPTION: dict[str, Any] = {"address": RECEPTION_ADDRESS, "user": "+14155550177"}
CALLER: dict[str, Any] = {"user": "+14155550123", "display_name": "Ada"}


@asynccontextmanager
async def talking(stage: Stage, phone: SipCaller) -> AsyncIterator[Connected]:
    """A phone of the reception through to an agent that echoes."""
    agent = stage.agents.agent(echo)
    number = await stage.import_number(agent_id := await stage.create_agent(agent))
    await phone.call(number)
    agent_call = await agent.call()
    call = Connected(phone, agent_call, str(agent_call.about["call_id"]), number, agent_id)
    await stage.begun(call.call_id)
    yield call


async def ended_once(stage: Stage, call_id: str) -> dict[str, Any]:
    """The record of a call that is over: it began once, and nothing of it is left."""
    record = await stage.controller.ended_call(call_id)
    assert stage.events.events(call_id=call_id).count("call_started") == 1
    await stage.idle()
    return record


def calls_in(log: str) -> int:
    """How many calls have arrived."""
    return log.count("call arrived")


async def test_an_invite_with_replaces_takes_the_callers_place(stage: Stage) -> None:
    logged = len(stage.controller.log_text())
    async with stage.caller() as phone, stage.caller(**RECEPTION) as colleague, talking(stage, phone) as call:
        await colleague.call(call.number, headers=[("Replaces", phone.replaces())])
        await phone.bye()
        call.caller = colleague
        await call.hears_itself()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert record["retell_llm_dynamic_variables"] == {"transferee_number": "+14155550177"}
    assert calls_in(stage.controller.log_text()[logged:]) == 1


@asynccontextmanager
async def ringing(stage: Stage) -> AsyncIterator[tuple[Agent, str, str]]:
    """An agent, its id and its number, whose calls ring for a second."""
    agent = stage.agents.agent(echo)
    hook = stage.webhooks.hook(Answer.inbound(delay_s=1.0))
    agent_id = await stage.create_agent(agent)
    yield agent, agent_id, await stage.import_number(agent_id, inbound_webhook_url=hook.url)


async def test_a_call_that_still_rings_in_is_not_taken_by_replaces(stage: Stage) -> None:
    async with (
        ringing(stage) as (agent, agent_id, number),
        stage.caller() as phone,
        stage.caller(**RECEPTION) as colleague,
    ):
        await phone.dial(number)
        await phone.ringing()
        await colleague.dial(number, headers=[("Replaces", phone.replaces())])
        assert (await colleague.refused()).status == 481
        await phone.answered()
        agent_call = await agent.call()
        call = Connected(phone, agent_call, str(agent_call.about["call_id"]), number, agent_id)
        await call.hears_itself()
    await ended_once(stage, call.call_id)


@pytest.mark.parametrize("pause_s", [0.0, 0.5])
async def test_a_caller_may_be_handed_over_while_the_agents_number_rings(stage: Stage, pause_s: float) -> None:
    async with (
        ringing(stage) as (agent, agent_id, number),
        stage.caller(**CALLER) as caller,
        stage.caller(**RECEPTION) as talks,
        stage.caller(**RECEPTION) as asks,
    ):
        logged = len(stage.controller.log_text())
        await caller.call("waits")
        await talks.call("reception")
        await asks.dial(number)
        await asks.ringing()
        await asyncio.sleep(pause_s)
        assert (await talks.hand_over_to(asks)).status == 202
        agent_call = await agent.call()
        call = Connected(caller, agent_call, str(agent_call.about["call_id"]), number, agent_id)
        await talks.hang_up_if_up()
        await call.hears_itself()
    record = await ended_once(stage, call.call_id)
    assert record["from_number"] == RECEPTION["user"]
    assert record["retell_llm_dynamic_variables"] == {"transferee_number": "+14155550123", "transferee_name": "Ada"}
    assert calls_in(stage.controller.log_text()[logged:]) == 1


async def test_a_ringing_call_that_another_picks_up_is_over_and_no_other_begins(stage: Stage) -> None:
    await stage.pbx.cli("module load app_directed_pickup.so")
    async with (
        ringing(stage) as (_, _, number),
        stage.caller(**CALLER) as phone,
        stage.caller(**RECEPTION) as colleague,
    ):
        logged = len(stage.controller.log_text())
        await phone.dial(f"*74{number[1:]}")
        await stage.controller.logged(f"to={number}")
        await phone.ringing()
        [ringing_leg] = re.findall(r"(?m)^(Local/.*);1!", await stage.pbx.cli("core show channels concise"))
        await stage.pbx.cli(f"dialplan set global RINGING_PHONE {ringing_leg}")
        await colleague.call("picks-up")
        await phone.answered()
        said = noise(0.5)
        phone.audio.say(said)
        await phone.audio.said()
        await colleague.audio.hears()
    await stage.idle()
    assert calls_in(stage.controller.log_text()[logged:]) == 1


async def test_who_picks_up_a_call_that_we_placed_talks_to_its_agent(stage: Stage) -> None:
    await stage.pbx.cli("module load app_directed_pickup.so")
    agent = stage.agents.agent(echo)
    agents = [{"agent_id": (agent_id := await stage.create_agent(agent)), "weight": 1}]
    async with (
        SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address="127.0.0.4") as desk,
        stage.caller(**CALLER) as colleague,
    ):
        number = await stage.import_number(None, termination_uri=desk.uri, transport="UDP", outbound_agents=agents)
        body = {"from_number": number, "to_number": "+14155550199"}
        call_id = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json["call_id"]
        await desk.rings()
        ringing = (await stage.pbx.cli("core show channels concise")).partition("PJSIP/")[2].partition("!")[0]
        await stage.pbx.cli(f"dialplan set global RINGING_PHONE PJSIP/{ringing}")
        await colleague.call("picks-up")
        await desk.cancelled()
        await Connected(colleague, await agent.call(), call_id, number, agent_id).hears_itself()
        assert (await stage.controller.call(call_id))["call_status"] == "ongoing"
    record = await ended_once(stage, call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert record["to_number"] == "+14155550199"
    assert record["retell_llm_dynamic_variables"] == {"transferee_number": "+14155550123", "transferee_name": "Ada"}


async def test_a_phone_may_not_send_its_agent_on_unless_a_setting_says_so(stage: Stage) -> None:
    logged = len(stage.controller.log_text())
    async with stage.caller(**RECEPTION) as phone, talking(stage, phone) as call:
        assert (await phone.send_on("waits")).status == 202
        await phone.told(404)
        await call.hears_itself()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert calls_in(stage.controller.log_text()[logged:]) == 1


async def test_the_dialplan_decides_again_once_the_agent_has_let_the_caller_go(stage: Stage) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.caller(**RECEPTION) as phone:
        await phone.call(f"*70{number[1:]}")
        agent_call = await agent.call()
        await stage.begun(str(agent_call.about["call_id"]))
        await agent_call.transfer("101")
        await phone.bye()
    assert f"{RECEPTION['user']}/desks" in await stage.pbx.cli("dialplan show globals")


async def test_a_caller_may_be_handed_over_twice(stage: Stage) -> None:
    async with (
        stage.caller(**CALLER) as caller,
        stage.caller(**RECEPTION) as talks,
        stage.caller(**RECEPTION) as asks,
        stage.caller(address=RECEPTION_ADDRESS, user="+14155550178") as colleague,
    ):
        await caller.call("waits")
        await talks.call("reception")
        async with talking(stage, asks) as call:
            assert (await asks.hand_over_to(talks)).status == 202
            await asks.told(200)
            await stage.controller.logged(f"caller transferred in call_id={call.call_id} ")
            await colleague.call(call.number, headers=[("Replaces", caller.replaces())])
            await caller.hang_up_if_up()
            call.caller = colleague
            await call.hears_itself()
            await call.agent.hang_up()
            await colleague.bye()
    record = await ended_once(stage, call.call_id)
    assert record["disconnection_reason"] == "agent_hangup"


async def test_a_caller_whom_the_reception_sends_to_us_is_one_call(stage: Stage) -> None:
    agent = stage.agents.agent(echo)
    number = await stage.import_number(agent_id := await stage.create_agent(agent))
    logged = len(stage.controller.log_text())
    async with stage.caller(**CALLER) as caller, stage.caller(**RECEPTION) as talks:
        await caller.call("waits")
        await talks.call("reception")
        assert (await talks.send_on(number)).status == 202
        agent_call = await agent.call()
        call = Connected(caller, agent_call, str(agent_call.about["call_id"]), number, agent_id)
        await talks.hang_up_if_up()
        await call.hears_itself()
    record = await ended_once(stage, call.call_id)
    assert (record["from_number"], record["to_number"]) == ("+14155550123", number)
    assert calls_in(stage.controller.log_text()[logged:]) == 1
