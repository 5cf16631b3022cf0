"""The same idempotency key places no second call: not at once, not after a restart; for an hour."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.errors import UnknownCall
from ari_agent.store.store import Store
from tests.store.samples import a_call

NOW_MS = 1_760_000_000_000
SINCE_MS = NOW_MS - 3_600_000


async def test_a_key_answers_its_first_call(store: Store) -> None:
    assert await store.placed.find("key", since_ms=SINCE_MS) is None
    assert await store.placed.save("key", a_call("call_1"), since_ms=SINCE_MS, now_ms=NOW_MS) is None
    earlier = await store.placed.save("key", a_call("call_2"), since_ms=SINCE_MS, now_ms=NOW_MS)
    assert earlier == a_call("call_1")
    assert await store.calls.get("call_2") is None
    assert await store.placed.save("other", a_call("call_3"), since_ms=SINCE_MS, now_ms=NOW_MS) is None


async def test_of_many_at_once_one_is_placed(store: Store) -> None:
    saved = await asyncio.gather(
        *(store.placed.save("key", a_call(f"call_{number}"), since_ms=SINCE_MS, now_ms=NOW_MS) for number in range(20))
    )
    assert saved.count(None) == 1
    assert len({call.call_id for call in saved if call}) == 1
    assert await store.calls.count() == 1


async def test_a_key_whose_record_was_deleted_places_no_second_call(store: Store) -> None:
    await store.placed.save("key", a_call("call_1"), since_ms=SINCE_MS, now_ms=NOW_MS)
    assert await store.calls.delete("call_1")
    with pytest.raises(UnknownCall, match="call_1"):
        await store.placed.find("key", since_ms=SINCE_MS)
    with pytest.raises(UnknownCall, match="call_1"):
        await store.placed.save("key", a_call("call_2"), since_ms=SINCE_MS, now_ms=NOW_MS)
    assert await store.calls.count() == 0


async def test_two_controllers_place_one_call(store: Store, database_url: str) -> None:
    other = Store(database_url)
    await other.open()
    saved = await asyncio.gather(
        *(
            each.placed.save(f"key {number // 2}", a_call(f"call_{number}"), since_ms=SINCE_MS, now_ms=NOW_MS)
            for number, each in enumerate([store, other] * 10)
        )
    )
    await other.close()
    assert saved.count(None) == 10
    assert await store.calls.count() == 10


async def test_a_key_is_forgotten_after_its_time(store: Store) -> None:
    await store.placed.save("key", a_call("call_1"), since_ms=SINCE_MS, now_ms=NOW_MS)
    later_ms = NOW_MS + 3_600_001
    assert await store.placed.find("key", since_ms=later_ms - 3_600_000) is None
    assert await store.placed.save("key", a_call("call_2"), since_ms=later_ms - 3_600_000, now_ms=later_ms) is None


async def test_a_key_survives_a_restart(store: Store, database_url: str) -> None:
    await store.placed.save("key", a_call("call_1"), since_ms=SINCE_MS, now_ms=NOW_MS)
    await store.close()
    again = Store(database_url)
    await again.open()
    assert await again.placed.find("key", since_ms=SINCE_MS) == a_call("call_1")
    await again.close()
