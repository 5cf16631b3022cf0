"""Several controllers on one PostgreSQL share one pool of concurrency slots."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from ari_agent.calls import shared_slots
from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.contract.slot_rules import SlotUsage
from ari_agent.errors import ConcurrencyLimitReached
from ari_agent.store import slot_rows, slot_session
from ari_agent.store.database import Database
from ari_agent.store.tables import nodes, slots
from tests.calls.shared_pools import Member, join, members, rows, until_rows, until_waiting
from tests.fakes.preloaded import run_and_read
from tests.fakes.tcp_relay import TcpRelay


@pytest.fixture
async def database(shared_url: str) -> AsyncIterator[Database]:
    """Somebody beside the nodes, who may do as those do that find dead ones."""
    made = Database(shared_url)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is told of the pool is what it is now."""
    monkeypatch.setattr(shared_slots, "_AGAIN_S", 0.02)
    monkeypatch.setattr(shared_slots, "_FRESH_S", 0.0)
    monkeypatch.setattr(slot_session, "_AGAIN_S", 0.02)


async def test_three_nodes_together_never_use_more_than_the_limit_and_lose_none(shared_url: str) -> None:
    dice, held, most, served = random.Random(7), 0, 0, 0

    async def call(pool: SharedSlots, number: int) -> None:
        nonlocal held, most, served
        slot = pool.inbound() if number % 4 else pool.outbound()
        hangs_up_s = dice.random() / 20 if number % 4 == 3 else 60.0
        with contextlib.suppress(ConcurrencyLimitReached, TimeoutError):
            async with asyncio.timeout(hangs_up_s), slot:
                held += 1
                most = max(most, held)
                try:
                    await asyncio.sleep(dice.random() / 50)
                    served += 1
                finally:
                    held -= 1

    async with members(shared_url, 5, 5, 5) as pools:
        await asyncio.gather(*(call(pools[number % 3], number) for number in range(150)))
        assert (most, held, await rows(shared_url)) == (5, 0, [])
        assert served >= 75  # those inbound ones that do not hang up


async def test_callers_of_all_nodes_are_served_in_the_order_in_which_they_came(shared_url: str) -> None:
    order: list[int] = []

    async def caller(pool: SharedSlots, number: int) -> None:
        async with pool.inbound(f"call {number}"):
            order.append(number)
            await asyncio.sleep(0.01)

    async with members(shared_url, 1, 1, 1) as pools, asyncio.TaskGroup() as group, pools[0].inbound():
        for number in range(9):
            group.create_task(caller(pools[number % 3], number))
            await until_waiting(shared_url, number + 1)
        assert await pools[1].usage() == SlotUsage(1, waiting=9)
    assert order == list(range(9))


async def test_nobody_overtakes_a_caller_of_another_node_while_that_is_heard_of(
    shared_url: str, database: Database
) -> None:
    now_ms = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1000, sa.BigInteger)
    waits = sa.insert(slots).values(node_id=9, call_id="theirs", kind="inbound", is_waiting=True)
    async with members(shared_url, 1) as (pool,):
        await database.run(waits.values(asked_ms=now_ms + 60_000))
        with pytest.raises(ConcurrencyLimitReached, match="1 of 1 calls"):
            async with pool.outbound():
                pytest.fail("it was their turn")
        with pytest.raises(TimeoutError):
            async with pool.inbound(wait_s=0.1):
                pytest.fail("it was their turn")
        await database.run(sa.update(slots).values(asked_ms=now_ms - 1900))
        async with pool.inbound(wait_s=30):
            assert (await rows(shared_url))[0][1] == "theirs"


async def test_a_slot_given_back_is_told_to_the_callers_and_batches_of_other_nodes(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_slots, "LOOK_EACH_S", 60.0)
    async with members(shared_url, 1, 1) as (here, there), asyncio.TaskGroup() as group:
        async with here.outbound():
            caller = group.create_task(there.inbound().__aenter__())
            await until_waiting(shared_url, 1)
            batch = group.create_task(there.freed())
            await asyncio.sleep(0.05)
            assert not caller.done()
            assert not batch.done()
        async with asyncio.timeout(30):
            await asyncio.gather(caller, batch)


async def test_a_slot_of_which_nobody_tells_is_found(shared_url: str, database: Database) -> None:
    async with members(shared_url, 1) as (pool,), asyncio.TaskGroup() as group, pool.inbound("lost"):
        caller = group.create_task(pool.inbound().__aenter__())
        await until_waiting(shared_url, 1)
        await database.run(sa.delete(slots).where(slots.c.call_id == "lost"))
        async with asyncio.timeout(30):
            await caller


async def test_nobody_looks_while_nobody_waits(shared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_slots, "LOOK_EACH_S", 0.01)
    async with Member(shared_url, 1).running() as member, member.pool.inbound():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(member.session, "exchange", unexpected)
            await asyncio.sleep(0.3)


async def unexpected(_: object) -> None:
    pytest.fail("nobody wanted anything")


async def test_a_caller_who_gets_no_slot_in_time_or_hangs_up_leaves_no_row(shared_url: str) -> None:
    async with members(shared_url, 1, 1) as (here, there):
        async with here.inbound("held"):
            with pytest.raises(TimeoutError):
                async with there.inbound(wait_s=0):
                    pytest.fail("there was no slot")
            async with asyncio.TaskGroup() as group:
                caller = group.create_task(there.inbound().__aenter__())
                await until_waiting(shared_url, 1)
                caller.cancel()
            assert await rows(shared_url) == [(1, "held", "inbound", False)]
        assert await rows(shared_url) == []


async def test_each_node_asks_with_its_own_limit(shared_url: str) -> None:
    """While settings change, one node after the other: none takes a call with more at a time than its own allows."""
    async with members(shared_url, 2, 3) as (lower, higher), contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(lower.inbound())
        with pytest.raises(ConcurrencyLimitReached, match="2 of 2 calls"):
            await stack.enter_async_context(lower.outbound())
        await stack.enter_async_context(higher.outbound())
        with pytest.raises(ConcurrencyLimitReached, match="3 of 3 calls"):
            await stack.enter_async_context(higher.outbound())


# What dies, and when.


class Tripwire:
    """The driver's connection; at one of the requests of a call on its way to the database, something happens."""

    def __init__(self, connection: Any, at: int, trip: Callable[[], object], *, is_after: bool) -> None:
        self._connection, self._at, self._trip, self._is_after = connection, at, trip, is_after
        self.requests = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._connection, name)
        if name not in ("execute", "fetch", "fetchrow"):
            return real

        async def request(*arguments: object) -> Any:
            self.requests += 1
            is_it = self.requests == self._at
            if is_it and not self._is_after:
                await self._happen()
            answer = await real(*arguments)
            if is_it and self._is_after:
                await self._happen()
            return answer

        return request

    async def _happen(self) -> None:
        if inspect.isawaitable(lasts := self._trip()):
            await lasts


@contextlib.contextmanager
def tripped(member: Member, at: int, trip: Callable[[], object], *, is_after: bool) -> Iterator[Tripwire]:
    real = member.session._connection
    wire = member.session._connection = Tripwire(real, at, trip, is_after=is_after)
    yield wire
    if member.session._connection is wire:
        member.session._connection = real


async def a_call(pool: SharedSlots, told: list[str]) -> None:
    async with pool.inbound("call"):
        told.append("has a slot")


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_a_call_cancelled_at_any_request_to_the_database_leaves_no_row(shared_url: str, is_after: bool) -> None:
    async with Member(shared_url, 1).running() as member:
        async with member.pool.inbound():
            """The connection is there."""
        for at in range(1, 100):
            task = asyncio.create_task(a_call(member.pool, []))
            with tripped(member, at, task.cancel, is_after=is_after) as wire:
                await asyncio.wait([task])
            assert await rows(shared_url) == []
            async with member.pool.inbound(wait_s=0):
                """The slot is free."""
            if wire.requests < at:
                break
        assert at > 5


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_a_waiting_caller_cancelled_at_any_request_to_the_database_leaves_no_row(
    shared_url: str, is_after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_slots, "LOOK_EACH_S", 0.01)
    async with Member(shared_url, 1).running() as member:
        for at in range(1, 16):
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(member.pool.inbound("first"))
                task = asyncio.create_task(a_call(member.pool, []))
                with tripped(member, at, task.cancel, is_after=is_after):
                    if at > 7:  # as it waits already, and its turn comes
                        await stack.aclose()
                    await asyncio.wait([task])
            assert await rows(shared_url) == []
            async with member.pool.inbound(wait_s=0):
                """The slot is free."""


@pytest.mark.parametrize("is_after", [False, True], ids=["unasked", "unheard"])
async def test_a_call_whose_connection_is_lost_at_any_request_has_one_slot_and_gives_it_back(
    shared_url: str, is_after: bool
) -> None:
    def lose() -> None:
        raise ConnectionResetError("the tripwire")

    async with Member(shared_url, 1).running() as member:
        async with member.pool.inbound():
            """The connection is there."""
        for at in range(1, 100):
            told: list[str] = []
            with tripped(member, at, lose, is_after=is_after) as wire:
                await a_call(member.pool, told)
            assert (told, await rows(shared_url)) == (["has a slot"], [])
            if wire.requests < at:
                break
        assert at > 5


async def test_slots_of_a_killed_node_are_held_until_it_is_removed_and_its_callers_hold_nobody_up(
    shared_url: str, database: Database
) -> None:
    async with members(shared_url, 2) as (pool,), contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        async with pool.outbound():
            process, printed = await run_and_read("tests.calls.slot_holding_process", shared_url, "2")
            dead = int(await printed.readline())
            await until_waiting(shared_url, 1)
            caller = group.create_task(stack.enter_async_context(pool.inbound("alive")))
            await until_waiting(shared_url, 2)
            process.kill()
            await process.wait()
        async with asyncio.timeout(30):
            await caller
        assert await rows(shared_url) == [
            (dead, "of the dead", "inbound", False),
            (dead, "waits dead", "inbound", True),
            (1, "alive", "inbound", False),
        ]
        with pytest.raises(ConcurrencyLimitReached, match="2 of 2 calls"):
            async with pool.outbound():
                pytest.fail("its call may still run")
        waiting = group.create_task(stack.enter_async_context(pool.inbound("next")))
        await until_waiting(shared_url, 2)
        await database.write(lambda connection: remove(connection, dead))
        async with asyncio.timeout(30):
            await waiting
        assert await rows(shared_url) == [(1, "alive", "inbound", False), (1, "next", "inbound", False)]


def remove(connection: sa.Connection, node_id: int) -> None:
    slot_rows.release_node(connection, node_id)
    connection.execute(sa.delete(nodes).where(nodes.c.node_id == node_id))


async def test_a_node_that_stands_still_in_a_transaction_holds_nobody_up_for_long(shared_url: str) -> None:
    goes_on = asyncio.Event()
    async with Member(shared_url, 2, frozen_ms=300).running() as frozen, members(shared_url, 2) as (pool,):
        async with frozen.pool.inbound():
            """The connection is there."""
        told: list[str] = []
        with tripped(frozen, 2, goes_on.wait, is_after=False) as wire:
            call = asyncio.create_task(a_call(frozen.pool, told))
            async with asyncio.timeout(30):
                while wire.requests < 2:  # noqa: ASYNC110 -- until it has the lock
                    await asyncio.sleep(0.01)
                async with pool.inbound("moves"):
                    assert [name for _, name, *_ in await rows(shared_url)] == ["moves"]
            goes_on.set()
            await call
        assert (told, await rows(shared_url)) == (["has a slot"], [])


async def test_a_node_that_was_removed_takes_no_slot_until_it_is_another_one(
    shared_url: str, database: Database
) -> None:
    async with Member(shared_url, 2, away_after_s=0.2).running() as member, contextlib.AsyncExitStack() as stack:
        pool = member.pool
        await stack.enter_async_context(pool.inbound("mine"))
        await database.write(lambda connection: remove(connection, 1))
        with pytest.raises(ConcurrencyLimitReached):
            async with pool.outbound("new"):
                pytest.fail("nobody would count it")
        with pytest.raises(TimeoutError):
            async with pool.inbound("new caller", wait_s=0.3):
                pytest.fail("nobody would count it")
        assert await rows(shared_url) == []
        await join(member.database)
        await until_rows(shared_url, ["mine"])
        async with pool.outbound("new"):
            assert await rows(shared_url) == [(2, "mine", "inbound", False), (2, "new", "outbound", False)]


async def test_a_call_that_another_node_takes_over_keeps_its_slot(shared_url: str, database: Database) -> None:
    async with members(shared_url, 1, 1) as (dead, heir), contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(dead.outbound("call"))
        assert await database.write(lambda connection: slot_rows.hand_over(connection, "call", 2))
        assert not await database.write(lambda connection: slot_rows.hand_over(connection, "no call", 2))
        async with heir.resumed("call", outbound=True), heir.resumed("no call", outbound=False):
            assert heir.in_use == 2
            await until_rows(shared_url, ["call", "no call"])
            await stack.aclose()  # the one of before comes back, and gives up what is not its own any more
            assert await rows(shared_url) == [(2, "call", "outbound", False), (2, "no call", "inbound", False)]
        assert await rows(shared_url) == []


async def test_what_a_crash_of_postgresql_has_undone_is_done_again(shared_url: str, database: Database) -> None:
    async with Member(shared_url, 3).running() as member, member.pool.inbound("held"):
        async with member.pool.outbound("over"):
            row = sa.select(slots.c.node_id, slots.c.kind, slots.c.is_waiting, slots.c.asked_ms, slots.c.call_id)
            undone = [dict(each._mapping) for each in await database.rows(row.where(slots.c.call_id == "over"))]
        await database.run(sa.delete(slots))
        await database.run(sa.insert(slots).values(undone))
        assert [name for _, name, *_ in await rows(shared_url)] == ["over"]
        await database.run(
            sa.text("SELECT pg_terminate_backend(:pid)").bindparams(pid=member.session._connection.get_server_pid())
        )
        await until_rows(shared_url, ["held"])


# While the database is away.


@contextlib.asynccontextmanager
async def cut_off(shared_url: str, limit: int, *, takes: bool) -> AsyncIterator[tuple[Member, TcpRelay]]:
    """A node whose way to the database can be cut; other nodes hold two slots, one of them of a batch."""
    url = make_url(shared_url)
    async with (
        TcpRelay(str(url.host), int(url.port or 0)) as relay,
        members(shared_url, 9) as (other,),
        other.inbound("theirs"),
        other.outbound("of a batch", batch_reserve=1),
    ):
        cut_url = url.set(port=relay.port).render_as_string(False)
        async with Member(cut_url, limit, 1, away_after_s=0.3, takes=takes).running() as member:
            yield member, relay


async def test_while_the_database_is_away_calls_are_taken_by_what_was_last_known(shared_url: str) -> None:
    async with cut_off(shared_url, 5, takes=True) as (member, relay), contextlib.AsyncExitStack() as stack:
        pool = member.pool
        before = contextlib.AsyncExitStack()
        await before.enter_async_context(pool.inbound("before"))
        await relay.cut()
        await stack.enter_async_context(pool.outbound("outbound"))
        await stack.enter_async_context(pool.inbound("inbound"))
        with pytest.raises(ConcurrencyLimitReached, match="5 of 5 calls"):
            await stack.enter_async_context(pool.outbound())
        waiting = asyncio.create_task(stack.enter_async_context(pool.inbound("waiting")))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        assert await pool.usage() == SlotUsage(5, 2, 1, waiting=1)
        await before.aclose()
        await waiting
        assert [name for _, name, *_ in await rows(shared_url)] == ["theirs", "of a batch", "before"]
        await relay.heal()
        await until_rows(shared_url, ["theirs", "of a batch", "outbound", "inbound", "waiting"])
        assert pool.is_away is False
        assert await pool.usage() == SlotUsage(5, 2, 1)


async def test_while_the_database_is_away_no_call_gets_a_slot_where_that_is_set(shared_url: str) -> None:
    async with cut_off(shared_url, 5, takes=False) as (member, relay), asyncio.TaskGroup() as group:
        pool = member.pool
        async with contextlib.AsyncExitStack() as stack, pool.inbound("before"):
            await relay.cut()
            with pytest.raises(ConcurrencyLimitReached, match="3 of 5 calls"):
                async with pool.outbound():
                    pytest.fail("the database is away")
            with pytest.raises(TimeoutError):
                async with pool.inbound(wait_s=0):
                    pytest.fail("the database is away")
            patient = group.create_task(stack.enter_async_context(pool.inbound("patient")))
            await asyncio.sleep(0.1)
            assert not patient.done()
            await relay.heal()
            async with asyncio.timeout(30):
                await patient
            assert [name for _, name, *_ in await rows(shared_url)][2:] == ["before", "patient"]
