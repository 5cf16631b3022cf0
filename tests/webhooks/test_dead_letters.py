"""Dead letters: they outlive the process and are sent again as they were, with a signature of their own."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from ari_agent.store.store import Store
from ari_agent.webhooks import signature
from tests.store.samples import a_call
from tests.webhooks.deliverer import an_event, delivering, until_settled
from tests.webhooks.receiver import Arrival, Receiver

HEADER = signature.HEADER.lower()


async def test_a_replayed_dead_letter_is_delivered(store: Store) -> None:
    async def fail_four_times(_: Arrival) -> web.StreamResponse:
        return web.Response(status=500 if len(receiver.arrivals) <= 4 else 200)

    async with Receiver(fail_four_times) as receiver, delivering(store.outbox):
        await store.calls.save(a_call(), [an_event(receiver.url)])
        await until_settled(store)
        (letter,) = await store.outbox.dead_letters()
        await store.outbox.replay(letter.outbox_id)
        await receiver.wait_for(5)
        await until_settled(store)
    assert await store.outbox.dead_count() == 0


async def test_after_a_restart_it_is_the_same_event_signed_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"

    async def refuse_at_first(_: Arrival) -> web.StreamResponse:
        return web.Response(status=500 if len(receiver.arrivals) == 1 else 200)

    async with Receiver(refuse_at_first) as receiver:
        before = Store(url)
        await before.open()
        async with delivering(before.outbox, retry_after_s=()):
            await before.calls.save(a_call(), [an_event(receiver.url)])
            await until_settled(before)
        (letter,) = await before.outbox.dead_letters()
        await before.close()

        after = Store(url)
        await after.open()
        assert [same.outbox_id for same in await after.outbox.dead_letters()] == [letter.outbox_id]
        assert await after.outbox.replay(letter.outbox_id)
        (queued,) = await after.outbox.due(2**50, 10)
        assert (queued.outbox_id, queued.event) == (letter.outbox_id, letter.event)
        async with delivering(after.outbox):
            await until_settled(after)
        assert await after.outbox.dead_count() == 0
        await after.close()
    first, second = receiver.arrivals
    assert first.body == second.body
    assert second.is_signed
    signed_ms = [int(arrival.headers[HEADER].removeprefix("v=").partition(",")[0]) for arrival in receiver.arrivals]
    assert signed_ms[0] < signed_ms[1]
