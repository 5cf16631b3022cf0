"""Cold transfer by REFER: what is on the wire, and where the caller is afterwards."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.beside import beside
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sip_message import first, uri_of
from tests.integration.stage import Stage


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_success_ends_the_call_as_call_transfer(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        await call.agent.transfer("+14155559999", headers={"X-Case": "7 of 9", "User-To-User": "ab;encoding=hex"})
        refer = await call.caller.refer()
        await call.caller.bye()
        code = await call.agent.gone()
    record = await stage.controller.ended_call(call.call_id)
    target = uri_of(refer.need("Refer-To"))
    assert target.startswith("sip:+14155559999@")
    assert "X-Case=7%20of%209" in target
    assert "User-To-User=ab%3Bencoding%3Dhex" in target
    assert refer.header("Referred-By") is not None
    assert record["disconnection_reason"] == "call_transfer"
    assert record["call_status"] == "ended"
    assert record["transfer_destination"] == "+14155559999"
    assert code == 1000


async def test_a_second_transfer_after_a_failed_one_succeeds(stage: Stage) -> None:
    async with stage.connected() as call:
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        await call.agent.transfer("+14155559999")
        assert (await call.agent.transfer_result())["sip_status"] == 486
        call.caller.refer_plan = ReferPlan()
        await call.agent.transfer("+14155558888")
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert record["transfer_destination"] == "+14155558888"


@pytest.mark.parametrize(
    ("to", "uri"),
    [
        ("14155559999", "sip:14155559999@"),
        ("sip:1001@pbx.example.com", "sip:1001@pbx.example.com"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("sip:+14155559999@example.com;transport=tcp", "sip:+14155559999@example.com;transport=tcp"),
        ("sips:bob@example.com", "sips:bob@example.com"),
    ],
)
async def test_destinations(stage: Stage, to: str, uri: str) -> None:
    async with stage.connected() as call:
        await call.agent.transfer(to)
        refer = await call.caller.refer()
        await call.caller.bye()
    assert uri_of(refer.need("Refer-To")).startswith(uri)


INJECTIONS = [
    "+1415555\r\nX-Evil: 1",
    "<sip:a@b>",
    "sip:a@b>,<sip:c@d",
    "sip:a@b&PJSIP/evil",
    "1001,1002",
    "1001|System(x)",
    "sip:a@b;maddr=10.0.0.1",
    "sip:a@b?Replaces=1",
    "${SHELL(id)}",
    "",
    "+" + "1" * 80,
]


async def test_destinations_that_could_inject_are_refused_and_nothing_is_sent(stage: Stage) -> None:
    async with stage.connected() as call:
        for index, to in enumerate(INJECTIONS):
            await call.agent.transfer(to)
            result = await call.agent.transfer_result(index=index)
            assert result["status"] == "failed", to
            reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": to})
            assert reply.status == 400, to
        assert "the agent's transfer is refused: to: " in stage.controller.log_text()
        for index, headers in enumerate([{"Evil": "1"}, {"X-A": "1\r\nX-B: 2"}, {"X-A,": "1"}]):
            await call.agent.transfer("+14155559999", headers=headers)
            result = await call.agent.transfer_result(index=len(INJECTIONS) + index)
            assert result["status"] == "failed", headers
        assert first(call.caller.received, method="REFER") is None
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"


async def test_the_api_transfers_and_tells_the_outcome(stage: Stage) -> None:
    async with stage.connected() as call:
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "+14155559999"})
        assert (reply.json["status"], reply.json["sip_status"]) == ("failed", 486)
        call.caller.refer_plan = ReferPlan()
        reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "+14155559999"})
        assert reply.json["status"] == "succeeded"
        await call.caller.bye()


@pytest.mark.parametrize(
    ("scenario", "status", "reason"),
    [("refer", "200 OK", "call_transfer"), ("refer", "486 Busy Here", None), ("refer_refused", "603 Decline", None)],
)
async def test_the_same_from_the_wire_of_sipp(stage: Stage, scenario: str, status: str, reason: str | None) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with beside(stage.sipp.run(scenario, number, values={"STATUS": status})) as run:
        call = await agent.call()
        await stage.begun(call.about["call_id"])
        await asyncio.sleep(0.5)  # SIPp takes no REFER before it has sent its ACK
        await call.transfer("+14155559999", headers={"X-Case": "7"})
        if reason is None:
            result = await call.transfer_result()
            assert (result["status"], result["sip_status"]) == ("failed", int(status[:3]))
            await call.hang_up(q850_cause=31)
        wire = (await run).check()
    refer = first(wire.received, method="REFER")
    assert refer is not None
    assert "X-Case=7" in refer.need("Refer-To")
    assert refer.header("Referred-By") is not None
    record = await stage.controller.ended_call(call.about["call_id"])
    assert record["disconnection_reason"] == (reason or "agent_hangup")
    bye = first(wire.received, method="BYE")
    assert bye is not None
    if reason is None:
        assert "cause=31" in bye.need("Reason")
