"""A trunk with several destinations: what one of them cannot serve goes to the next, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.agent_server import Agent
from tests.fakes.carrier import Carrier, Reply, carrier
from tests.fakes.sipp_callee import answers, callee
from tests.fakes.sound import noise, ulaw_encode
from tests.integration.stage import Stage
from tests.integration.test_outbound import PORTS, TO_NUMBER

FIRST, SECOND = "127.0.0.5", "127.0.0.6"
ANSWERED, BUSY = Reply(200), Reply(486)


@dataclass
class TwoWays:
    """A number whose trunk has two destinations."""

    stage: Stage
    number: str
    first: Carrier
    second: Carrier

    async def placed(self) -> str:
        """Place a call; its id."""
        body = {"from_number": self.number, "to_number": TO_NUMBER}
        call_id: str = (await self.stage.controller.post("/v2/create-phone-call", body, expect=201)).json["call_id"]
        return call_id

    async def ended(self) -> dict[str, Any]:
        """Place a call; its record when it is over."""
        return await self.stage.controller.ended_call(await self.placed(), timeout_s=20)


async def number_of(stage: Stage, agent: Agent, uris: Sequence[str], **fields: Any) -> str:
    """A number whose trunk has these destinations, in this order."""
    agent_id = await stage.create_agent(agent)
    outbound = {"outbound_agents": [{"agent_id": agent_id, "weight": 1}], **fields}
    return await stage.import_number(
        None, termination_uri=uris[0], termination_uris=uris[1:], transport="UDP", **outbound
    )


@asynccontextmanager
async def two_ways(stage: Stage, *replies: Reply, second: Reply = ANSWERED, **fields: Any) -> AsyncIterator[TwoWays]:
    """replies: what the first one says to an INVITE. second: what the other one says."""
    async with carrier(FIRST, INVITE=replies) as one, carrier(SECOND, INVITE=[second]) as other:
        number = await number_of(stage, stage.agents.agent(), [one.uri, other.uri], **fields)
        yield TwoWays(stage, number, one, other)


@pytest.mark.parametrize("status", [503, 408, 500, None])
async def test_a_destination_that_cannot_serve_the_call_is_followed_by_the_next(
    stage: Stage, status: int | None
) -> None:
    async with two_ways(stage, Reply(status)) as trunk:
        call_id = await trunk.placed()
        await stage.begun(call_id, timeout_s=15)
        await stage.controller.post(f"/v2/stop-call/{call_id}", expect=204)
        record = await stage.controller.ended_call(call_id)
        invite = await trunk.second.heard("INVITE")
        await trunk.second.heard("BYE")
        assert record["disconnection_reason"] == "manual_stopped"
        assert record["telephony_identifier"]["sip_call_id"] == invite.need("Call-ID")
        assert invite.request_uri.startswith(f"sip:{TO_NUMBER}@{SECOND}")
        assert len(trunk.first.requests("BYE")) == 0


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, "dial_busy"),
        (404, "invalid_destination"),
        (603, "user_declined"),
        (403, "telephony_provider_permission_denied"),
    ],
)
async def test_what_the_callee_decides_is_final(stage: Stage, status: int, reason: str) -> None:
    async with two_ways(stage, Reply(status)) as trunk:
        assert (await trunk.ended())["disconnection_reason"] == reason
        assert trunk.second.requests("INVITE") == []


async def test_the_last_destination_says_why_there_was_no_call(stage: Stage) -> None:
    async with two_ways(stage, Reply(503), second=Reply(486)) as trunk:
        assert (await trunk.ended())["disconnection_reason"] == "dial_busy"
    async with two_ways(stage, Reply(503), second=Reply(503)) as trunk:
        assert (await trunk.ended())["disconnection_reason"] == "telephony_provider_unavailable"


async def test_a_destination_that_answers_no_options_is_passed_over(stage: Stage) -> None:
    async with two_ways(stage, second=BUSY, qualify_frequency_s=1) as trunk:
        trunk.first.silence()
        for _ in range(100):
            status = (await stage.controller.get(f"/get-trunk/{trunk.number}")).json
            if [way["state"] for way in status["destinations"]] == ["unreachable", "reachable"]:
                break
            await asyncio.sleep(0.1)
        call_id = await trunk.placed()
        assert (await stage.controller.ended_call(call_id))["disconnection_reason"] == "dial_busy"
    about = [line for line in stage.controller.log_text().splitlines() if call_id in line]
    assert any("no way to a trunk's destination" in line for line in about)
    assert not any("a trunk's destination failed" in line for line in about)


async def test_the_agent_hears_who_answers_at_the_second_destination(stage: Stage) -> None:
    (stage.pbx.work_path / "second.ulaw").write_bytes(ulaw_encode(noise(5)))
    agent = stage.agents.agent()
    async with (
        carrier(FIRST, INVITE=[Reply(503)]) as one,
        callee(stage.pbx, answers(sound="second.ulaw"), port=next(PORTS)) as other,
    ):
        number = await number_of(stage, agent, [one.uri, other.uri])
        body = {"from_number": number, "to_number": TO_NUMBER}
        placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        await stage.begun(placed["call_id"])
        await (await agent.call()).hears(seconds=1.0)
        await stage.controller.post(f"/v2/stop-call/{placed['call_id']}", expect=204)
        await other.done()
    await stage.idle()
