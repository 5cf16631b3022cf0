"""SIGTERM with ARI_AGENT_DRAIN_S, and a drain: calls in progress go on, new ones are refused, then it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes.agent_server import echo
from tests.integration.stage import Stage, staged


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One that waits up to a minute for its calls to end."""
    async with staged(tmp_path_factory.mktemp("drain"), DRAIN_S="60") as made:
        yield made


@pytest.mark.parametrize("how", ["SIGTERM", "drain"])
async def test_a_call_goes_on_a_new_one_is_refused_and_the_end_comes_with_the_calls(stage: Stage, how: str) -> None:
    process = stage.controller.process
    assert process is not None
    async with stage.connected(echo) as call:
        if how == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            await stage.controller.post("/drain-node", expect=202)
        await stage.controller.wait_for("/readyz", 503)
        await call.hears_itself()
        async with stage.caller() as caller:
            await caller.dial(call.number)
            assert (await caller.ringing()).status == 183  # early media: the message of the dialplan behind Stasis()
            await caller.cancel()
        await call.hears_itself()
        await call.caller.hang_up()
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    await stage.controller.start()
    assert (await stage.controller.call(call.call_id))["disconnection_reason"] == "user_hangup"


async def test_a_second_signal_ends_the_calls_at_once(stage: Stage) -> None:
    process = stage.controller.process
    assert process is not None
    async with stage.connected() as call:
        process.send_signal(signal.SIGTERM)
        await stage.controller.wait_for("/readyz", 503)
        assert await stage.controller.stop() == 0
        await call.caller.bye()
