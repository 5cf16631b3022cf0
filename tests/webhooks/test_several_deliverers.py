"""Three nodes deliver from one outbox, and one of them is killed: nothing is lost, and nothing comes out of order."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.webhooks.delivery import MAX_IN_FLIGHT_PER_RECEIVER
from tests.fakes.preloaded import run_and_read
from tests.store.samples import a_call
from tests.store.several_nodes import bury, joined
from tests.webhooks.deliverer import an_event, delivering, until_settled
from tests.webhooks.receiver import Receiver

CALLS = 50
EVENTS = (WebhookEventName.CALL_STARTED, WebhookEventName.CALL_ENDED, WebhookEventName.CALL_ANALYZED)


async def test_three_nodes_tell_all_of_each_call_in_order_and_twice_only_what_a_killed_one_had_on_its_way(
    shared_url: str,
) -> None:
    async with Receiver() as receiver, joined(shared_url) as one, joined(shared_url) as other:
        for number in range(CALLS):
            call_id = f"call_{number}"
            events = [an_event(receiver.url, call_id, name) for name in EVENTS]
            await one.calls.save(a_call(call_id), events)
        process, printed = await run_and_read("tests.webhooks.delivering_node", shared_url)
        dead = int(await printed.readline())
        await receiver.wait_for(20)
        async with delivering(one.outbox, poll_s=0.05), delivering(other.outbox, poll_s=0.05):
            await receiver.wait_for(50)
            process.kill()
            await process.wait()
            await asyncio.sleep(0.2)  # the claims of the dead count until somebody finds it dead
            await bury(one, dead)
            await until_settled(one)
    told: dict[str, list[str]] = defaultdict(list)
    for arrival in receiver.arrivals:
        order, event = told[arrival.document["call"]["call_id"]], arrival.document["event"]
        if event not in order:
            order.append(event)
    assert dict(told) == {f"call_{number}": list(EVENTS) for number in range(CALLS)}
    times = Counter(arrival.headers["x-ari-agent-delivery"] for arrival in receiver.arrivals)
    assert len(times) == CALLS * len(EVENTS)
    assert max(times.values()) <= 2
    assert sum(times.values()) - len(times) <= MAX_IN_FLIGHT_PER_RECEIVER
