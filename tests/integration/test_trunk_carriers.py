"""Trunks with the habits of carriers: from where they call and how they name the number, and how they challenge us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.agent_server import Agent
from tests.fakes.carrier import Carrier, Reply, carrier, challenge
from tests.fakes.name_server import name_server
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sipp_callee import is_right_answer
from tests.integration.stage import Stage, staged
from tests.integration.test_outbound import TO_NUMBER

CARRIER_NETWORK = "127.0.0.16/30"
BUSY = Reply(486)
PASSWORD = "sesame open"


def caller(stage: Stage, address: str, **options: Any) -> SipCaller:
    """A carrier's gateway at an address that no endpoint of pjsip.conf is for."""
    return SipCaller(pbx=(stage.pbx.bind, stage.pbx.sip_port), address=address, **options)


async def calling_number(stage: Stage, agent: Agent, **fields: Any) -> str:
    """A number whose carrier calls from its network, with this agent."""
    agent_id = await stage.create_agent(agent)
    return await stage.import_number(agent_id, transport="UDP", inbound_addresses=[CARRIER_NETWORK], **fields)


@pytest.mark.parametrize(
    ("address", "request_user", "to_user"),
    [
        ("127.0.0.16", "{e164}", "{e164}"),  # Twilio: E.164 with + in both
        ("127.0.0.17", "{digits}", "{digits}"),  # Telnyx, by its setting: E.164 without +
        ("127.0.0.18", "{national}", "+{digits}"),  # Vonage and others: the national number, and + in To alone
        ("127.0.0.19", "account-4711", "{e164}"),  # the account in the request URI, the number in To
        ("127.0.0.16", "{e164};npdi;rn=+12025550001", "{e164}"),  # a ported number
    ],
)
async def test_a_carrier_known_by_its_addresses_calls(
    stage: Stage, address: str, request_user: str, to_user: str
) -> None:
    agent = stage.agents.agent()
    number = await calling_number(stage, agent)
    spelt = {"e164": number, "digits": number[1:], "national": number[2:]}
    headers = [("X-Twilio-CallSid", "CA123")]
    async with caller(stage, address, called=to_user.format(**spelt)) as gateway:
        await gateway.call(request_user.format(**spelt), headers=headers)
        call = await agent.call()
        await gateway.hang_up()
        record = await stage.controller.ended_call(str(call.about["call_id"]))
    assert record["to_number"] == number
    assert record["custom_sip_headers"]["x-twilio-callsid"] == "CA123"
    await stage.controller.request("DELETE", f"/delete-phone-number/{number}")


async def test_other_addresses_and_a_deleted_number_let_nobody_in(stage: Stage) -> None:
    number = await calling_number(stage, stage.agents.agent())
    for address, status in (("127.0.0.20", 401), ("127.0.0.15", 401)):
        async with caller(stage, address) as stranger:
            await stranger.dial(number)
            assert (await stranger.refused()).status == status
        # The name of the trunk, which can be guessed, is nobody's account.
        async with caller(stage, address, user=f"ari_agent-trunk-{number[1:]}") as stranger:
            await stranger.dial(number)
            assert (await stranger.refused()).status == status
    async with caller(stage, "127.0.0.16") as gateway:
        await gateway.dial("+14155559999")  # a number of the carrier's, and none of ours
        assert (await gateway.refused()).status == 404
    await stage.controller.request("DELETE", f"/delete-phone-number/{number}")
    async with caller(stage, "127.0.0.16") as gateway:
        await gateway.dial(number)
        assert (await gateway.refused()).status == 401


async def called_out(stage: Stage, far_end: Carrier, **fields: Any) -> dict[str, Any]:
    """Place a call by way of a new number with a login; its record when it is over."""
    agent_id = await stage.create_agent(stage.agents.agent())
    number = await stage.import_number(
        None,
        **{
            "termination_uri": far_end.uri,
            "transport": "UDP",
            "sip_trunk_auth_username": "acct77",
            "sip_trunk_auth_password": PASSWORD,
            "outbound_agents": [{"agent_id": agent_id, "weight": 1}],
            **fields,
        },
    )
    body = {"from_number": number, "to_number": TO_NUMBER}
    placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
    return await stage.controller.ended_call(placed["call_id"])


@pytest.mark.parametrize(
    ("challenges", "header", "realm"),
    [
        ([challenge(401)], "Authorization", "carrier"),
        ([challenge(407)], "Proxy-Authorization", "carrier"),
        ([challenge(407, nonce="old"), challenge(407, nonce="new", stale=True)], "Proxy-Authorization", "carrier"),
        ([challenge(407, realm="sip.example.com")], "Proxy-Authorization", "sip.example.com"),
    ],
    ids=["401", "407", "stale nonce", "realm of the day"],
)
async def test_a_carrier_challenges_a_call(stage: Stage, challenges: list[Reply], header: str, realm: str) -> None:
    async with carrier(INVITE=[*challenges, BUSY]) as far_end:
        record = await called_out(stage, far_end)
        last = await far_end.heard("INVITE", count=len(challenges) + 1)
    assert record["disconnection_reason"] == "dial_busy"
    assert f'realm="{realm}"' in last.need(header)
    assert is_right_answer(last.need(header), password=PASSWORD)
    assert PASSWORD not in stage.controller.log_text()


async def test_a_carrier_that_refuses_the_password_is_not_asked_for_ever(stage: Stage) -> None:
    async with carrier(INVITE=[challenge(407, nonce="n1"), challenge(407, nonce="n2")]) as far_end:
        record = await called_out(stage, far_end)
        assert len(far_end.requests("INVITE")) == 3
    assert record["disconnection_reason"] == "telephony_provider_permission_denied"


async def test_a_carrier_behind_a_name_with_two_addresses_is_called_at_the_second(tmp_path: Path) -> None:
    unavailable = carrier(INVITE=[Reply(503)])
    async with (
        name_server() as names,
        unavailable as first,
        carrier("127.0.0.6", INVITE=[BUSY]) as second,
        staged(tmp_path, pbx_options={"name_server": names.address}) as stage,
    ):
        names.addresses = {"a.carrier.test": first.address, "b.carrier.test": second.address}
        names.services["_sip._udp.carrier.test"] = [
            (20, "b.carrier.test", second.port),
            (10, "a.carrier.test", first.port),
        ]
        record = await called_out(stage, first, termination_uri="carrier.test")
        assert len(first.requests("INVITE")) == 1
        assert (await second.heard("INVITE")).request_uri == f"sip:{TO_NUMBER}@carrier.test"
    assert record["disconnection_reason"] == "dial_busy"
