"""Two controllers on one Asterisk, as processes of one `ari-agent serve --processes 2`, share its calls."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

import aiohttp
import pytest
import pytest_asyncio

from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import ReferPlan
from tests.integration.stage import DIALPLAN, Stage, staged
from tests.integration.test_check import command, named
from tests.test_processes import NODE_URL, STARTED

ARGUMENTS: Final = {
    "plain": ("customer=Bob Smith,plan=gold", "Bob Smith"),
    "colon": ("customer=a:b,plan=gold", "a:b"),
    "quote": ('customer="Smith, Bob",plan=gold', "Smith, Bob"),
    "backslash": ("customer=Smith\\, Bob,plan=gold", "Smith, Bob"),
}
"""As the dialplan has them, and the customer that they name."""
WITH_AGENT: Final = "[from-trunk](+)\n" + "".join(
    f"""
exten = agent-{name},1,Set(ARI_AGENT_ARGUMENTS=agent_id=${{PJSIP_HEADER(read,X-Agent-Id)}},{arguments})
 same = n,Gosub(ari-agent-take,${{EXTEN}},1)
 same = n,Hangup()
"""
    for name, (arguments, _) in ARGUMENTS.items()
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, shared_url_of_module: str) -> AsyncIterator[Stage]:
    async with staged(
        tmp_path_factory.mktemp("shared"),
        pbx_options={"extensions": DIALPLAN + WITH_AGENT, "processes": 2},
        DATABASE_URL=shared_url_of_module,
        PROCESSES="2",
        DRAIN_S="20",
    ) as made:
        await both_are_up(made)
        yield made


async def both_are_up(stage: Stage) -> dict[str, str]:
    """The URL where each process alone is reached, by its number."""
    async with asyncio.timeout(60):
        while True:
            log = stage.controller.log_text()
            found = {match["number"]: match["url"] for match in NODE_URL.finditer(log)}
            if len(found) == 2 and all([await is_ready(url) for url in found.values()]):
                return found
            await asyncio.sleep(0.1)


async def is_ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def calls_of(url: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        counts = re.findall(r"^ari_agent_calls_live\{.*\} (\d+)", await answer.text(), re.MULTILINE)
        return sum(map(int, counts))


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_arguments_reach_whichever_controller_takes_the_call(stage: Stage, name: str) -> None:
    agent = stage.agents.agent(echo)
    async with stage.caller() as caller:
        await caller.call(f"agent-{name}", headers=[("X-Agent-Id", await stage.create_agent(agent))])
        call_id = str((await agent.call()).about["call_id"])
        variables = (await stage.controller.call(call_id))["retell_llm_dynamic_variables"]
        assert (variables["customer"], variables["plan"]) == (ARGUMENTS[name][1], "gold")
        await caller.hang_up()


@pytest.mark.parametrize(
    ("processes", "application", "dialplan"),
    [
        ("2", "is connected as ari_agent_1, ari_agent_2", "has Stasis(ari_agent_1), Stasis(ari_agent_2)"),
        ("3", "nobody is connected to Asterisk as ari_agent_3", "and not with ari_agent_3"),
        ("1", "the name ari_agent is free", "among ari_agent_1, ari_agent_2, and not with ari_agent"),
    ],
)
async def test_the_check_says_who_gets_no_calls(stage: Stage, processes: str, application: str, dialplan: str) -> None:
    _, found = await command({**stage.controller.environment, "PROCESSES": processes})
    assert application in named(found, "application")["what"]
    assert dialplan in named(found, "dialplan")["what"]
    assert processes != "2" or named(found, "contexts")["status"] == "ok"


async def test_a_caller_comes_back_from_a_refer_to_the_controller_that_has_the_call(stage: Stage) -> None:
    urls = await both_are_up(stage)
    async with AsyncExitStack() as connected:
        calls = [await connected.enter_async_context(stage.connected()) for _ in range(4)]
        assert min([await calls_of(url) for url in urls.values()]) >= 1
        for call in calls:
            call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
            await call.agent.transfer("+14155559999")
            assert (await call.agent.transfer_result())["sip_status"] == 486
            assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"


async def test_calls_are_spread_and_go_to_the_other_when_one_dies(stage: Stage) -> None:
    number = await stage.import_number(await stage.create_agent(stage.agents.agent(echo)))
    urls = await both_are_up(stage)
    async with AsyncExitStack() as calls:
        for _ in range(10):
            await (await calls.enter_async_context(stage.caller())).call(number)
        spread = [await calls_of(url) for url in urls.values()]
        assert sum(spread) == 10 and min(spread) >= 2, spread

        pids = {match["number"]: int(match["pid"]) for match in STARTED.finditer(stage.controller.log_text())}
        os.kill(pids["1"], signal.SIGKILL)
        await (await calls.enter_async_context(stage.caller())).call(number)
        assert await calls_of(urls["2"]) == spread[1] + 1
        await stage.controller.logged("is started again process_number=1 status=137")
        await both_are_up(stage)


async def test_both_drain_and_then_the_caller_hears_that_nobody_is_there(stage: Stage) -> None:
    number = await stage.import_number(await stage.create_agent(stage.agents.agent(echo)))
    async with AsyncExitStack() as calls:
        for _ in range(6):
            await (await calls.enter_async_context(stage.caller())).call(number)
        process = stage.controller.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        await stage.controller.logged("waiting for calls to end")
        async with stage.caller() as caller:
            await caller.dial(number)  # each of them declines
            assert (await caller.ringing()).status == 183
            await caller.cancel()
        assert process.returncode is None
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    drained = re.findall(r"waiting for calls to end .*process_number=(\d)$", stage.controller.log_text(), re.MULTILINE)
    assert sorted(drained) == ["1", "2"]
    offers = unclaimed(stage)
    for _ in range(2):
        async with stage.caller() as caller:
            await caller.dial(number)
            assert (await caller.ringing()).status == 183  # the sentence, as early media
            await caller.cancel()
    assert unclaimed(stage) == offers + 1  # to the second caller nobody was offered


def unclaimed(stage: Stage) -> int:
    """How often Asterisk has waited for a claim in vain."""
    return stage.pbx.log_path.read_text(errors="replace").count("not claimed within 500ms")
