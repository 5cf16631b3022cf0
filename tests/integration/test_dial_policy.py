"""The dial policy on a real Asterisk: what it refuses is not on the wire, and all who asked are told why."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.fakes.agent_server import echo
from tests.fakes.sip_message import first, uri_of
from tests.fakes.sipp_callee import answers
from tests.integration.stage import Stage
from tests.integration.test_outbound import trunk

REFUSED: Final[dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, str], str]]] = {
    # destination, fields of the number and of the agent, headers of the transfer, rule
    "premium rate": ("+19005550199", {}, {}, {}, "number_types"),
    "a satellite at a host": ("sip:88213123456@sip.example.com", {}, {}, {}, "number_types"),
    "the police": ("911", {}, {}, {}, "number_types"),
    "a code": ("sip:%2A6714155550123@sip.example.com", {}, {}, {}, "service_code"),
    "the number's countries": ("+4930123456", {"countries": ["US"]}, {}, {}, "countries"),
    "the agent's extensions": ("101", {}, {"extensions": ["_2XX"]}, {}, "extensions"),
    "the agent's domains": ("sip:bob@example.net", {}, {"sip_domains": ["example.com"]}, {}, "sip_domains"),
    "the number's headers": ("+14155559999", {"headers": ["X-Crm-*"]}, {}, {"X-Case": "7"}, "headers"),
    "the agent's transfers": ("+14155559999", {}, {"transfers_per_call": 0}, {}, "transfers_per_call"),
    "the number's day": ("+14155559999", {"calls_per_day": 0}, {}, {}, "calls_per_day"),
}


@pytest.mark.parametrize(("to", "of_number", "of_agent", "headers", "rule"), REFUSED.values(), ids=REFUSED)
async def test_a_transfer_that_the_policy_refuses_leaves_the_caller_with_the_agent(
    stage: Stage, to: str, of_number: dict[str, Any], of_agent: dict[str, Any], headers: dict[str, str], rule: str
) -> None:
    counter = f'ari_agent_dials_refused_total{{rule="{rule}"}}'
    before = (await stage.controller.metrics())[counter]
    logged = len(stage.controller.log_text())
    agent, number = {"dial_policy": of_agent}, {"dial_policy": of_number}
    async with stage.connected(echo, agent=agent, number=number) as call:
        await call.agent.transfer(to, headers=headers, mode="sip_invite")
        result = await call.agent.transfer_result()
        asked = {"to": to, "headers": headers}
        status = 429 if rule == "calls_per_day" else 400
        reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", asked, expect=status)
        assert result["status"] == "failed"
        assert reply.json["message"] == result["message"]
        assert rule in result["message"] or rule == "service_code"
        await call.hears_itself()
        assert first(call.caller.received, method="REFER") is None
        await call.agent.hang_up()
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert f"A transfer to {to} was refused: {result['message']}." in " ".join(record["faults"])
    assert (await stage.controller.metrics())[counter] == before + 2
    told = stage.controller.log_text()[logged:]
    assert (told.count("transfer refused: "), told.count("call consulting")) == (2, 0)


async def test_what_the_policies_allow_is_transferred(stage: Stage) -> None:
    number = {"dial_policy": {"countries": ["US"], "headers": ["X-*"], "calls_per_day": 5}}
    agent = {"dial_policy": {"number_types": ["mobile"], "transfers_per_call": 1}}
    async with stage.connected(agent=agent, number=number) as call:
        await call.agent.transfer("+14155559999", headers={"X-Case": "7"})
        assert uri_of((await call.caller.refer()).need("Refer-To")).startswith("sip:+14155559999@")
        await call.caller.bye()


async def test_calls_that_the_policy_refuses_leave_neither_record_nor_invite(stage: Stage) -> None:
    async with trunk(stage, answers(talk_ms=100), dial_policy={"calls_per_day": 1}) as line:

        async def call(to_number: str, status: int) -> str:
            body = {"from_number": line.number, "to_number": to_number, "ignore_e164_validation": True}
            reply = await stage.controller.post("/v2/create-phone-call", body, expect=status)
            return str(reply.json.get("message"))

        for to_number in ("+19005550199", "88213123456", "911", "*6714155550123"):
            assert to_number in await call(to_number, 400)
        await call("+14155550199", 201)
        invite = await line.far_end.heard("INVITE")
        assert uri_of(invite.need("To")).startswith("sip:+14155550199@")
        assert f"the dial_policy of phone number {line.number} allows 1" in await call("+14155550198", 429)
        await line.far_end.done()
        assert len(line.far_end.received("INVITE")) == 1
    filters = {"filter_criteria": {"from_number": [line.number]}}
    page = await stage.controller.post("/v2/list-calls", filters, expect=200)
    assert [record["to_number"] for record in page.json] == ["+14155550199"]
