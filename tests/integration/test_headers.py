"""SIP headers of the INVITE: to the agent, on the record, to the dialplan."""

from __future__ import annotations

import pytest

from tests.integration.stage import Stage

HEADERS = (
    ("X-Caller", "abc"),
    ("x-order", 'a "quoted"; semi=colon, comma & <angle>'),
    ("X-Utf8", "Grüße ☎ 你好"),
    ("X-Twice", "first"),
    ("X-Twice", "second"),
    ("X-Long", "y" * 4000),
    ("Diversion", "<sip:2000@192.168.254.254>;privacy=off;reason=no-answer;counter=1;screen=no"),
    ("History-Info", "<sip:+14155550123@example.com>;index=1"),
    ("User-To-User", "56a390f3d2b7310023a2;encoding=hex"),
    ("P-Asserted-Identity", "<sip:+12345678910@example.com>"),
    ("Subject", "not one of them"),
)
EXPECTED = {
    "x-caller": "abc",
    "x-order": 'a "quoted"; semi=colon, comma & <angle>',
    "x-utf8": "Grüße ☎ 你好",
    "x-twice": "first, second",
    "x-long": "y" * 4000,
    "diversion": "<sip:2000@192.168.254.254>;privacy=off;reason=no-answer;counter=1;screen=no",
    "history-info": "<sip:+14155550123@example.com>;index=1",
    "user-to-user": "56a390f3d2b7310023a2;encoding=hex",
    "p-asserted-identity": "<sip:+12345678910@example.com>",
}


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_headers_become_dynamic_variables_with_their_value_untouched(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol, headers=HEADERS) as call:
        told = {name: value for name, value in call.agent.variables.items() if name in EXPECTED}
        record = await stage.controller.call(call.call_id)
    assert told == EXPECTED
    assert "subject" not in call.agent.variables
    assert record["custom_sip_headers"] == EXPECTED
    assert {n: v for n, v in record["retell_llm_dynamic_variables"].items() if n in EXPECTED} == EXPECTED


async def test_headers_are_channel_variables_for_the_dialplan(stage: Stage) -> None:
    async with stage.connected(headers=[("X-Caller", "abc"), ("P-Asserted-Identity", "<sip:+1@example.com>")]):
        (channel,) = [
            line.split("!")[0]
            for line in (await stage.pbx.cli("core show channels concise")).splitlines()
            if line.startswith("PJSIP/")
        ]
        shown = await stage.pbx.cli(f"core show channel {channel}")
    assert "ARI_AGENT_HDR_X_CALLER=abc" in shown
    assert "ARI_AGENT_HDR_P_ASSERTED_IDENTITY=<sip:+1@example.com>" in shown


async def test_control_characters_reach_the_agent_without_breaking_anything(stage: Stage) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    run = await stage.sipp.run(
        "call", number, headers=[("X-Control", "a\x01b\x7fc\td"), ("X-After", "ok")], values={"TALK_MS": "300"}
    )
    run.check()
    call = await agent.call()
    assert call.variables["x-after"] == "ok"
    assert call.variables["x-control"].startswith("a")
    record = await stage.controller.ended_call(call.about["call_id"])
    assert record["custom_sip_headers"]["x-control"] == call.variables["x-control"]


async def test_a_header_too_long_for_asterisk_costs_only_itself(stage: Stage) -> None:
    """Asterisk hands over header lines of up to about 4 KB; one of 8 KB is not readable by any means."""
    async with stage.connected(headers=[("X-Before", "1"), ("X-Long", "y" * 8000), ("X-After", "2")]) as call:
        assert call.agent.variables["x-before"] == "1"
        assert call.agent.variables["x-after"] == "2"
        assert "x-long" not in call.agent.variables


async def test_sixty_headers_reach_the_agent(stage: Stage) -> None:
    headers = [(f"X-Header-{number}", f"value {number}") for number in range(60)]
    async with stage.connected(headers=headers) as call:
        assert {name: call.agent.variables[name.lower()] for name, _ in headers} == dict(headers)


async def test_the_numbers_of_the_call_are_told(stage: Stage) -> None:
    async with stage.connected() as call:
        record = await stage.controller.call(call.call_id)
        assert (call.agent.about["from"], call.agent.about["to"]) == (call.caller.user, call.number)
    assert (record["from_number"], record["to_number"]) == (call.caller.user, call.number)
    assert record["direction"] == "inbound"
    assert record["agent_id"] == call.agent_id
