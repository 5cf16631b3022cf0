"""What was dialled and who calls, as real carriers, PBXs and telephones say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.webhook_server import Answer
from tests.integration.stage import Stage

CARRIERS_NUMBER = "+12025550123"


async def numbered(stage: Stage, number: str, **fields: Any) -> tuple[Any, str]:
    """Make an agent on this number; return it and its id."""
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    body = {"phone_number": number, "termination_uri": "sip.example.com", **fields}
    body["inbound_agents"] = [{"agent_id": agent_id, "weight": 1}]
    await stage.controller.post("/import-phone-number", body, expect=201)
    return agent, agent_id


async def record_of(stage: Stage, call: AgentCall) -> Mapping[str, Any]:
    """The record of the agent's call."""
    record: Mapping[str, Any] = await stage.controller.ended_call(call.about["call_id"])
    return record


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("+12025550101", "2025550101"),
        ("+493012345678", "03012345678"),
        ("+442071234567", "011442071234567"),
        ("+12025550102", "+12025550102;npdi;rn=+12025550001"),
        ("+12025550103", "2025550103;phone-context=+1"),
    ],
    ids=["national-us", "national-de", "international-prefix", "npdi-rn", "phone-context"],
)
async def test_the_number_is_found_however_it_is_spelt(stage: Stage, number: str, dialled: str) -> None:
    hook = stage.webhooks.hook(Answer.inbound())
    agent, _ = await numbered(stage, number, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(dialled)
        call = await agent.call()
    asked = hook.deliveries[0].call
    assert (await record_of(stage, call))["to_number"] == call.about["to"] == asked["to_number"] == number


async def test_an_unknown_number_is_not_found_and_the_log_names_near_misses(stage: Stage) -> None:
    await numbered(stage, "+12025550104")
    async with stage.caller() as caller:
        await caller.dial("3035550104")
        assert (await caller.refused()).status == 404
    assert "no imported number fits what was dialled (3035550104); near misses: +12025550104" in (
        stage.controller.log_tail(20)
    )


@pytest.mark.parametrize("prefix", ["*78", "*79", "*76"], ids=["dnid", "dnid-agent_id", "to_number-argument"])
async def test_the_dialplan_may_lose_the_extension(stage: Stage, prefix: str) -> None:
    hook = stage.webhooks.hook(Answer.inbound())
    number = stage.new_number()
    agent, agent_id = await numbered(stage, number, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(prefix + number[1:], headers=[("X-Agent-Id", agent_id)])
        call = await agent.call()
    assert hook.deliveries[0].call["to_number"] == number
    assert (await record_of(stage, call))["to_number"] == number


@pytest.mark.parametrize("place", ["To", "P-Called-Party-ID"])
async def test_a_registered_trunk_names_the_account_and_tells_the_number_elsewhere(stage: Stage, place: str) -> None:
    number = stage.new_number()
    agent, _ = await numbered(stage, number)
    async with stage.caller(called=number if place == "To" else None) as caller:
        headers = [] if place == "To" else [("P-Called-Party-ID", f"<sip:{number}@ims.example;user=phone>")]
        await caller.call("acct77", headers=headers)
        call = await agent.call()
    assert (await record_of(stage, call))["to_number"] == number


@pytest.mark.parametrize("privacy", ["id", "ID", "user;id", "none"])
async def test_a_withheld_number_reaches_nobody(stage: Stage, privacy: str) -> None:
    headers = [
        ("P-Asserted-Identity", f"<sip:{CARRIERS_NUMBER}@c>"),
        ("X-Original-From", f"sip:{CARRIERS_NUMBER}@c"),
        ("Privacy", privacy),
        ("X-Other", "kept"),
    ]
    hook = stage.webhooks.hook(Answer.inbound())
    agent, _ = await numbered(stage, number := stage.new_number(), inbound_webhook_url=hook.url)
    async with stage.caller(user="anonymous") as caller:
        await caller.call(number, headers=headers)
        call = await agent.call()
        channels = await stage.pbx.cli("core show channels concise")
        shown = [await stage.pbx.cli(f"core show channel {line.split('!')[0]}") for line in channels.splitlines()]
    record, asked = await record_of(stage, call), hook.deliveries[0].call
    assert record["from_number"] == call.about["from"] == asked["from_number"] == "anonymous"
    assert record["custom_sip_headers"]["x-other"] == "kept"
    told = f"{record} {call.variables} {asked} {[line for line in ''.join(shown).splitlines() if 'ARI_AGENT' in line]}"
    assert (CARRIERS_NUMBER in told) == (privacy == "none")


@pytest.mark.parametrize("user", ["Restricted", "unavailable", "unknown"])
async def test_a_word_is_no_number(stage: Stage, user: str) -> None:
    agent, _ = await numbered(stage, number := stage.new_number())
    async with stage.caller(user=user) as caller:
        await caller.call(number)
        call = await agent.call()
    assert (await record_of(stage, call))["from_number"] == "anonymous"


async def test_a_header_has_both_names(stage: Stage) -> None:
    async with stage.connected(headers=[("X-Test-Header", "a")]) as call:
        assert {call.agent.variables["x-test-header"], call.agent.variables["X-Test-Header"]} == {"a"}
        variables = (await stage.controller.call(call.call_id))["retell_llm_dynamic_variables"]
    assert {variables["x-test-header"], variables["X-Test-Header"]} == {"a"}


async def test_a_caller_who_comes_through_a_local_channel_has_no_headers_and_the_log_says_so(stage: Stage) -> None:
    number = stage.new_number()
    agent, _ = await numbered(stage, number)
    async with stage.caller() as caller:
        await caller.call(f"*74{number[1:]}", headers=[("X-Caller", "abc")])
        call = await agent.call()
        assert "x-caller" not in call.variables
    assert (await record_of(stage, call))["to_number"] == number
    (line,) = [line for line in stage.controller.log_tail(40).splitlines() if "has no SIP headers" in line]
    assert "__AGENTVAR_" in line


async def test_variables_that_channels_inherit_pass_a_local_channel(stage: Stage) -> None:
    number = stage.new_number()
    agent, _ = await numbered(stage, number)
    async with stage.caller() as caller:
        await caller.call(f"*75{number[1:]}")
        call = await agent.call()
        assert call.variables["plan"] == "gold"
    await record_of(stage, call)


async def test_a_value_that_is_no_utf_8_is_named_as_the_cause(stage: Stage) -> None:
    async with stage.caller() as caller:
        await caller.dial("latin-1")
        assert (await caller.refused(timeout_s=20)).status == 503
    assert "probably no UTF-8" in stage.controller.log_tail(5)


async def variables_through(stage: Stage, prefix: str) -> Mapping[str, str]:
    """The dynamic variables of a call whose caller dials a prefix of the dialplan, then a number."""
    number = stage.new_number()
    agent, _ = await numbered(stage, number)
    async with stage.caller() as caller:
        await caller.call(prefix + number[1:])
        variables: Mapping[str, str] = (await agent.call()).variables
        return variables


async def test_a_variable_in_latin_1_has_a_replacement_where_its_name_is_known(stage: Stage) -> None:
    assert (await variables_through(stage, "*71"))["latin"] == "Müller"
    assert (await variables_through(stage, "*73"))["latin"] == "M?ller"
    assert "step 1 of *73" in stage.controller.log_tail(20)
    assert "no UTF-8 (Latin-1?), of which Asterisk makes no event: AGENTVAR_latin has ? instead" in (
        stage.controller.log_tail(20)
    )


async def test_a_variable_in_latin_1_whose_name_is_not_known_is_missing_with_a_word(stage: Stage) -> None:
    variables = await variables_through(stage, "*72")
    assert variables["plan"] == "gold"
    assert "unknown_latin" not in variables
    assert "step 2 of *72" in stage.controller.log_tail(20)
    assert "of which Asterisk makes no event: an AGENTVAR_ that it sets is missing" in stage.controller.log_tail(20)
