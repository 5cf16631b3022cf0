"""Faults in the middle of a call: requests that fail, parts that die, agents that are talked round."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import aiohttp
import pytest

from ari_agent.contract.dial_policy import DEFAULT_TRANSFERS_PER_CALL as MAX_TRANSFERS
from ari_agent.contract.parsing.redacted_url import basic_authorization
from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sip_message import uri_of
from tests.integration.stage import Connected, Stage
from tests.integration.test_crash import stage, up_again

__all__ = ["stage", "up_again"]  # Asterisk and controller of this module's own: they are treated badly here

STALL_S: Final = 12.0
US_ONLY: Final = {"allowed_outbound_country_list": ["US"]}


async def ari(stage: Stage, method: str, path: str, **body: Any) -> int:
    """What Asterisk answers to somebody else who speaks to it."""
    headers = {"Authorization": basic_authorization(stage.pbx.ari_username, stage.pbx.ari_password)}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, f"{stage.pbx.ari_url}{path}", json=body or None) as response,
    ):
        return response.status


@contextlib.asynccontextmanager
async def stalled(stage: Stage) -> AsyncIterator[None]:
    """Asterisk does nothing for a while."""
    pid = stage.pbx.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.asynccontextmanager
async def unheard(stage: Stage) -> AsyncIterator[None]:
    """No event tells of the channels that enter the application."""
    path, hidden = "/applications/ari_agent/eventFilter", [{"type": "StasisStart"}]
    assert await ari(stage, "PUT", path, allowed=[], disallowed=hidden) == 200
    try:
        yield
    finally:
        assert await ari(stage, "PUT", path, allowed=[], disallowed=[]) == 200


# Nobody is stranded.


async def by_the_agent(stage: Stage, call: Connected, digits: str) -> None:
    await call.agent.press(digits)


async def by_the_api(stage: Stage, call: Connected, digits: str) -> None:
    await stage.controller.post(f"/v2/send-dtmf/{call.call_id}", {"digits": digits}, expect=204)


@pytest.mark.parametrize("digits", ["1" * 64, "w" * 25], ids=["64 keys", "25 pauses"])
@pytest.mark.parametrize("press", [by_the_agent, by_the_api])
async def test_a_hang_up_does_not_wait_for_digits(
    stage: Stage, press: Callable[[Stage, Connected, str], Awaitable[None]], digits: str
) -> None:
    async with stage.connected() as call:
        await press(stage, call, digits)
        await call.agent.hang_up()
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    await stage.idle()


async def test_more_than_64_digits_do_not_wait(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.press("1" * 64)
        await call.agent.press("2" * 64)
        error = (await call.agent.event("error"))["error"]
        assert error["event"] == "dtmf"
        assert "at most 64 may wait" in error["message"]
        refused = await stage.controller.post(f"/v2/send-dtmf/{call.call_id}", {"digits": "3" * 64}, expect=400)
        assert "at most 64 may wait" in refused.text
        await stage.controller.post(f"/v2/stop-call/{call.call_id}", expect=204)
        await call.caller.bye()


async def test_an_agent_that_is_lost_while_asterisk_stalls_strands_nobody(stage: Stage) -> None:
    logged = len(stage.controller.log_text())
    async with stage.connected(redial_ms=0) as call:
        async with stalled(stage):
            call.agent.abort()
            record = await stage.controller.ended_call(call.call_id)
            await asyncio.sleep(STALL_S)
        await call.caller.bye(timeout_s=40)
    assert record["disconnection_reason"] == "error_llm_websocket_lost_connection"
    assert "orphan caller" not in stage.controller.log_text()[logged:]  # the call itself has seen to it
    await stage.idle()


async def test_a_channel_that_no_call_owns_is_found_and_ended(stage: Stage) -> None:
    """One that is left of a request whose answer got lost."""
    endpoint, channel_id = "Local/100@from-trunk/n", "ari_agent-out-call_that_is_over"
    async with unheard(stage):
        made = await ari(stage, "POST", "/channels/create", endpoint=endpoint, app="ari_agent", channelId=channel_id)
        assert made == 200
        await stage.controller.logged(f"orphan dialled swept channel_id={channel_id}", timeout_s=30)
    await stage.idle()


async def test_a_caller_of_whom_no_event_told_is_taken_over(stage: Stage) -> None:
    agent = stage.agents.agent(echo)
    number = await stage.import_number(agent_id := await stage.create_agent(agent))
    async with stage.caller() as caller:
        async with unheard(stage):
            await caller.dial(number)
            await stage.controller.logged("no event has told of them", timeout_s=30)
        await caller.answered(timeout_s=20)
        agent_call = await agent.call()
        call = Connected(caller, agent_call, str(agent_call.about["call_id"]), number, agent_id)
        await call.hears_itself()


async def test_a_caller_whose_return_from_a_transfer_no_event_told_is_back(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        async with unheard(stage):
            await call.agent.transfer("+14155559999")
            assert (await call.agent.transfer_result(timeout_s=40))["sip_status"] == 486
        await call.hears_itself()


# Who may be transferred where, and how often.

FOREIGN: Final = {
    "Cuba": "+5351234567",
    "a satellite": "+88231234567",
    "Cuba, at a host": "sip:+5351234567@sip.example.com",
    "Cuba, escaped": "sip:%2B5351234567@sip.example.com",
    "a host inside": "sip:x@internal",
    "an extension elsewhere": "sip:100@internal",
}


@pytest.mark.parametrize("to", FOREIGN.values(), ids=FOREIGN.keys())
async def test_the_list_of_countries_holds_for_transfers(stage: Stage, to: str) -> None:
    async with stage.connected(number=US_ONLY) as call:
        await call.agent.transfer(to)
        result = await call.agent.transfer_result()
        assert result["status"] == "failed"
        assert "allowed_outbound_country_list" in result["message"]
        refused = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": to}, expect=400)
        assert "allowed_outbound_country_list" in refused.text
        assert not [message for message in call.caller.received if message.method == "REFER"]


@pytest.mark.parametrize("to", ["+14155559999", "sip:+14155559999@sip.example.com", "sip:bob@sip.example.com"])
async def test_what_the_list_of_countries_allows_is_sent(stage: Stage, to: str) -> None:
    async with stage.connected(number=US_ONLY) as call:
        await call.agent.transfer(to)
        assert uri_of((await call.caller.refer()).need("Refer-To")).startswith(to if ":" in to else f"sip:{to}@")
        await call.caller.bye()


async def test_a_call_may_ask_for_ten_transfers(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        call.caller.refer_plan = ReferPlan(answer=603, notifies=())
        for index in range(MAX_TRANSFERS):
            await call.agent.transfer("+14155559999")
            assert (await call.agent.transfer_result(index=index))["sip_status"] == 603
        await call.agent.transfer("+14155559999")
        result = await call.agent.transfer_result(index=MAX_TRANSFERS)
        assert result == {
            "status": "failed",
            "message": "this call has asked for 10 transfers, and may ask for no more: the transfers_per_call of "
            "the workspace's dial policy (ARI_AGENT_DIAL_POLICY) is 10",
        }
        refused = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "100"}, expect=400)
        assert "10 transfers" in refused.text
        assert len([message for message in call.caller.received if message.method == "REFER"]) == MAX_TRANSFERS
        await call.hears_itself()


# A part dies.


async def test_a_call_whose_asterisk_is_killed_ends_while_asterisk_is_away(stage: Stage) -> None:
    async with stage.connected() as call:
        await stage.pbx.kill()
        record = await stage.controller.ended_call(call.call_id)
        await call.agent.gone()
        assert not stage.pbx.running
    assert record["disconnection_reason"] == "error_retell"
    assert stage.controller.udp_sockets() == 0


async def test_a_call_whose_asterisk_restarts_at_once_was_not_hung_up_by_its_caller(stage: Stage) -> None:
    async with stage.connected() as call:
        await stage.pbx.kill()
        await stage.pbx.start()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "error_retell"


async def test_an_asterisk_that_was_away_for_long_has_calls_soon(stage: Stage) -> None:
    await stage.pbx.kill()
    await asyncio.sleep(6)
    await stage.pbx.start()
    await stage.controller.wait_for("/readyz", 200, timeout_s=4)


async def test_callers_of_a_controller_that_was_killed_hear_the_sentence_soon(stage: Stage) -> None:
    async with stage.connected() as call:
        await stage.controller.kill()
        call.agent_is_away()
        await stage.controller.start()
        await call.caller.audio.hears(timeout_s=3)
        await call.caller.bye(timeout_s=15)
    await stage.idle()


async def says(stage: Stage, text: str, *, since: int) -> None:
    """Until the controller has logged this behind so many characters."""
    for _ in range(200):
        if text in stage.controller.log_text()[since:]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{text!r} was not logged: {stage.controller.log_tail()}")


@pytest.mark.parametrize("runs", [False, True], ids=["at the start", "unloaded later"])
async def test_without_the_module_of_channels_callers_are_refused_and_the_log_names_it(
    stage: Stage, runs: bool
) -> None:
    module = "res_ari_channels.so"
    logged = len(stage.controller.log_text())
    await stage.pbx.cli("dialplan set global UNAVAILABLE busy")
    if not runs:
        await stage.controller.stop()
    await stage.pbx.cli(f"module unload {module}")
    try:
        if not runs:
            await stage.controller.start(ready=False)
        await stage.controller.wait_for("/readyz", 503)
        async with stage.caller() as caller:
            await caller.dial(stage.new_number())
            assert (await caller.refused()).status == 503
        await says(stage, f"not loaded in Asterisk: {module}", since=logged)
    finally:
        await stage.pbx.cli(f"module load {module}")
        await stage.pbx.cli("dialplan set global UNAVAILABLE message")
    await stage.controller.wait_for("/readyz", 200)


async def test_a_hang_up_while_ari_is_out_of_reach_is_made_up_for(stage: Stage) -> None:
    """With its own reason: the caller hears no sentence about a failure."""
    assert stage.relay is not None
    logged = len(stage.controller.log_text())
    async with stage.connected() as call:
        await stage.relay.cut()
        await call.agent.hang_up()
        record = await stage.controller.ended_call(call.call_id)
        await stage.relay.heal()
        await call.caller.bye(timeout_s=20)
    assert record["disconnection_reason"] == "agent_hangup"
    assert "orphan caller" not in stage.controller.log_text()[logged:]
    await stage.idle()
