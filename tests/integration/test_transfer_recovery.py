"""A transfer to a dialled target while the controller is killed, or hears nothing of Asterisk: two people talk on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import pytest
import pytest_asyncio

from tests.fakes.agent_server import echo
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import tone
from tests.fakes.tones import heard_ms
from tests.integration.stage import Connected, Stage, staged
from tests.integration.target import (
    TO,
    connected_with_target,
    hear_each_other,
    nothing_is_left,
    snoops,
    transfer_events,
)
from tests.integration.test_recording import CALLER_HZ, RECORDED, TARGET_HZ, recording_of

BRIDGED: Final = ["transfer_bridged", "transfer_ended", "transfer_started"]
Ends = Callable[[Stage], Awaitable[object]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Asterisk and controller of this module's own: they are treated badly here."""
    async with staged(tmp_path_factory.mktemp("recovery"), through_relay=True, DRAIN_S="60") as made:
        yield made


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def up_again(stage: Stage) -> AsyncIterator[None]:
    """Whatever a test did, or left undone: for the next one everything runs."""
    yield
    assert stage.relay is not None
    await stage.relay.heal()
    process = stage.controller.process
    if process is None or process.returncode is not None:
        await stage.controller.start()
    await stage.controller.wait_for("/readyz", 200)


async def ring(call: Connected, target: SipCallee) -> None:
    await call.agent.transfer(TO, mode="sip_invite")
    await target.rings()


async def bridge(call: Connected, target: SipCallee) -> None:
    await ring(call, target)
    await target.picks_up()
    await call.agent.gone()


async def cut_off(stage: Stage) -> None:
    """The controller hears nothing of Asterisk any more."""
    assert stage.relay is not None
    await stage.relay.cut()
    await stage.controller.wait_for("/readyz", 503)


async def connected_again(stage: Stage) -> None:
    assert stage.relay is not None
    await stage.relay.heal()
    await stage.controller.wait_for("/readyz", 200)


async def kill(stage: Stage) -> None:
    await stage.controller.kill()


async def stop(stage: Stage) -> None:
    await stage.controller.stop()


@pytest.mark.parametrize("end", [kill, stop])
async def test_two_who_talk_go_on_without_us_and_the_next_run_closes_their_record(stage: Stage, end: Ends) -> None:
    async with connected_with_target(stage) as (call, target):
        await bridge(call, target)
        await stage.events.event("transfer_bridged", call_id=call.call_id)
        await end(stage)
        await hear_each_other(call, target)
        await stage.controller.start()
        await stage.controller.logged("caller and target of an earlier run talk with each other")
        await hear_each_other(call, target)
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"
        await call.caller.hang_up(headers=[("Reason", "Q.850;cause=31")])
        assert "cause=31" in ((await target.bye()).header("Reason") or "")
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert record["transfer_destination"] == TO
    assert abs(record["transfer_end_timestamp"] - record["end_timestamp"]) < 50
    assert sorted(set(await transfer_events(stage, call.call_id))) == BRIDGED
    await nothing_is_left(stage)


@pytest.mark.parametrize("end", [kill, stop])
async def test_two_who_were_recorded_are_heard_no_more_without_us(stage: Stage, end: Ends) -> None:
    async with connected_with_target(stage, agent=RECORDED) as (call, target):
        await bridge(call, target)
        await stage.controller.logged(f"recording of caller and target begins call_id={call.call_id}")
        call.caller.audio.say(tone(CALLER_HZ, 2.5))
        target.audio.say(tone(TARGET_HZ, 2.5))
        await target.audio.said()
        await end(stage)
        assert await snoops(stage) == (6 if end is kill else 0)
        await stage.controller.start()
        for _ in range(50):
            if not await snoops(stage):
                break
            await asyncio.sleep(0.2)
        assert await snoops(stage) == 0
        await hear_each_other(call, target)
        await call.caller.hang_up()
        await target.bye()
        record = await stage.controller.ended_call(call.call_id)
    recording = await recording_of(record)
    assert heard_ms(recording.left, CALLER_HZ) >= 1300
    assert heard_ms(recording.right, TARGET_HZ) >= 1300
    await nothing_is_left(stage)


@pytest.mark.parametrize("by", ["caller", "target"])
async def test_one_hangs_up_while_we_are_away_and_the_other_is_hung_up_then(stage: Stage, by: str) -> None:
    async with connected_with_target(stage) as (call, target):
        await bridge(call, target)
        await stage.events.event("transfer_bridged", call_id=call.call_id)
        await stage.controller.kill()
        hangs_up, is_hung_up = (call.caller, target) if by == "caller" else (target, call.caller)
        await hangs_up.hang_up()
        await stage.controller.start()
        await is_hung_up.bye()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    await nothing_is_left(stage)


async def test_an_answer_that_nobody_told_of_is_found_at_the_reconnect(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await ring(call, target)
        await cut_off(stage)
        await target.picks_up()
        await connected_again(stage)
        assert (await call.agent.transfer_result())["status"] == "succeeded"
        await hear_each_other(call, target)
    await nothing_is_left(stage)


async def test_a_refusal_that_nobody_told_of_is_found_at_the_reconnect(stage: Stage) -> None:
    async with connected_with_target(stage, echo) as (call, target):
        await ring(call, target)
        await cut_off(stage)
        await target.refuses(486)
        await connected_again(stage)
        assert (await call.agent.transfer_result())["status"] == "failed"
        await call.hears_itself()
    await nothing_is_left(stage)


async def test_a_target_that_hung_up_unheard_is_found_at_the_reconnect(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await bridge(call, target)
        await cut_off(stage)
        await target.hang_up()
        await connected_again(stage)
        await call.caller.bye()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    await nothing_is_left(stage)
