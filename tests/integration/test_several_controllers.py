"""Two controllers on one PostgreSQL and one Asterisk: either answers for the calls of the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.fakes.controller import Controller
from tests.integration.stage import Connected, Stage, staged
from tests.store.databases import Kept


@pytest.fixture(scope="module")
def database_url(kept_database: Kept) -> Iterator[str]:
    yield kept_database.take()
    kept_database.give_back()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> AsyncIterator[Stage]:
    """With the first of them."""
    folder = tmp_path_factory.mktemp("first")
    async with staged(folder, DATABASE_URL=database_url, NODE_NAME="first", SPOOL_DIR=str(folder / "spool")) as made:
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
