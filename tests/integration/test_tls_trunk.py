"""A trunk over TLS: the INVITE is encrypted, and so is the audio that it offers."""

from __future__ import annotations

from tests.fakes.tls_callee import tls_callee
from tests.integration.stage import Stage
from tests.integration.test_outbound import TO_NUMBER


async def test_tls_brings_srtp(stage: Stage) -> None:
    async with tls_callee(stage.pbx, 486) as far_end:
        agent_id = await stage.create_agent(stage.agents.agent())
        number = await stage.import_number(
            None,
            termination_uri=far_end.uri,
            transport="TLS",
            outbound_agents=[{"agent_id": agent_id, "weight": 1}],
        )
        body = {"from_number": number, "to_number": TO_NUMBER}
        placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        invite = await far_end.heard("INVITE")
        record = await stage.controller.ended_call(placed["call_id"])
    assert record["disconnection_reason"] == "dial_busy"
    assert "SIP/2.0/TLS" in invite.need("Via")
    assert b"RTP/SAVP" in invite.body
    assert b"a=crypto:" in invite.body
