"""Who hangs up when, in a transfer to a dialled target: the other is let go, the record is right, nothing is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import pytest

from ari_agent.contract.parsing.redacted_url import basic_authorization
from tests.fakes.agent_server import echo
from tests.fakes.sip_callee import SipCallee
from tests.integration.stage import Connected, Stage
from tests.integration.target import (
    TO,
    connected_with_target,
    hear_each_other,
    nothing_is_left,
    transfer_events,
)

CANCELLED: Final = ("transfer_cancelled", "transfer_started")
BRIDGED: Final = ("transfer_bridged", "transfer_ended", "transfer_started")
STEPS: Final = ("dialling", "ringing", "answered", "bridged")


async def reach(step: str, call: Connected, target: SipCallee) -> None:
    """Ask for a transfer, and go on until it has come to a step."""
    # The pauses of the extension's digits keep a target that has answered from being bridged yet.
    extension = {"extension": "WWW1"} if step == "answered" else {}
    await call.agent.transfer(TO, mode="sip_invite", **extension)
    await target.invited()
    target.reply(100 if step == "dialling" else 180)  # before any answer no CANCEL may be sent: RFC 3261 section 9.1
    if step in ("answered", "bridged"):
        await target.picks_up()
    if step == "bridged":
        await call.agent.gone()


async def let_go(step: str, target: SipCallee) -> None:
    """Until the target is rid of the call."""
    await (target.cancelled() if step in ("dialling", "ringing") else target.bye())


@pytest.mark.parametrize("step", STEPS)
async def test_the_caller_hangs_up(stage: Stage, step: str) -> None:
    async with connected_with_target(stage) as (call, target):
        await reach(step, call, target)
        await call.caller.hang_up()
        await let_go(step, target)
        record = await stage.controller.ended_call(call.call_id)
    is_bridged = step == "bridged"
    assert record["disconnection_reason"] == ("call_transfer" if is_bridged else "user_hangup")
    assert ("transfer_destination" in record) == ("transfer_end_timestamp" in record) == is_bridged
    assert await transfer_events(stage, call.call_id) == sorted(BRIDGED if is_bridged else CANCELLED)
    await nothing_is_left(stage)


@pytest.mark.parametrize(("step", "sip_status"), [("dialling", 486), ("ringing", 603), ("answered", None)])
async def test_the_target_is_not_to_be_had_and_the_caller_is_back_with_the_agent(
    stage: Stage, step: str, sip_status: int | None
) -> None:
    async with connected_with_target(stage, echo) as (call, target):
        await reach(step, call, target)
        await (target.refuses(sip_status) if sip_status else target.hang_up())
        result = await call.agent.transfer_result()
        assert (result["status"], result.get("sip_status")) == ("failed", sip_status)
        assert result["message"]
        await call.hears_itself()
        await call.caller.hang_up()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert f"A transfer to {TO} failed" in " ".join(record["faults"])
    assert await transfer_events(stage, call.call_id) == sorted(CANCELLED)
    await nothing_is_left(stage)


async def test_the_target_hangs_up_on_the_caller(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await reach("bridged", call, target)
        await target.hang_up()
        await call.caller.bye()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert await transfer_events(stage, call.call_id) == sorted(BRIDGED)
    await nothing_is_left(stage)


@pytest.mark.parametrize("step", STEPS[:3])
@pytest.mark.parametrize("succeeds", [True, False])
async def test_the_agent_leaves_and_the_dialling_goes_on(stage: Stage, step: str, succeeds: bool) -> None:
    async with connected_with_target(stage) as (call, target):
        await reach(step, call, target)
        await call.agent.close()
        if succeeds:
            if step != "answered":
                await target.picks_up()
            await stage.controller.logged(f"call bridged call_id={call.call_id}")
            await hear_each_other(call, target)
            await call.caller.hang_up()
            await target.bye()
        elif step == "answered":
            await target.hang_up()
        else:
            await target.refuses(486)
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == ("call_transfer" if succeeds else "agent_hangup")
    assert await transfer_events(stage, call.call_id) == sorted(BRIDGED if succeeds else CANCELLED)
    await nothing_is_left(stage)


@pytest.mark.parametrize("step", STEPS)
async def test_the_call_is_stopped(stage: Stage, step: str) -> None:
    async with connected_with_target(stage) as (call, target):
        await reach(step, call, target)
        await stage.controller.post(f"/v2/stop-call/{call.call_id}", {"q850_cause": 31}, expect=204)
        assert "cause=31" in ((await call.caller.bye()).header("Reason") or "")
        await let_go(step, target)
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "manual_stopped"
    assert await transfer_events(stage, call.call_id) == sorted(BRIDGED if step == "bridged" else CANCELLED)
    await nothing_is_left(stage)


async def test_the_same_order_again_is_refused_and_disturbs_nothing(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await reach("ringing", call, target)
        await call.agent.transfer(TO, mode="sip_invite")
        assert "consulting" in (await call.agent.transfer_result())["message"]
        await target.picks_up()
        assert (await call.agent.transfer_result(index=1))["status"] == "succeeded"
        await hear_each_other(call, target)
        refused = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": TO, "mode": "sip_invite"})
        assert refused.json["status"] == "failed", refused.text
        assert "bridged" in refused.json["message"]
    await nothing_is_left(stage)


async def test_a_target_that_rings_too_long_is_cancelled(stage: Stage) -> None:
    async with connected_with_target(stage, echo, agent={"ring_duration_ms": 60_000}) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite", transfer_ring_duration_ms=5_000)
        await target.rings()
        await target.cancelled()
        result = await call.agent.transfer_result()
        assert (result["sip_status"], result["message"]) == (480, "the destination does not answer")
        await call.hears_itself()
    await nothing_is_left(stage)


@pytest.mark.parametrize(
    ("to", "number", "words"),
    [
        ("999", {}, "no such extension"),
        (TO, {"allowed_outbound_country_list": ["DE"]}, "allowed_outbound_country_list"),
        ("sip:bob@203.0.113.1", {"allowed_outbound_country_list": ["US"]}, "allowed_outbound_country_list"),
        ("Local/101@desks", {}, "not allowed in a destination"),
        ("+14155559999,101", {}, "digits that are dialled after the answer"),
    ],
)
async def test_what_cannot_or_must_not_be_dialled_is_refused_in_words(
    stage: Stage, to: str, number: Mapping[str, Any], words: str
) -> None:
    async with connected_with_target(stage, echo, number=number) as (call, target):
        await call.agent.transfer(to, mode="sip_invite")
        result = await call.agent.transfer_result()
        assert result["status"] == "failed"
        assert words in result["message"]
        await call.hears_itself()
        assert target.received == []
    assert await transfer_events(stage, call.call_id) == []
    await nothing_is_left(stage)


async def test_without_a_number_of_ours_there_is_no_trunk_and_the_agent_is_told_so(stage: Stage) -> None:
    server_agent = stage.agents.agent(echo)
    agent_id = await stage.create_agent(server_agent)
    async with stage.caller() as caller:
        await caller.call("by-agent", headers=[("X-Agent-Id", agent_id)])
        agent = await server_agent.call()
        await stage.begun(str(agent.about["call_id"]))
        await agent.transfer(TO, mode="sip_invite")
        assert "no number with a trunk" in (await agent.transfer_result())["message"]
    await nothing_is_left(stage)


@pytest.mark.parametrize("shows_caller", [False, True])
async def test_a_trunk_that_asterisk_has_lost_is_made_again(stage: Stage, shows_caller: bool) -> None:
    async with connected_with_target(stage) as (call, target):
        name = f"ari_agent-trunk-{call.number[1:]}"
        login = {"Authorization": basic_authorization(stage.pbx.ari_username, stage.pbx.ari_password)}
        async with aiohttp.ClientSession(headers=login) as ari:
            for kind in ("endpoint", "aor"):
                url = f"{stage.pbx.ari_url}/asterisk/config/dynamic/res_pjsip/{kind}/{name}"
                assert (await ari.delete(url)).status == 204
        await call.agent.transfer(TO, mode="sip_invite", show_transferee_as_caller=shows_caller)
        await target.picks_up()
        assert (await call.agent.transfer_result())["status"] == "succeeded"
    await nothing_is_left(stage)
