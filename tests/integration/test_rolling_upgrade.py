"""Two controllers of one Asterisk are drained and started again, one after the other: no caller is without an agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.agent_server import echo
from tests.fakes.controller import Controller
from tests.integration.stage import DIALPLAN, Stage, staged


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, shared_url_of_module: str) -> AsyncIterator[Stage]:
    """With the first of them."""
    folder = tmp_path_factory.mktemp("first")
    async with staged(
        folder,
        pbx_options={"extensions": DIALPLAN, "processes": 2},
        DATABASE_URL=shared_url_of_module,
        APP_SUFFIX="1",
        SPOOL_DIR=str(folder / "spool"),
    ) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Controller]:
    folder = tmp_path_factory.mktemp("second")
    controller = Controller(folder, ari_url=stage.pbx.ari_url, ari_username="", ari_password="")
    own = {"BIND": controller.environment["BIND"], "APP_SUFFIX": "2", "SPOOL_DIR": str(folder / "spool")}
    controller.environment = {**stage.controller.environment, **own}
    controller.api_key = stage.controller.api_key
    async with controller:
        await controller.start()
        yield controller


async def test_each_drains_while_the_other_takes_all_calls(stage: Stage, second: Controller) -> None:
    number = await stage.import_number(await stage.create_agent(stage.agents.agent(echo)))
    for leaving, staying in ((stage.controller, second), (second, stage.controller)):
        async with AsyncExitStack() as calls:
            before = [await calls.enter_async_context(stage.caller()) for _ in range(6)]
            for caller in before:
                await caller.call(number)
            had = await in_progress(leaving)
            assert had >= 1
            await leaving.post("/drain-node", expect=202)
            await leaving.wait_for("/readyz", 503)
            for _ in range(3):
                await (await calls.enter_async_context(stage.caller())).call(number)
            assert (await in_progress(leaving), await in_progress(staying)) == (had, 9 - had)
            for caller in before:
                await caller.hang_up()
            assert leaving.process is not None
            assert await asyncio.wait_for(leaving.process.wait(), 20) == 0
            await leaving.start()
    assert await ends(second, calls=18) == {"user_hangup"}


async def ends(controller: Controller, *, calls: int) -> set[str]:
    """How that many calls ended, once all on record have."""
    async with asyncio.timeout(20):
        listed: list[dict[str, Any]] = []
        while len(ended := [call for call in listed if "disconnection_reason" in call]) < calls:
            await asyncio.sleep(0.1)
            listed = (await controller.post("/v3/list-calls", {"limit": 100}, expect=200)).json["items"]
    assert len(listed) == calls
    return {call["disconnection_reason"] for call in ended}


async def in_progress(controller: Controller) -> int:
    """Calls of this controller."""
    live = await controller.metrics()
    return int(sum(value for name, value in live.items() if name.startswith("ari_agent_calls_live{")))
