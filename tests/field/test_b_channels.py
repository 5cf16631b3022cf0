"""What real telephones and gateways do with the channel of a call."""

from __future__ import annotations

import pytest

from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import CallFailed
from tests.integration.stage import Connected, Stage


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
