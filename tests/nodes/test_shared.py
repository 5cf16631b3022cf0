"""What controllers on one PostgreSQL share, with two stores as two controllers have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ari_agent.calls.registrar import Registrar
from ari_agent.contract.phone_number import PhoneNumberUpdate
from ari_agent.contract.registered_call import PhoneCallRegister
from ari_agent.errors import UnknownCall
from ari_agent.ids import new_call_id
from ari_agent.store.store import Store
from tests.nodes.conftest import opened
from tests.store.samples import a_call, a_number, an_agent

NOW_MS = 1_760_000_000_000


@pytest.fixture
async def other_store(shared_url: str) -> AsyncIterator[Store]:
    async with opened(shared_url) as store:
        yield store


async def test_of_a_registered_call_that_two_take_at_once_one_has_it(shared_store: Store, other_store: Store) -> None:
    shared_store.node_id, other_store.node_id = 1, 2
    one, two = (
        Registrar(store, new_call_id=new_call_id, now_ms=lambda: NOW_MS) for store in (shared_store, other_store)
    )
    agent = await shared_store.agents.create(an_agent())
    for _ in range(10):
        call = await one.register_phone_call(PhoneCallRegister(agent_id=agent.agent_id))
        assert await other_store.calls.holder(call.call_id) is None, "whoever is dialled may take it"
        taken = await asyncio.gather(one.take(call.call_id), two.take(call.call_id))
        assert sum(each is not None for each in taken) == 1


async def test_a_call_is_in_the_hand_of_who_saves_it_until_it_is_over(shared_store: Store, other_store: Store) -> None:
    shared_store.node_id = 7
    await shared_store.calls.save(a_call("call_1", call_status="ongoing"))
    await other_store.calls.save(a_call("call_2", call_status="ongoing"))
    assert await other_store.calls.holder("call_1") == 7
    assert await shared_store.calls.holder("call_2") is None, "of a version that knows of no nodes"
    await shared_store.calls.save(a_call("call_1", call_status="ended", disconnection_reason="user_hangup"))
    assert await other_store.calls.holder("call_1") is None
    with pytest.raises(UnknownCall):
        await other_store.calls.holder("call_3")


async def test_agents_and_numbers_that_one_changes_are_what_the_other_reads_next(
    shared_store: Store, other_store: Store
) -> None:
    agent = await shared_store.agents.create(an_agent())
    assert await other_store.agents.get(agent.agent_id) == agent
    number = await shared_store.phone_numbers.create(a_number("+14155550100"))
    await other_store.phone_numbers.update(number.phone_number, PhoneNumberUpdate(nickname="desk"))
    found = await shared_store.phone_numbers.get(number.phone_number)
    assert found is not None and found.nickname == "desk"
