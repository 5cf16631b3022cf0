"""The controller is killed, the event websocket breaks, Asterisk restarts: nothing is lost, nobody is stranded."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.webhook_server import Answer, Delivery
from tests.integration.stage import Stage, staged

LIFECYCLE = {"call_started", "call_ended", "call_analyzed"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Asterisk and controller of this module's own: they are treated badly here."""
    async with staged(tmp_path_factory.mktemp("crash"), through_relay=True) as made:
        yield made


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def up_again(stage: Stage) -> AsyncIterator[None]:
    """Whatever a test did, or left undone: for the next one everything runs."""
    yield
    assert stage.relay is not None
    stage.webhooks.resume()
    await stage.relay.heal()
    if not stage.pbx.running:
        await stage.pbx.start()
    process = stage.controller.process
    if process is None or process.returncode is not None:
        await stage.controller.start()
    await stage.controller.wait_for("/readyz", 200)


async def test_killed_mid_call_and_without_its_agent_it_closes_the_record_and_delivers_every_webhook_once(
    stage: Stage,
) -> None:
    async with stage.connected() as call:
        await stage.events.event("call_started", call_id=call.call_id)
        await asyncio.sleep(0.5)  # its 2xx is on record: from here on it is not sent again
        await stage.controller.kill()
        await call.agent.gone()
        call.agent_is_away()
        await stage.controller.start()
        record = await stage.controller.ended_call(call.call_id)
        await call.caller.bye(timeout_s=15)  # the caller does not stay in silence
        await stage.events.event("call_analyzed", call_id=call.call_id)
        await asyncio.sleep(1.0)
    assert record["call_status"] in ("error", "ended")
    assert sorted(stage.events.events(call_id=call.call_id)) == sorted(LIFECYCLE)
    await stage.idle()


async def test_killed_while_webhooks_wait_it_delivers_them_after_the_start(stage: Stage) -> None:
    stage.webhooks.pause()
    try:
        async with stage.connected() as call:
            pass
        await stage.controller.ended_call(call.call_id)
        await stage.controller.kill()
    finally:
        stage.webhooks.resume()
    assert stage.events.events(call_id=call.call_id) == []
    await stage.controller.start()
    await stage.events.event("call_analyzed", call_id=call.call_id, timeout_s=30)
    await stage.events.event("call_ended", call_id=call.call_id, timeout_s=30)
    await stage.events.event("call_started", call_id=call.call_id, timeout_s=30)
    await asyncio.sleep(1.0)
    assert sorted(stage.events.events(call_id=call.call_id)) == sorted(LIFECYCLE)


async def test_a_webhook_that_was_answered_with_2xx_is_not_sent_again_after_a_kill(stage: Stage) -> None:
    async with stage.connected() as call:
        pass
    await stage.events.event("call_analyzed", call_id=call.call_id)
    await asyncio.sleep(0.5)
    await stage.controller.kill()
    await stage.controller.start()
    await asyncio.sleep(1.5)
    assert sorted(stage.events.events(call_id=call.call_id)) == sorted(LIFECYCLE)


async def test_killed_at_any_moment_no_record_stays_open(stage: Stage) -> None:
    """Killed while callers ring, wait for the webhook, connect and talk: those go on, and every record is closed."""
    hook = stage.webhooks.hook(Answer.inbound(delay_s=0.15))
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent), inbound_webhook_url=hook.url)
    async with contextlib.AsyncExitStack() as callers:
        for _ in range(12):
            caller = await callers.enter_async_context(stage.caller())
            await caller.dial(number)
            await asyncio.sleep(0.04)
        await stage.controller.kill()
        await stage.controller.start()
    await stage.idle(timeout_s=15)
    listed = await stage.controller.post("/v2/list-calls", {"filter_criteria": {"to_number": [number]}}, expect=200)
    assert listed.json
    for listed_call in listed.json:
        call = await stage.controller.ended_call(listed_call["call_id"])
        assert call["call_status"] in ("ended", "error", "not_connected"), call
        await stage.events.event("call_ended", call_id=call["call_id"], timeout_s=20)


async def test_calls_keep_their_audio_while_the_event_websocket_is_gone(stage: Stage) -> None:
    assert stage.relay is not None
    async with stage.connected(echo) as call:
        await call.hears_itself()
        await stage.relay.cut()
        await stage.controller.wait_for("/readyz", 503)
        await call.hears_itself()
        await stage.relay.heal()
        await stage.controller.wait_for("/readyz", 200)
        await call.hears_itself()
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"
        await call.caller.hang_up()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    await stage.idle()


async def test_a_caller_who_hangs_up_meanwhile_is_noticed_at_the_reconnect(stage: Stage) -> None:
    assert stage.relay is not None
    async with stage.connected() as call:
        await stage.relay.cut()
        await stage.controller.wait_for("/readyz", 503)
        await call.caller.hang_up()
        await stage.relay.heal()
        await stage.controller.wait_for("/readyz", 200)
        record = await stage.controller.ended_call(call.call_id)
        await call.agent.gone()
    assert record["disconnection_reason"] == "user_hangup"
    await stage.idle()


async def test_an_asterisk_that_restarts_ends_its_calls_and_takes_new_ones(stage: Stage) -> None:
    async with stage.connected() as call:
        await stage.pbx.restart()
        record = await stage.controller.ended_call(call.call_id, timeout_s=20)
        await call.agent.gone()
    assert record["call_status"] in ("ended", "error")
    await stage.controller.wait_for("/readyz", 200)
    async with stage.connected(echo) as call:
        await call.hears_itself()


async def test_an_asterisk_that_dies_ends_its_calls_and_takes_new_ones(stage: Stage) -> None:
    async with stage.connected() as call:
        await stage.pbx.kill()
        await stage.controller.wait_for("/readyz", 503)
        await stage.pbx.start()
        record = await stage.controller.ended_call(call.call_id, timeout_s=20)
        with contextlib.suppress(TimeoutError):
            await call.agent.gone(timeout_s=5)
        assert call.agent.closed.is_set()
    assert record["call_status"] in ("ended", "error")
    await stage.controller.wait_for("/readyz", 200)
    async with stage.connected(echo) as call:
        await call.hears_itself()


async def test_stopped_in_order_it_ends_its_calls_and_tells_of_them(stage: Stage) -> None:
    async with stage.connected() as call:
        assert await stage.controller.stop() == 0
        await call.caller.bye()
        await call.agent.gone()
        await stage.controller.start()
        record = await stage.controller.ended_call(call.call_id)
        await stage.events.event("call_analyzed", call_id=call.call_id, timeout_s=30)
    assert sorted(stage.events.events(call_id=call.call_id)) == sorted(LIFECYCLE)
    assert record["disconnection_reason"]
    assert "Traceback" not in stage.controller.log_text()


async def test_while_the_controller_is_away_a_caller_is_told_so(stage: Stage) -> None:
    await stage.controller.kill()
    async with stage.caller() as caller:
        await caller.dial(stage.new_number())
        assert (await caller.ringing()).status == 183  # early media: the message
        await caller.cancel()
    await stage.pbx.cli("dialplan set global AWAY busy")
    async with stage.caller() as caller:
        await caller.dial(stage.new_number())
        assert (await caller.refused()).status == 503


async def test_a_body_is_sent_again_byte_for_byte(stage: Stage) -> None:
    def decide(delivery: Delivery) -> Answer:
        return Answer(500) if len(own.deliveries) < 2 else Answer()

    own = stage.webhooks.hook(decide)
    async with stage.connected(agent={"webhook_url": own.url, "webhook_events": ["call_ended"]}) as call:
        pass
    await own.event("call_ended", call_id=call.call_id)
    await stage.controller.kill()
    await stage.controller.start()
    for _ in range(200):
        if len(own.deliveries) >= 2:
            break
        await asyncio.sleep(0.1)
    assert len({delivery.body for delivery in own.deliveries}) == 1
    assert len(own.deliveries) >= 2
    assert json.loads(own.deliveries[0].body)["call"]["call_id"] == call.call_id


async def test_killed_in_a_transfer_it_keeps_what_was_said_and_cancels_the_transfer(stage: Stage) -> None:
    wanted = ["transcript_updated", "transfer_started", "transfer_cancelled", "call_ended"]
    async with stage.connected(agent={"webhook_events": wanted}) as call:
        await call.agent.send({"event": "update", "update": {"transcript": [{"role": "agent", "content": "Hello."}]}})
        await stage.events.event("transcript_updated", call_id=call.call_id)
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 100),))
        await call.agent.transfer("+14155559999")
        await stage.events.event("transfer_started", call_id=call.call_id)
        await asyncio.sleep(0.5)  # its 2xx is on record: from here on it is not sent again
        await stage.controller.kill()
        await stage.controller.start()
        record = await stage.controller.ended_call(call.call_id)
        await stage.events.event("call_ended", call_id=call.call_id)
    events = stage.events.events(call_id=call.call_id)
    assert events == [*wanted[:3], "transcript_updated", "call_ended"]
    assert record["transcript"] == "Agent: Hello.\n"
    (cancelled,) = [told for told in stage.events.about(call_id=call.call_id) if told.event == "transfer_cancelled"]
    assert cancelled.json["transfer_destination"] == {"number": "+14155559999"}
