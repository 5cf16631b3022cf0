"""The limits of the dial policy, held against the records of calls: over restarts, and by requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.calls.batch_scheduler import BatchScheduler
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.batch_call import BatchCallCreate
from ari_agent.contract.call import Call
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.phone_call import PhoneCallCreate
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.contract.price_table import PriceTable
from ari_agent.routing.dial_policy import Dial, DialLimitReached, DialRefused, DialRule, DialRules
from ari_agent.store.store import Store
from tests.api.lines import Lines, originator

pytestmark = pytest.mark.slow

NOW_MS = 1_800_000_000_000  # a Friday, 08:00 UTC
FROM, TO = "+14155550100", "+14155550199"
MINUTE_MS, DAY_MS = 60_000, 86_400_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(f"sqlite+aiosqlite:///{tmp_path}/calls.db", now_ms=lambda: NOW_MS)
    await made.open()
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9300/"}
    agent = await made.agents.create(AgentCreate.model_validate({"response_engine": engine}))
    number = {
        "phone_number": FROM,
        "termination_uri": "sip.example.com",
        "outbound_agents": [{"agent_id": agent.agent_id, "weight": 1}],
    }
    await made.phone_numbers.create(PhoneNumberImport.model_validate(number).number(now_ms=NOW_MS))
    yield made
    await made.close()


def request() -> PhoneCallCreate:
    return PhoneCallCreate.model_validate({"from_number": FROM, "to_number": TO})


async def test_of_requests_at_once_as_many_are_placed_as_the_limit_allows(store: Store) -> None:
    lines = Lines()
    placing = originator(store, lines, Slots(100), now_ms=NOW_MS, dial_policy=DialPolicy(calls_per_minute=3))
    answers = await asyncio.gather(*(placing.place(request()) for _ in range(10)), return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, Call)]) == 3
    refused = {str(answer) for answer in answers if isinstance(answer, DialLimitReached)}
    assert refused == {
        "3 calls were placed within 60 s, and the workspace's dial policy (ARI_AGENT_DIAL_POLICY) allows 3: "
        "try again later, or raise its calls_per_minute"
    }
    assert len(lines.orders) == await store.calls.count() == 3
    await lines.hang_up_all()


@pytest.mark.parametrize(("limit", "within_ms"), [("calls_per_minute", MINUTE_MS), ("calls_per_day", DAY_MS)])
async def test_a_limit_holds_over_a_restart_and_until_its_time_is_over(
    store: Store, limit: str, within_ms: int
) -> None:
    lines, policy = Lines(), DialPolicy.model_validate({limit: 1})
    await originator(store, lines, Slots(100), now_ms=NOW_MS, dial_policy=policy).place(request())
    later = NOW_MS + within_ms
    restarted = originator(store, lines, Slots(100), now_ms=later, dial_policy=policy)
    with pytest.raises(DialLimitReached, match=limit):
        await restarted.place(request())
    guard = DialGuard(DialRules(policy), store, now_ms=lambda: later + 1)
    await guard.check(Dial(TO))
    await lines.hang_up_all()


async def test_what_a_limit_refuses_is_counted_and_leaves_no_record(store: Store) -> None:
    rules = DialRules(DialPolicy(calls_per_day=0))
    guard = DialGuard(rules, store, now_ms=lambda: NOW_MS)
    with pytest.raises(DialLimitReached):
        async with guard.admitting(Dial(TO)):
            raise AssertionError
    assert rules.refusals == {DialRule.CALLS_PER_DAY: 1}


async def test_while_the_database_is_away_a_limit_lets_nobody_be_dialled(tmp_path: Path) -> None:
    away = Store(f"sqlite+aiosqlite:///{tmp_path}/nowhere/calls.db")
    unlimited = DialGuard(DialRules(), away, now_ms=lambda: NOW_MS)
    await unlimited.check(Dial(TO))
    limited = DialGuard(DialRules(DialPolicy(calls_per_day=5)), away, now_ms=lambda: NOW_MS)
    with pytest.raises(DialLimitReached, match="how many calls were placed is not known"):
        await limited.check(Dial(TO))
    await away.close()


PRICES = PriceTable.model_validate(
    {
        "telephony": [{"prefix": "+1", "cents_per_minute": 60}],
        "transfer_leg": [{"prefix": "+49", "cents_per_minute": 6}],
    }
)
COST = {"combined_cost": 30, "total_duration_seconds": 30, "total_duration_unit_price": 1}


def outbound(call_id: str, **fields: object) -> Call:
    """A call that we placed, and that was answered 30 s ago."""
    plain = {"call_id": call_id, "agent_id": "agent_1", "call_status": "ongoing", "start_timestamp": NOW_MS - 30_000}
    line = {"direction": "outbound", "from_number": FROM, "to_number": TO, "telephony_identifier": {"sip_call_id": "a"}}
    return Call.model_validate({**plain, **line, **fields})


def priced_guard(store: Store, *, prices: PriceTable | None = PRICES, **policy: float) -> DialGuard:
    """A guard whose workspace has this policy."""
    rules = DialRules(DialPolicy.model_validate(policy))
    return DialGuard(rules, store, now_ms=lambda: NOW_MS, prices=prices)


async def test_what_ended_calls_have_cost_and_live_ones_cost_so_far_is_held_against_the_limit(store: Store) -> None:
    await store.calls.save(outbound("call_1", call_status="ended", call_cost=COST))
    await store.calls.save(outbound("call_2"))  # 30 s: 30 cents
    sip = [{"event": "200", "leg": "target", "timestamp": NOW_MS - 10_000}]
    await store.calls.save(outbound("call_3", sip=sip, transfer_destination="+4930123456"))  # 1 cent more
    await store.calls.save(outbound("call_4", call_status="ended", call_cost=COST, start_timestamp=NOW_MS - 2 * DAY_MS))
    await priced_guard(store, cost_per_day_cents=91.1).check(Dial(TO))
    guard = priced_guard(store, cost_per_day_cents=91)
    with pytest.raises(DialLimitReached) as caught:
        await guard.check(Dial(TO))
    assert str(caught.value) == (
        "the calls of the last 24 hours cost 91.00 cents, and the workspace's dial policy (ARI_AGENT_DIAL_POLICY) "
        "allows 91.00: try again later, or raise its cost_per_day_cents"
    )
    assert guard.rules.refusals == {DialRule.COST_PER_DAY_CENTS: 1}
    await guard.check(Dial("200", transfers=0))  # inside the PBX it costs nothing


@pytest.mark.parametrize(("scope", "whose"), [("number", "phone number"), ("agent", "agent")])
async def test_a_number_and_an_agent_have_limits_of_cost_of_their_own(store: Store, scope: str, whose: str) -> None:
    [agent], [number] = (await store.agents.list()).agents, (await store.phone_numbers.list()).phone_numbers
    limit = {"dial_policy": DialPolicy(cost_per_day_cents=30)}
    of_number, of_agent = Dial(TO, number.model_copy(update=limit)), Dial(TO, None, agent.model_copy(update=limit))
    dial = of_number if scope == "number" else of_agent
    guard = priced_guard(store)
    await store.calls.save(outbound("call_1", from_number="+14155550177"))
    await guard.check(dial)  # it is another's
    await store.calls.save(outbound("call_2", agent_id=agent.agent_id))
    with pytest.raises(DialLimitReached, match=f"the dial_policy of {whose} .* allows 30.00"):
        await guard.check(dial)


@pytest.mark.parametrize(
    ("to", "prices", "why"),
    [
        (TO, None, "what calls cost is not known, and the workspace's dial policy .* set ARI_AGENT_PRICES"),
        ("+4930123456", PRICES, "what .4930123456 costs is not known, .* add a price for it to ARI_AGENT_PRICES"),
        ("sip:bob@example.com", PRICES, "what sip:bob@example.com costs is not known"),
    ],
)
async def test_where_a_price_is_not_known_a_limit_of_cost_refuses(
    store: Store, to: str, prices: PriceTable | None, why: str
) -> None:
    guard = priced_guard(store, prices=prices, cost_per_day_cents=5)
    with pytest.raises(DialRefused, match=why):
        async with guard.admitting(Dial(to)):
            raise AssertionError
    await priced_guard(store, prices=prices).check(Dial(to))  # without a limit, nobody asks


async def test_a_transfer_is_priced_as_a_transfer(store: Store) -> None:
    guard = priced_guard(store, cost_per_day_cents=5)
    await guard.check(Dial("+4930123456", transfers=0))
    with pytest.raises(DialRefused, match="costs is not known"):
        await guard.check(Dial(TO, transfers=0))


async def test_while_the_database_is_away_a_limit_of_cost_lets_nobody_be_dialled(tmp_path: Path) -> None:
    away = Store(f"sqlite+aiosqlite:///{tmp_path}/nowhere/calls.db")
    with pytest.raises(DialLimitReached, match=r"what calls have cost is not known, .* limits cost_per_day_cents"):
        await priced_guard(away, cost_per_day_cents=5).check(Dial(TO))
    await away.close()


async def test_a_batch_waits_at_a_limit_and_loses_no_task(store: Store) -> None:
    lines, slots = Lines(), Slots(100)
    clock = [NOW_MS]
    placing = originator(store, lines, slots, now_ms=NOW_MS, dial_policy=DialPolicy(calls_per_minute=2))
    placing._dial_guard = DialGuard(DialRules(DialPolicy(calls_per_minute=2)), store, now_ms=lambda: clock[0])
    scheduler = BatchScheduler(
        store=store,
        originator=placing,
        slots=slots,
        calls_per_second=100,
        new_batch_id=lambda: "batch_call_1",
        now_ms=lambda: clock[0],
        pause=lambda _: asyncio.sleep(0),
    )
    tasks = [{"to_number": TO}] * 3
    await scheduler.create(BatchCallCreate.model_validate({"from_number": FROM, "tasks": tasks}))
    await scheduler._round()
    await scheduler._round()
    await scheduler._round()
    assert await store.calls.count() == 2
    assert await store.batches.next_due_ms() == NOW_MS + 1000
    assert await store.batches.due(NOW_MS) == []
    clock[0] += MINUTE_MS + 1
    await scheduler._round()
    assert await store.calls.count() == 3
    assert {call.call_status for call in (await store.calls.list()).calls} == {"registered"}
    await lines.hang_up_all()
