"""Two controllers on one PostgreSQL and one Asterisk: either answers for the calls of the other."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.fakes.agent_server import Agent, echo
from tests.fakes.controller import Controller
from tests.integration.stage import Connected, Stage, staged


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, shared_url_of_module: str) -> AsyncIterator[Stage]:
    """With the first of them."""
    folder = tmp_path_factory.mktemp("first")
    async with staged(
        folder, DATABASE_URL=shared_url_of_module, NODE_NAME="first", SPOOL_DIR=str(folder / "spool")
    ) as made:
        controller = made.controller
        controller.environment["NODE_URL"] = controller.url
        await controller.stop()
        await controller.start()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Controller]:
    """The other, with an application of its own."""
    folder = tmp_path_factory.mktemp("second")
    controller = Controller(folder, ari_url=stage.pbx.ari_url, ari_username="", ari_password="")
    own = {"BIND": controller.environment["BIND"], "NODE_URL": controller.url, "SPOOL_DIR": str(folder / "spool")}
    controller.environment = {**stage.controller.environment, "APP": "ari_agent_2", "NODE_NAME": "second", **own}
    controller.api_key = stage.controller.api_key
    async with controller:
        await controller.start()
        yield controller


async def sees(controller: Controller, *names: str) -> None:
    """Until it lists exactly these controllers."""
    for _ in range(300):
        listed = [node["name"] for node in (await controller.get("/list-nodes")).json]
        if listed == list(names):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"it lists {listed}, wanted {names}")


async def hears_key(call: Connected, key: str) -> None:
    for _ in range(300):
        if call.caller.audio.digits == key:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"heard {call.caller.audio.digits!r}")


async def test_either_answers_for_a_call_of_the_other(stage: Stage, second: Controller) -> None:
    await sees(stage.controller, "first", "second")
    await sees(second, "first", "second")
    async with stage.connected() as call:
        assert (await second.call(call.call_id))["call_status"] == "ongoing"
        await second.post(f"/v2/send-dtmf/{call.call_id}", {"digits": "7"}, expect=204)
        await hears_key(call, "7")
        await second.post(f"/v2/stop-call/{call.call_id}", expect=204)
        await call.caller.bye()
    assert (await second.ended_call(call.call_id))["disconnection_reason"] == "manual_stopped"
    assert (await second.post(f"/v2/stop-call/{call.call_id}")).status == 400


async def test_one_that_is_killed_is_found_dead_by_the_other(stage: Stage, second: Controller) -> None:
    await stage.controller.kill()
    await sees(second, "second")
    await stage.controller.start()
    await sees(second, "second", "first")


async def goes_on_with(second: Controller, stage: Stage, agent: Agent, call: Connected, *, after_s: float) -> None:
    """The other controller has dialled the agent again, told the call's webhooks once, and has it to its end.

    after_s: how long the one that had it is there again, and looks at what is in Asterisk under its name.
    """
    call.agent = await agent.call(index=1)
    assert (call.agent.about["call_id"], call.agent.about["reconnected"]) == (call.call_id, "true")
    await sees(second, "second", "first")
    await asyncio.sleep(after_s)
    await call.hears_itself()
    await call.caller.hang_up()
    record = await second.ended_call(call.call_id)
    assert (record["disconnection_reason"], record["call_status"]) == ("user_hangup", "ended")
    await stage.events.event("call_ended", call_id=call.call_id, timeout_s=20)
    assert (await second.get("/get-concurrency")).json["current_concurrency"] == 0


@asynccontextmanager
async def talking(stage: Stage) -> AsyncIterator[tuple[Agent, Connected]]:
    """A call that the first controller has."""
    agent = stage.agents.agent(echo)
    number = await stage.import_number(agent_id := await stage.create_agent(agent))
    async with stage.caller() as caller:
        await caller.call(number)
        there = await agent.call()
        call_id = str(there.about["call_id"])
        await stage.begun(call_id)
        await stage.events.event("call_started", call_id=call_id)
        yield agent, Connected(caller, there, call_id, number, agent_id)


async def test_a_call_goes_on_with_the_other_when_its_own_is_killed(stage: Stage, second: Controller) -> None:
    await sees(second, "second", "first")
    async with talking(stage) as (agent, call):
        await call.hears_itself()
        await stage.controller.kill()
        await stage.controller.start()
        await goes_on_with(second, stage, agent, call, after_s=5)
    await stage.idle()


async def test_one_that_stood_still_leaves_its_calls_to_the_other_that_has_them(
    stage: Stage, second: Controller
) -> None:
    await sees(second, "second", "first")
    async with talking(stage) as (agent, call):
        stopped = stage.controller.process
        assert stopped
        stopped.send_signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(40):
                while len(agent.calls) < 2:  # noqa: ASYNC110 -- nothing tells
                    await asyncio.sleep(0.1)
        finally:
            stopped.send_signal(signal.SIGCONT)
        async with asyncio.timeout(20):
            await agent.calls[0].closed.wait()
        await goes_on_with(second, stage, agent, call, after_s=12)
    await stage.idle()
