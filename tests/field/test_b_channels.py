"""What real telephones and gateways do with the channel of a call."""

from __future__ import annotations

import pytest

from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import CallFailed
from tests.integration.stage import RECEPTION_ADDRESS, Connected, Stage


async def test_a_refer_from_the_phone_is_refused_and_the_talk_goes_on(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        refused = await call.caller.request("REFER", headers=[("Refer-To", "<sip:100@pbx>")])
        assert refused.status == 603
        await call.hears_itself()


async def test_a_fax_gateway_has_audio_and_stays_with_it(stage: Stage) -> None:
    agent = stage.agents.agent(echo)
    number = await stage.import_number(agent_id := await stage.create_agent(agent))
    async with stage.caller(is_fax_gateway=True) as caller:
        answer = await caller.call(number)
        assert b"m=image 0 udptl t38" in answer.body
        agent_call = await agent.call()
        call = Connected(caller, agent_call, str(agent_call.about["call_id"]), number, agent_id)
        await call.hears_itself()
        with pytest.raises(CallFailed) as refused:
            await caller.change_to_fax()
        assert refused.value.response.status == 488
        await call.hears_itself()


@pytest.mark.parametrize("line", ["of the caller", "of the agent"])
@pytest.mark.parametrize("ends", ["caller", "agent"])
async def test_a_caller_whom_the_reception_transfers_talks_to_the_same_agent(
    stage: Stage, line: str, ends: str
) -> None:
    agent = stage.agents.agent(echo)
    number = await stage.import_number(agent_id := await stage.create_agent(agent))
    reception = {"address": RECEPTION_ADDRESS, "user": "+14155550177"}
    async with (
        stage.caller(user="+14155550123", display_name="Ada") as caller,
        stage.caller(**reception) as talks,
        stage.caller(**reception) as asks,
    ):
        await caller.call("waits")
        await talks.call("reception")
        await asks.call(number)
        call = Connected(caller, agent_call := await agent.call(), str(agent_call.about["call_id"]), number, agent_id)
        await stage.begun(call.call_id)
        referring, other = (talks, asks) if line == "of the caller" else (asks, talks)
        assert (await referring.hand_over_to(other)).status == 202
        await stage.controller.logged(f"caller transferred in call_id={call.call_id}")
        await talks.hang_up_if_up()
        await asks.hang_up_if_up()
        await call.hears_itself()
        if ends == "agent":
            await agent_call.hang_up()
            await caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == ("agent_hangup" if ends == "agent" else "user_hangup")
    assert record["retell_llm_dynamic_variables"] == {"transferee_number": "+14155550123", "transferee_name": "Ada"}
    assert record["from_number"] == "+14155550177"
    assert stage.events.events(call_id=call.call_id).count("call_started") == 1
    assert "to=_attended" not in stage.controller.log_text()
    await stage.idle()
