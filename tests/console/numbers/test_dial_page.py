""" "What if I dialled": the verdicts, ways, prices and limits of real calls, and nothing is dialled or counted."""

from __future__ import annotations

from html import unescape

import pytest

from ari_agent.contract.dial_policy import DialPolicy
from tests.console.conftest import READ_ONLY_KEY, Browser, a_call, log_in
from tests.console.number_desk import NUMBER, NumberDesk, weights
from tests.console.numbers.test_number_page import words


async def told(browser: Browser, **query: str) -> str:
    answer = await browser.get("/console/dial", params={"from": NUMBER, **query})
    assert answer.status == 200
    return unescape(words(await answer.text()))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"to": "+14155550199"}, "It may be dialled by Ada"),
        ({"to": "+14155550199"}, "sip:+14155550199@sip.example.com;transport=tcp PJSIP/+14155550199@ari_agent-trunk-1"),
        ({"to": "+14155550199"}, "PJSIP/+14155550199@ari_agent-trunk-14155550100-2"),
        ({"to": "+14155550199"}, "Price 0.85 cents a minute"),
        ({"to": "+14155550199"}, "Read as +14155550199, fixed_line or mobile, in US"),
        ({"to": "+4930123456"}, "Refused by countries : phone number +14155550100 may not reach +4930123456 in DE"),
        ({"to": "+4930123456"}, "Price not known: ARI_AGENT_PRICES has none for it"),
        ({"to": "*6714155550123"}, "not '*6714155550123'"),
        ({"to": "sip:bob@h"}, "to_number: must be a number such as"),
        ({"to": "200", "kind": "transfer"}, "the dialplan decides Local/200@phones/n"),
        ({"to": "200", "kind": "transfer"}, "Price nothing: it stays inside the PBX"),
        ({"to": "+1 (415) 555-0199", "kind": "transfer"}, "Dialled as +14155550199"),
        ({"to": "sip:bob@sip.example.com", "kind": "transfer"}, "PJSIP/bob@ari_agent-trunk-14155550100"),
        ({"to": "sip:bob@elsewhere.example", "kind": "transfer"}, "Refused by countries"),
        ({"to": "{{x}}", "kind": "transfer"}, "write whom to dial, without variables"),
        ({"to": "+14155550199", "agent": "agent_none"}, "agent agent_none not found"),
        ({"to": "+14155550199", "from": "+1999"}, "phone number +1999 not found"),
        ({"to": "+14155550199", "from": "200"}, "200 has no trunk"),
        ({"to": "+14155550199", "from": "", "kind": "transfer"}, "import the number with a termination_uri"),
    ],
)
async def test_what_would_happen_is_told(browser: Browser, desk: NumberDesk, query: dict[str, str], said: str) -> None:
    await desk.number(
        outbound_agents=weights(await desk.agent("Ada")),
        termination_uris=["backup.example.com"],
        dial_policy={"countries": ["US"]},
    )
    extension = await desk.number("200")
    await desk.store.phone_numbers.delete("200")
    await desk.store.phone_numbers.create(extension.model_copy(update={"sip_outbound_trunk_config": None}))
    assert said in await told(browser, **query)
    assert desk.rules.refusals == {}


async def test_each_agent_of_the_number_has_its_own_say(browser: Browser, desk: NumberDesk) -> None:
    ada, bob = await desk.agent("Ada"), await desk.agent("Bob", dial_policy={"countries": ["US"]})
    eve = await desk.agent("Eve")
    await desk.number(outbound_agents=weights(ada, bob), inbound_agents=weights(eve))
    page = await told(browser, to="+4930123456")
    assert "It may be dialled by Ada" in page
    assert "Refused by countries : agent" in page and "add the country there by Bob" in page
    assert "by Ada, Eve" in await told(browser, to="+4930123456", kind="transfer")
    page = await told(browser, to="+4930123456", agent=bob)
    assert "It may be dialled" not in page


async def test_limits_are_told_with_what_is_used_up(browser: Browser, desk: NumberDesk) -> None:
    await desk.number(
        outbound_agents=weights(await desk.agent("Ada")), dial_policy={"calls_per_day": 3, "cost_per_day_cents": 1}
    )
    cost = {"combined_cost": 0.85, "total_duration_seconds": 60, "total_duration_unit_price": 1, "product_costs": []}
    await desk.store.calls.save(a_call(direction="outbound", from_number=NUMBER, call_cost=cost))
    page = await told(browser, to="+14155550199")
    assert "It may be dialled" in page
    assert f"calls_per_day 1 of 3 the dial_policy of phone number {NUMBER}" in page
    assert f"cost_per_day_cents 0.85 of 1 the dial_policy of phone number {NUMBER}" in page
    await desk.store.calls.save(a_call("call_2", direction="outbound", from_number=NUMBER, call_cost=cost))
    assert "Refused by cost_per_day_cents : the calls of the last 24 hours cost 1.70 cents" in await told(
        browser, to="+14155550199"
    )
    assert desk.rules.refusals == {}


async def test_at_most_twenty_agents_are_asked(browser: Browser, desk: NumberDesk) -> None:
    agents = [await desk.agent(f"Agent {number}") for number in range(25)]
    await desk.number(outbound_agents=weights(*agents))
    assert "5 more agents of the number were not asked" in await told(browser, to="+14155550199")


@pytest.mark.parametrize("text", ["x" * 1500, "\0", "'; DROP TABLE calls; --", "<script>alert(1)</script>", "\uff05"])
async def test_hostile_input_is_bounded_and_refused_in_words(browser: Browser, desk: NumberDesk, text: str) -> None:
    await desk.number()
    for name in ("to", "from", "agent", "kind"):
        query = {"to": "+14155550199", **{name: text}}
        answer = await browser.get("/console/dial", params={"from": NUMBER, **query})
        assert answer.status == 200
        page = await answer.text()
        assert len(page) < 10_000
        assert "<script>alert" not in page


async def test_whoever_may_only_look_may_ask_as_well(stranger: Browser, desk: NumberDesk) -> None:
    await desk.number()
    await log_in(stranger, READ_ONLY_KEY)
    assert "It may be dialled" in await told(stranger, to="+14155550199")
    assert "What if I dialled" in await told(stranger)


async def test_the_workspace_decides_where_no_number_is_named(browser: Browser, desk: NumberDesk) -> None:
    assert desk.policy == DialPolicy()
    page = await told(browser, to="+88213123456", kind="transfer", **{"from": ""})
    assert "Refused by number_types : the workspace (ARI_AGENT_DIAL_POLICY)" in page
