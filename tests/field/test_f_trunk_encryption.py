"""What carriers answer to an offer of SRTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.agent_server import Agent
from tests.fakes.sipp_callee import answers, refuses
from tests.fakes.tls_callee import tls_callee
from tests.integration.stage import Stage
from tests.integration.test_outbound import TO_NUMBER, trunk


async def ended(stage: Stage, agent: Agent, uri: str, **fields: Any) -> dict[str, Any]:
    """Place a call by way of a new number over TLS; its record when it is over."""
    agent_id = await stage.create_agent(agent)
    outbound = {"outbound_agents": [{"agent_id": agent_id, "weight": 1}], **fields}
    number = await stage.import_number(None, termination_uri=uri, transport="TLS", **outbound)
    body = {"from_number": number, "to_number": TO_NUMBER}
    placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
    return await stage.controller.ended_call(placed["call_id"])


async def test_a_trunk_that_refuses_srtp_is_named_with_what_to_do(stage: Stage) -> None:
    async with tls_callee(stage.pbx, 488) as far_end:
        record = await ended(stage, stage.agents.agent(), far_end.uri)
        assert b"RTP/SAVP" in (await far_end.heard("INVITE")).body
    assert record["disconnection_reason"] == "dial_failed"
    assert "does not take SRTP" in " ".join(record["faults"])
    assert "media_encryption of the number to allow or disable" in stage.controller.log_text()


async def test_an_answer_without_keys_to_rtp_savp_is_refused_at_once(stage: Stage) -> None:
    async with tls_callee(stage.pbx, 200) as far_end:
        record = await ended(stage, stage.agents.agent(), far_end.uri)
        bye = await far_end.heard("BYE")
    assert "cause=58" in bye.need("Reason")
    assert record["disconnection_reason"] == "dial_failed"
    assert "start_timestamp" not in record
    assert "without keys for SRTP" in " ".join(record["faults"])


@pytest.mark.parametrize(("encryption", "offers_keys"), [("allow", True), ("disable", False)])
async def test_a_plain_answer_is_taken_where_the_number_says_so(
    stage: Stage, encryption: str, offers_keys: bool
) -> None:
    async with trunk(stage, answers(talk_ms=300), media_encryption=encryption) as made:
        record = await made.ended()
        wire = await made.far_end.done()
    invite = next(message for message in wire.received if message.method == "INVITE")
    assert b"RTP/AVP" in invite.body
    assert (b"a=crypto:" in invite.body) == offers_keys
    assert record["disconnection_reason"] == "user_hangup"


async def test_a_trunk_that_wants_srtp_is_named_with_what_to_do(stage: Stage) -> None:
    async with trunk(stage, refuses(488)) as made:
        record = await made.ended()
    assert record["disconnection_reason"] == "dial_failed"
    assert "media_encryption of the number to require" in " ".join(record["faults"])
