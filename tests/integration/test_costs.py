"""What calls cost, on a real Asterisk: a price table, a text agent that hears and speaks, a transfer, and a limit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmServer
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sipp_callee import answers
from tests.integration.stage import Stage, staged
from tests.integration.test_outbound import TO_NUMBER, trunk
from tests.integration.test_text_agent import GREETING, answering, connected, opening, speech

PRICES: Final = {
    "telephony": [
        {"prefix": "+1415", "direction": "inbound", "cents_per_minute": 0.4, "increment_s": 60},
        {"prefix": "+1415", "direction": "outbound", "cents_per_minute": 100, "increment_s": 60},
    ],
    "transfer_leg": [{"prefix": "+1415555", "cents_per_minute": 7, "increment_s": 60}],
    "speech_to_text": {"cents_per_minute": 0.58, "increment_s": 60},
    "text_to_speech": {"cents_per_1000_characters": 15},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def priced(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A controller with ears, a voice and a price table."""
    folder = tmp_path_factory.mktemp("priced")
    prices = json.dumps(PRICES)
    async with staged(folder, SPEECH_TO_TEXT="grammar", TEXT_TO_SPEECH="flite", FLITE=flite(), PRICES=prices) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def llms() -> AsyncIterator[LlmServer]:
    """Text agents."""
    async with LlmServer() as server:
        yield server


def costs(record: dict[str, Any]) -> dict[str, float]:
    """The cost of each product of a call, which add up."""
    cost = record["call_cost"]
    products = {product["product"]: product["cost"] for product in cost["product_costs"]}
    assert len(products) == len(cost["product_costs"])
    assert sum(Decimal(str(cents)) for cents in products.values()) == Decimal(str(cost["combined_cost"]))
    return products


async def test_a_call_tells_what_it_and_the_target_of_its_transfer_cost(priced: Stage, llms: LlmServer) -> None:
    wish = {"content": "One moment.", "transfer_number": "+14155559999", "show_transferee_as_caller": True}
    agent = llms.agent(answering(wish), opening=opening())
    async with SipCallee(pbx=(priced.pbx.bind, priced.pbx.sip_port), address="127.0.0.4") as target:
        to_it = {"termination_uri": target.uri, "transport": "UDP"}
        async with connected(priced, agent, number=to_it) as talk:
            await talk.spoken(GREETING)
            talk.caller.audio.say(speech("rms_yes"))
            await target.picks_up()
            await priced.controller.logged(f"call bridged call_id={talk.call_id}")
            await talk.caller.hang_up()
    record = await priced.controller.ended_call(talk.call_id)
    characters = len(GREETING) + len("One moment.")
    assert costs(record) == {
        "telephony": 0.4,
        "transfer_leg": 7.0,
        "speech_to_text": 0.58,
        "text_to_speech": float(15 * Decimal(characters) / 1000),
    }
    for name in ("call_ended", "call_analyzed"):
        told = await priced.events.event(name, call_id=talk.call_id)
        assert told.json["call"]["call_cost"] == record["call_cost"]
    assert record["call_cost"]["total_duration_seconds"] == -(-record["duration_ms"] // 1000)


async def test_a_limit_of_cost_refuses_the_next_call_while_one_goes_on_and_afterwards(priced: Stage) -> None:
    async with trunk(priced, answers(talk_ms=1500), dial_policy={"cost_per_day_cents": 100}) as line:

        async def refused(status: int, to_number: str = TO_NUMBER) -> str:
            body = {"from_number": line.number, "to_number": to_number}
            reply = await priced.controller.post("/v2/create-phone-call", body, expect=status)
            return str(reply.json["message"])

        assert f"what +4930123456 costs is not known, and the dial_policy of phone number {line.number} limits" in (
            await refused(400, "+4930123456")
        )
        call_id = (await line.call())["call_id"]
        await priced.begun(call_id)
        why = (
            f"the calls of the last 24 hours cost 100.00 cents, and the dial_policy of phone number {line.number} "
            "allows 100.00: try again later, or raise its cost_per_day_cents"
        )
        assert await refused(429) == why
        record = await priced.controller.ended_call(call_id)
        assert costs(record) == {"telephony": 100.0}
        assert await refused(429) == why
        await line.far_end.done()
        assert len(line.far_end.received("INVITE")) == 1
    counted = (await priced.controller.metrics())['ari_agent_dials_refused_total{rule="cost_per_day_cents"}']
    assert counted == 3
    today = datetime.now(UTC).date()
    days = f"from={today - timedelta(1)}&to={today + timedelta(1)}&group_by=number"
    summary = (await priced.controller.get(f"/v2/cost-summary?{days}")).json
    [of_number] = [group for group in summary["groups"] if group["number"] == line.number]
    assert (of_number["calls"], of_number["combined_cost"]) == (1, 100.0)
    assert (await priced.controller.request("DELETE", f"/v2/delete-call/{call_id}")).status == 204
    assert await refused(429) == why
