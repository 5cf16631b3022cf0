"""Transfer by INVITE: what the target's trunk sees, what the caller hears, and what the record tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.agent_server import echo
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_message import SipMessage, uri_of
from tests.fakes.sound import noise, strongest_tone
from tests.integration.stage import CALLER_NUMBER, Stage
from tests.integration.target import (
    TARGET_ADDRESS,
    TO,
    connected_with_target,
    hear_each_other,
    nothing_is_left,
)

WITHHELD = (("Privacy", "id"), ("P-Asserted-Identity", f"<sip:{CALLER_NUMBER}@127.0.0.2>"))


async def invite(
    stage: Stage, to: str = TO, *, caller_headers: Sequence[tuple[str, str]] = (), **asked: Any
) -> tuple[SipMessage, str]:
    """The INVITE that comes of a transfer, which is then refused; and our number in the call."""
    async with connected_with_target(stage, headers=caller_headers) as (call, target):
        await call.agent.transfer(to.replace("TARGET", target.uri), mode="sip_invite", **asked)
        seen = await target.refuses(486)
        await call.agent.transfer_result()
        return seen, call.number


def user_of(header: str) -> str:
    return uri_of(header).removeprefix("sip:").partition("@")[0]


async def test_the_trunk_sees_our_number_and_what_was_asked_for(stage: Stage) -> None:
    headers = {"X-Case": "7, of {{user_number}} | 9", "User-To-User": "ab;encoding=hex"}
    seen, ours = await invite(stage, "+1 (415) 555-9999", headers=headers)
    assert seen.request_uri.startswith("sip:+14155559999@")
    assert user_of(seen.need("From")) == ours
    assert seen.header("P-Asserted-Identity") is None
    assert seen.all("X-Case") == [f"7, of {CALLER_NUMBER} | 9"]
    assert seen.all("User-To-User") == ["ab;encoding=hex"]


async def test_the_target_sees_the_caller_where_that_is_asked_for(stage: Stage) -> None:
    seen, _ = await invite(stage, show_transferee_as_caller=True)
    assert user_of(seen.need("From")) == CALLER_NUMBER
    assert [user_of(each) for each in seen.all("P-Asserted-Identity")] == [CALLER_NUMBER]
    assert seen.header("Privacy") is None


async def test_a_withheld_number_stays_withheld(stage: Stage) -> None:
    seen, ours = await invite(stage, caller_headers=WITHHELD, show_transferee_as_caller=True)
    assert CALLER_NUMBER not in seen.encode().decode()
    assert user_of(seen.need("From")) == "anonymous"
    assert [user_of(each) for each in seen.all("P-Asserted-Identity")] == [ours]
    assert seen.header("Privacy") == "id"


async def test_a_sip_uri_is_dialled_through_the_trunk(stage: Stage) -> None:
    seen, ours = await invite(stage, "sip:sales@TARGET;transport=udp")
    assert seen.request_uri.startswith(f"sip:sales@{TARGET_ADDRESS}:")
    assert user_of(seen.need("From")) == ours


@pytest.mark.parametrize(("is_ours", "answers"), [(True, True), (False, False)])
async def test_only_the_trunk_s_own_host_gets_our_login(stage: Stage, is_ours: bool, answers: bool) -> None:
    login = {"sip_trunk_auth_username": "me", "sip_trunk_auth_password": "secret"}
    number = login if is_ours else {**login, "termination_uri": "sip.example.com"}
    async with connected_with_target(stage, number=number) as (call, target):
        await call.agent.transfer(f"sip:sales@{target.uri}", mode="sip_invite")
        challenge = 'Digest realm="x", nonce="1", algorithm=MD5, qop="auth"'
        await target.refuses(401, headers=[("WWW-Authenticate", challenge)])
        if answers:
            await target.refuses(486)
        assert (await call.agent.transfer_result())["sip_status"] == (486 if answers else 401)
        assert any(each.header("Authorization") for each in target.received) is answers


async def test_the_api_takes_the_shape_of_retell_s_tool_and_digits_follow_the_answer(stage: Stage) -> None:
    body = {
        "transfer_destination": {"type": "predefined", "number": TO, "extension": "w12#"},
        "transfer_option": {"type": "cold_transfer", "show_transferee_as_caller": True, "on_hold_music": "none"},
    }
    async with connected_with_target(stage) as (call, target):
        asking = asyncio.create_task(stage.controller.post(f"/v2/transfer-call/{call.call_id}", body, expect=200))
        await target.picks_up()
        assert (await asking).json == {"status": "succeeded", "sip_status": 200}
        assert target.audio.digits == "12#"
        await hear_each_other(call, target)
        started = await stage.events.event("transfer_started", call_id=call.call_id)
        bridged = await stage.events.event("transfer_bridged", call_id=call.call_id)
        assert started.json["transfer_destination"] == {"number": TO, "extension": "w12#"}
        assert bridged.json["transfer_option"] == {
            "type": "cold_transfer",
            "coldTransferMode": "sip_invite",
            "showTransfereeAsCaller": True,
            "onHoldMusic": {"type": "none"},
        }


def signalling(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What the call object tells of each leg."""
    return [(entry["leg"], entry["event"], entry["direction"]) for entry in record["sip"]]


@pytest.mark.parametrize("by", ["caller", "target"])
async def test_the_two_are_left_alone_until_one_hangs_up(stage: Stage, by: str) -> None:
    async with connected_with_target(stage, echo) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite")
        await target.picks_up()
        assert (await call.agent.transfer_result()) == {"status": "succeeded", "sip_status": 200}
        await call.agent.gone()
        await hear_each_other(call, target)
        assert "native_rtp" in await stage.pbx.cli("bridge show all")
        assert stage.controller.udp_sockets() == 0
        record = await stage.controller.call(call.call_id)
        assert (record["call_status"], record["transfer_destination"]) == ("ongoing", TO)
        assert (await stage.controller.get("/get-concurrency")).json["current_concurrency"] == 0
        hangs_up, is_hung_up = (call.caller, target) if by == "caller" else (target, call.caller)
        await hangs_up.hang_up(headers=[("Reason", "Q.850;cause=31")])
        assert "cause=31" in ((await is_hung_up.bye()).header("Reason") or "")
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert abs(record["transfer_end_timestamp"] - record["end_timestamp"]) < 50
    other = "target" if by == "caller" else "caller"
    assert [entry for entry in signalling(record) if entry[0] == "target"][:2] == [
        ("target", "INVITE", "sent"),
        ("target", "200", "received"),
    ]
    assert signalling(record)[-2:] == [(by, "BYE", "received"), (other, "BYE", "sent")]
    assert (record["hangup"]["who"], record["hangup"]["q850_cause"]) == (by, 31)
    await nothing_is_left(stage)


async def test_the_caller_hears_ringing_and_not_the_agent(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite")
        await target.rings()
        since_s = time.monotonic()
        await call.agent.say(noise(1.0))
        await asyncio.sleep(1.0)
        heard = strongest_tone(call.caller.audio.sound(since_s=since_s))
        assert min(abs(heard.frequency_hz - each) for each in (440, 480)) < 15
        assert heard.share > 0.3


async def test_what_the_agent_said_before_is_heard_first(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.say(noise(2.0))
        await call.agent.transfer(TO, mode="sip_invite")
        await call.caller.audio.hears()
        assert target.received == []
        await target.rings()
        assert len(call.caller.audio.loud_packets()) >= 95


@pytest.mark.parametrize(
    ("extension", "status", "sip_status"), [("202", "failed", 486), ("203", "succeeded", 200), ("204", "failed", 480)]
)
async def test_an_extension_of_the_pbx(stage: Stage, extension: str, status: str, sip_status: int) -> None:
    async with connected_with_target(stage, echo) as (call, _):
        await call.agent.transfer(extension, mode="sip_invite", headers={"X-Case": "7"}, show_transferee_as_caller=True)
        result = await call.agent.transfer_result()
        assert (result["status"], result["sip_status"]) == (status, sip_status)
        seen = await stage.pbx.cli("dialplan show globals")
        assert f"SEEN_{extension}={CALLER_NUMBER}/{call.call_id}/7" in seen
        if status == "succeeded":
            await call.caller.bye()
        else:
            await call.hears_itself()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == ("call_transfer" if status == "succeeded" else "user_hangup")
    await nothing_is_left(stage)


async def test_whom_we_have_called_is_shown_as_the_caller_too(stage: Stage) -> None:
    server_agent = stage.agents.agent()
    agent_id = await stage.create_agent(server_agent)
    pbx = (stage.pbx.bind, stage.pbx.sip_port)
    async with (
        SipCallee(pbx=pbx, address=TARGET_ADDRESS) as called,
        SipCallee(pbx=pbx, address=TARGET_ADDRESS) as target,
    ):
        number = await stage.import_number(
            None,
            termination_uri=called.uri,
            transport="UDP",
            outbound_agents=[{"agent_id": agent_id, "weight": 1}],
        )
        body = {"from_number": number, "to_number": "+14155550199"}
        record = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        await called.picks_up()
        agent = await server_agent.call()
        await stage.begun(record["call_id"])
        await agent.transfer(f"sip:sales@{target.uri}", mode="sip_invite", show_transferee_as_caller=True)
        invite = await target.picks_up()
        assert user_of(invite.need("From")) == "+14155550199"
        await agent.gone()
        await target.hang_up()
        await called.bye()
    ended = await stage.controller.ended_call(record["call_id"])
    assert ended["disconnection_reason"] == "call_transfer"
    await nothing_is_left(stage)
