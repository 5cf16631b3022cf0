"""A real softphone, baresip: over UDP, and over TLS with SRTP."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from tests.fakes.agent_server import AgentCall, echo
from tests.fakes.baresip import calling
from tests.fakes.sound import find_pieces, noise, silence
from tests.integration.stage import Stage


@pytest.mark.parametrize("secure", [False, True], ids=["udp", "tls and srtp"])
async def test_a_softphone_hears_itself_through_the_agent(stage: Stage, secure: bool) -> None:
    said = noise(1.5)
    agent = stage.agents.agent(echo)
    number = await stage.import_number(await stage.create_agent(agent))
    words = np.concatenate([silence(1.0), said, silence(10.0)])
    async with calling(stage.pbx, number, words, secure=secure) as phone:
        call = await phone.talk_with(agent)
        record = await stage.controller.ended_call(call.about["call_id"])
        heard = phone.heard()
    assert record["disconnection_reason"] == "user_hangup"
    assert record["from_number"] == stage.pbx.softphone_account
    # baresip's file player may slip a frame: the pieces are judged, not the whole.
    assert statistics.median(match.similarity for match in find_pieces(said, call.sound())) > 0.99
    assert statistics.median(match.similarity for match in find_pieces(said, heard)) > 0.99


async def test_a_softphone_is_hung_up_by_the_agent(stage: Stage) -> None:
    async def leave(call: AgentCall) -> None:
        await call.hears(seconds=0.2)
        await call.hang_up()

    agent = stage.agents.agent(leave)
    number = await stage.import_number(await stage.create_agent(agent))
    async with calling(stage.pbx, number, np.concatenate([noise(0.5), silence(20.0)])) as phone:
        await phone.until(b"session closed", timeout_s=15)
    call = await agent.call()
    record = await stage.controller.ended_call(call.about["call_id"])
    assert record["disconnection_reason"] == "agent_hangup"
