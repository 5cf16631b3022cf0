"""Registered calls wait in the database; each is taken once, or ended once, whoever asks from wherever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import update

from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call
from ari_agent.contract.registered_call import AudioFormat, Registration
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.errors import StoreError
from ari_agent.store.store import Store
from ari_agent.store.tables import registrations
from tests.store.samples import a_call, an_agent, an_event

NOW_MS = 1_760_000_000_000
LATER_MS = NOW_MS + 300_000


def a_registration(call_id: str = "call_1", *, expires_ms: int = LATER_MS, **fields: Any) -> Registration:
    """A call to the agent of the samples."""
    agent = Agent.model_validate(
        {**an_agent().changes(), "agent_id": "agent_1", "version": 3, "last_modification_timestamp": NOW_MS}
    )
    return Registration(call_id=call_id, agent=agent, expires_ms=expires_ms, **fields)


def registered(call_id: str = "call_1") -> Call:
    return a_call(call_id, call_status="registered", start_timestamp=None)


@pytest.fixture
async def other(store: Store, database_url: str) -> AsyncIterator[Store]:
    """The same database, as another controller has it. `store` comes first: it makes the tables."""
    opened = Store(database_url)
    await opened.open()
    yield opened
    await opened.close()


async def test_what_is_saved_is_taken_as_it_was_and_once(store: Store) -> None:
    audio = AudioFormat(audio_websocket_protocol="twilio", audio_encoding="s16le", sample_rate=44_100)
    saved = a_registration(audio=audio, end_call_after_silence_ms=10_000)
    await store.registrations.save(saved, registered())
    assert await store.calls.get("call_1") == registered()
    assert await store.registrations.waiting() == {"call_1"}
    assert await store.registrations.next_expiry_ms() == LATER_MS
    assert await store.registrations.take("call_1", now_ms=NOW_MS) == saved
    assert await store.registrations.take("call_1", now_ms=NOW_MS) is None
    assert await store.registrations.waiting() == frozenset()
    assert await store.registrations.next_expiry_ms() is None


async def test_what_a_call_changes_of_its_agents_prompt_is_taken_with_it(store: Store) -> None:
    engine = RetellLlmEngine(type="retell-llm", llm_id="llm_1", override={"s2s_model": "gpt-realtime"})
    plain = a_registration()
    saved = plain.model_copy(
        update={"agent": plain.agent.model_copy(update={"response_engine": engine, "voice_id": "none"})}
    )
    await store.registrations.save(saved, registered())
    taken = await store.registrations.take("call_1", now_ms=NOW_MS)
    assert taken == saved
    assert taken.agent.response_engine == engine


async def test_nobody_takes_what_was_never_registered(store: Store) -> None:
    for call_id in ("call_1", "", "call_\0", "call_\ud800", "x" * 10_000):
        assert await store.registrations.take(call_id, now_ms=NOW_MS) is None


async def test_it_can_be_taken_up_to_the_last_millisecond(store: Store) -> None:
    await store.registrations.save(a_registration(), registered())
    assert await store.registrations.take("call_1", now_ms=LATER_MS) is None
    assert await store.registrations.overdue(now_ms=LATER_MS - 1) == []
    assert await store.registrations.take("call_1", now_ms=LATER_MS - 1) is not None


async def test_of_two_controllers_exactly_one_takes_each_call(store: Store, other: Store) -> None:
    call_ids = [f"call_{number}" for number in range(25)]
    for call_id in call_ids:
        await store.registrations.save(a_registration(call_id), registered(call_id))
    attempts = [(call_id, racer) for call_id in call_ids for racer in (store, other, store, other)]
    taken = await asyncio.gather(*(racer.registrations.take(call_id, now_ms=NOW_MS) for call_id, racer in attempts))
    assert sorted(won.call_id for won in taken if won) == sorted(call_ids)


async def test_a_call_is_either_taken_or_ended(store: Store, other: Store) -> None:
    for number in range(25):
        call_id = f"call_{number}"
        await store.registrations.save(a_registration(call_id), registered(call_id))
        last = a_call(call_id, call_status="error", disconnection_reason="registered_call_timeout")
        taken, ended = await asyncio.gather(
            store.registrations.take(call_id, now_ms=NOW_MS), other.registrations.expire(last, [an_event(call_id)])
        )
        assert (taken is None) is ended
        stored = await store.calls.get(call_id)
        assert stored
        assert (stored.disconnection_reason is None) is not ended


async def test_of_two_controllers_one_ends_an_overdue_call(store: Store, other: Store) -> None:
    await store.registrations.save(a_registration(), registered())
    done = await asyncio.gather(
        *(racer.registrations.expire(registered(), [an_event()]) for racer in (store, other, store, other))
    )
    assert done.count(True) == 1


async def test_the_overdue_come_in_order(store: Store) -> None:
    for number in (3, 1, 2):
        call_id = f"call_{number}"
        await store.registrations.save(a_registration(call_id, expires_ms=NOW_MS + number), registered(call_id))
    overdue = await store.registrations.overdue(now_ms=NOW_MS + 2)
    assert [found.call_id for found in overdue] == ["call_1", "call_2"]
    assert [found.registration for found in overdue] == [
        a_registration("call_1", expires_ms=NOW_MS + 1),
        a_registration("call_2", expires_ms=NOW_MS + 2),
    ]
    assert len(await store.registrations.overdue(now_ms=NOW_MS + 9, limit=1)) == 1


async def test_a_call_that_is_given_back_can_be_taken_again(store: Store) -> None:
    await store.registrations.save(a_registration(), registered())
    taken = await store.registrations.take("call_1", now_ms=NOW_MS)
    assert taken
    await store.registrations.give_back(taken)
    assert await store.registrations.take("call_1", now_ms=NOW_MS) == taken


async def test_what_cannot_be_read_is_not_taken_and_keeps_nobody_from_being_ended(store: Store) -> None:
    await store.registrations.save(a_registration("call_1"), registered("call_1"))
    await store.registrations.save(a_registration("call_2"), registered("call_2"))
    spoil = update(registrations).where(registrations.c.call_id == "call_1").values(document='{"call_id":"call_1"}')
    await store._database.write(lambda connection: connection.execute(spoil).rowcount)
    with pytest.raises(StoreError, match="call_1 cannot be read: agent"):
        await store.registrations.take("call_1", now_ms=NOW_MS)
    assert await store.registrations.waiting() == {"call_1", "call_2"}
    overdue = await store.registrations.overdue(now_ms=LATER_MS)
    assert [(found.call_id, found.registration is None) for found in overdue] == [("call_1", True), ("call_2", False)]


async def test_a_registration_outlives_its_controller(store: Store, database_url: str) -> None:
    await store.registrations.save(a_registration(), registered())
    await store.close()
    again = Store(database_url)
    await again.open()
    assert await again.registrations.take("call_1", now_ms=NOW_MS) == a_registration()
    await again.close()


async def test_a_deleted_call_leaves_no_registration(store: Store) -> None:
    await store.registrations.save(a_registration(), registered())
    await store.registrations.forget("call_1")
    assert await store.registrations.waiting() == frozenset()
