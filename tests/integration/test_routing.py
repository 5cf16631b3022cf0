"""Who answers: the dialled number, or what the dialplan says."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.stage import Stage


async def test_the_dialled_number_finds_its_agent(stage: Stage) -> None:
    first, second = stage.agents.agent(), stage.agents.agent()
    await stage.import_number(await stage.create_agent(first))
    number = await stage.import_number(await stage.create_agent(second))
    async with stage.caller() as caller:
        await caller.call(number)
        assert (await second.call()).about["to"] == number
    assert first.attempts == 0


@pytest.mark.parametrize("spelling", [lambda e164: e164[1:], lambda e164: "00" + e164[1:]], ids=["bare", "00"])
async def test_other_spellings_of_the_number_find_it_too(stage: Stage, spelling: object) -> None:
    assert callable(spelling)
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.caller() as caller:
        await caller.call(spelling(number))
        assert (await agent.call()).about["to"] == number


async def test_a_number_that_nobody_imported_is_refused_and_leaves_no_record(stage: Stage) -> None:
    number = stage.new_number()
    async with stage.caller() as caller:
        await caller.dial(number)
        assert (await caller.refused()).status == 404
    reply = await stage.controller.post("/v2/list-calls", {"filter_criteria": {"to_number": [number]}}, expect=200)
    assert reply.json == []


async def test_the_dialplan_names_the_agent_and_sets_variables(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    async with stage.caller() as caller:
        await caller.call("by-agent", headers=[("X-Agent-Id", agent_id)])
        call = await agent.call()
        assert call.variables["customer"] == "Bob Smith"
        assert call.variables["plan"] == "gold"
        assert call.variables["quoted"] == "it's, so; to say"
    record = await stage.controller.ended_call(call.about["call_id"])
    assert record["agent_id"] == agent_id
    assert record["retell_llm_dynamic_variables"]["customer"] == "Bob Smith"


async def test_the_dialplan_naming_an_unknown_agent_ends_the_call_with_a_reason(stage: Stage) -> None:
    async with stage.caller() as caller:
        await caller.dial("by-agent", headers=[("X-Agent-Id", "agent_unknown")])
        await caller.refused()


async def test_the_softphone_account_needs_its_password(stage: Stage) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.softphone() as phone:
        await phone.call(number)
        await agent.call()
    async with stage.softphone() as phone:
        phone.password = "wrong"
        await phone.dial(number)
        assert (await phone.refused()).status == 401


async def test_a_caller_sticky_draw_gives_the_same_caller_the_same_agent(stage: Stage) -> None:
    agents = [stage.agents.agent() for _ in range(3)]
    agent_ids = [await stage.create_agent(agent) for agent in agents]
    weights = [{"agent_id": id_, "weight": weight} for id_, weight in zip(agent_ids, (0.3, 0.3, 0.4), strict=True)]
    number = await stage.import_number(None, inbound_agents=weights)
    for _ in range(4):
        async with stage.caller() as caller:
            await caller.call(f"*77{number[1:]}")
            await asyncio.sleep(0.1)
    assert sorted(agent.attempts for agent in agents) == [0, 0, 4]
