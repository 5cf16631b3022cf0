"""Transfers: what the agent said before is heard first, and destinations come in every spelling."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.sip_message import uri_of
from tests.fakes.sound import tone
from tests.integration.stage import Stage


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves while they are played"])
async def test_the_agents_last_words_are_heard_before_the_refer(stage: Stage, leaves: bool) -> None:
    async with stage.connected() as call:
        await call.agent.say(tone(440, seconds=5))
        await call.agent.transfer("+12025550199")
        if leaves:
            await call.agent.close()
        await call.caller.refer(timeout_s=20)
        assert len(call.caller.audio.loud_packets()) >= 245
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"


async def test_clear_skips_what_is_not_heard_yet(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.say(tone(440, seconds=8))
        await call.agent.transfer("+12025550199")
        await call.caller.audio.hears()
        await call.agent.clear()
        await call.caller.refer(timeout_s=20)
        assert len(call.caller.audio.loud_packets()) < 300
        await call.caller.bye()


async def test_a_transfer_by_the_api_waits_too_and_a_second_one_is_refused(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.say(tone(440, seconds=3))
        await call.agent.mark("said")
        await call.caller.audio.hears()
        path = f"/v2/transfer-call/{call.call_id}"
        asked = asyncio.create_task(stage.controller.post(path, {"to": "+12025550199"}, expect=None))
        await asyncio.sleep(0.5)
        await call.agent.transfer("+12025550198")
        refused = await call.agent.transfer_result()
        assert refused["status"] == "failed"
        await call.caller.refer(timeout_s=20)
        assert "said" in call.agent.marks
        await call.caller.bye()
        await asked


@pytest.mark.parametrize(
    ("to", "user"),
    [
        ("tel:+12025550199", "+12025550199"),
        ("+1 (202) 555-0199", "+12025550199"),
        ("202-555-0199", "2025550199"),
        ("{{desk}}", "+12025550199"),
    ],
    ids=["tel:", "blanks and brackets", "hyphens", "a variable that holds blanks"],
)
async def test_a_destination_is_sent_in_its_one_spelling(stage: Stage, to: str, user: str) -> None:
    async with stage.connected(headers=[("X-Desk", "+1 202 555 0199")]) as call:
        await call.agent.transfer(to.replace("desk", "x-desk"))
        refer = await call.caller.refer()
        assert uri_of(refer.need("Refer-To")).startswith(f"sip:{user}@")
        await call.caller.bye()


@pytest.mark.parametrize(
    ("number", "to", "refer_to"),
    [
        ({"refer_to_format": "tel"}, "+1 (202) 555-0199", "<tel:+12025550199>"),
        (
            {"refer_to_format": "tel", "refer_to_host": "pbx.example.com"},
            "2025550199",
            "<sip:2025550199@pbx.example.com>",
        ),
        ({"refer_to_host": "pstn.example.com:5080"}, "tel:+12025550199", "<sip:+12025550199@pstn.example.com:5080>"),
        ({"refer_to_format": "tel"}, "sip:+12025550199@pbx", "<sip:+12025550199@pbx>"),
    ],
    ids=["a tel: URI", "not E.164", "at a host", "a SIP URI stays one"],
)
async def test_a_number_says_how_its_carrier_wants_a_bare_destination(
    stage: Stage, number: dict[str, str], to: str, refer_to: str
) -> None:
    async with stage.connected(number=number) as call:
        await call.agent.transfer(to)
        refer = await call.caller.refer()
        assert refer.need("Refer-To") == refer_to
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"


@pytest.mark.parametrize(
    ("to", "right"),
    [("+12025550199,,123", "belong into `extension`, with mode sip_invite"), ("PJSIP/200", "write 200, or sip:200@")],
)
async def test_what_would_be_right_is_told_to_agent_and_api(stage: Stage, to: str, right: str) -> None:
    async with stage.connected() as call:
        await call.agent.transfer(to)
        assert right in (await call.agent.transfer_result())["message"]
        refused = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": to}, expect=400)
        assert right in refused.json["message"]


async def test_a_user_at_a_host_is_a_sip_uri(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.transfer("200@pbx")
        refer = await call.caller.refer()
        assert uri_of(refer.need("Refer-To")) == "sip:200@pbx"
        await call.caller.bye()


async def test_what_is_wrong_with_a_destination_is_told_in_plain_words(stage: Stage) -> None:
    async with stage.connected(headers=[("X-Desk", "nobody knows")]) as call:
        await call.agent.transfer("{{x-desk}}")
        result = await call.agent.transfer_result()
        assert "is not allowed in a destination" in result["message"]
        assert "Value error" not in result["message"]
