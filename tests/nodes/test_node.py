"""Nodes on a real PostgreSQL, some of them in processes that are killed and stopped."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from ari_agent.contract.node import AsteriskState, NodeLoad
from ari_agent.errors import StoreError
from ari_agent.store.database import Database
from ari_agent.store.nodes import Introduction, NodeSession
from ari_agent.store.own_session import OwnSession, T
from ari_agent.store.store import Store
from ari_agent.store.tables import nodes, outbox, slots
from tests.fakes.preloaded import PreloadedProcess, run_and_read
from tests.fakes.tcp_relay import TcpRelay
from tests.nodes.conftest import Join, until
from tests.nodes.joining_process import QUICK
from tests.store.samples import a_call, an_event


async def a_process(
    url: str, name: str, take_over_s: float = 0.0
) -> tuple[PreloadedProcess, asyncio.StreamReader, int]:
    """A node in a process of its own, with what it says, and its id."""
    process, says = await run_and_read("tests.nodes.joining_process", url, name, str(take_over_s))
    return process, says, int((await line(says)).removeprefix("joined "))


async def line(says: asyncio.StreamReader) -> str:
    """What it says next; a minute at most, as the machine may be busy."""
    async with asyncio.timeout(60):
        return (await says.readline()).decode().strip()


async def test_nodes_see_one_another_until_they_leave(join: Join) -> None:
    one, two = await join("one"), await join("two")
    asterisk = AsteriskState(url="http://pbx:8088/ari", connected=True, version="22.10.1")
    two.node.load = lambda: NodeLoad(calls=7, slots_in_use=5, asterisks=(asterisk,))
    two.node.is_draining = lambda: True
    await until(lambda: [each.calls for each in one.node.nodes()] == [0, 7])
    own, other = one.node.nodes()
    assert (own.is_this, own.state, own.name, own.app, own.url) == (
        *(True, "serving", "one"),
        *("app_one", "http://one.test:8080"),
    )
    assert (other.is_this, other.state, other.slots_in_use, other.asterisks) == (False, "draining", 5, (asterisk,))
    assert (own.node_id, other.node_id) == (one.node_id, two.node_id) == (1, 2)
    await two.node.leave()
    await until(lambda: one.names() == ["one"])
    assert one.dead == [], "who leaves is not taken over"
    assert one.node.may_act and two.node.node_id is None


async def test_a_node_that_is_killed_is_taken_over_once_by_whoever_sees_it_first(
    join: Join, shared_url: str, shared_store: Store
) -> None:
    process, _, died = await a_process(shared_url, "killed")
    one, two = await join("one"), await join("two")
    database = Database(shared_url)
    await shared_store.calls.save(a_call(call_status="ongoing"), [an_event()])  # by a version that knows of no nodes
    await database.run(sa.update(outbox).values(claimed_by=died))
    held = {"kind": "inbound", "is_waiting": False, "asked_ms": 0}
    await database.run(sa.insert(slots).values([{"node_id": node_id, **held} for node_id in (died, one.node_id)]))
    process.kill()
    await until(lambda: one.dead + two.dead and "killed" not in one.names() + two.names())
    assert one.dead + two.dead == [died]
    assert [row.node_id for row in await database.rows(sa.select(slots.c.node_id))] == [one.node_id]
    assert [stored.call.call_id for stored in await shared_store.calls.unfinished()] == ["call_1"]
    await database.close()


async def test_one_that_dies_while_it_takes_over_leaves_that_to_another(join: Join, shared_url: str) -> None:
    first, _, first_id = await a_process(shared_url, "first")
    second, says, second_id = await a_process(shared_url, "second", 3600)
    first.kill()
    assert await line(says) == f"begun {first_id}"
    third = await join("third")
    await until(lambda: third.names() == ["first", "second", "third"])
    assert third.node.nodes()[0].state == "lost"
    second.kill()
    await until(lambda: third.names() == ["third"])
    assert sorted(third.dead) == [first_id, second_id]


async def test_a_node_that_stood_still_gives_up_what_was_taken_over_and_joins_anew(join: Join, shared_url: str) -> None:
    process, says, stopped = await a_process(shared_url, "stopped")
    other = await join("other")
    process.send_signal(signal.SIGSTOP)
    await until(lambda: other.dead == [stopped] and other.names() == ["other"])
    process.send_signal(signal.SIGCONT)
    assert await line(says) == f"fenced {stopped} may not act"
    assert await line(says) == f"joined {other.node_id + 1}"
    await until(lambda: other.names() == ["other", "stopped"])
    process.kill()


async def test_a_node_that_stands_still_for_too_short_a_time_goes_on_as_the_same(join: Join, shared_url: str) -> None:
    process, _, stopped = await a_process(shared_url, "stopped")
    other = await join("other", pace=replace(QUICK, frozen_after_s=3600))
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(QUICK.stood_still_s + 0.5)
    process.send_signal(signal.SIGCONT)
    beaten = other.node.nodes()[0]
    await until(lambda: other.node.nodes()[0].heartbeat_age_ms < beaten.heartbeat_age_ms)
    assert other.node.nodes()[0].node_id == stopped and other.dead == []
    process.kill()


async def test_when_the_database_was_away_all_come_back_as_who_they_were(join: Join, shared_url: str) -> None:
    where = make_url(shared_url)
    async with TcpRelay(where.host or "", where.port or 0) as relay:
        through = where.set(port=relay.port).render_as_string(False)
        pace = replace(QUICK, grace_s=3)
        one, two = await join("one", url=through, pace=pace), await join("two", url=through, pace=pace)
        await until(lambda: one.names() == two.names() == ["one", "two"])
        await relay.cut()
        await asyncio.sleep(QUICK.free_after_s + 0.5)
        assert one.node.may_act and (one.node_id, two.node_id) == (1, 2), "their calls go on meanwhile"
        await relay.heal()
        await until(
            lambda: all(node.node.nodes()[0].heartbeat_age_ms < 1000 * QUICK.free_after_s for node in (one, two))
        )
        assert (one.node_id, two.node_id, one.dead, two.dead, one.fenced) == (1, 2, [], [], [])


async def test_one_that_was_cut_off_from_the_database_alone_is_taken_over_and_told_so(
    join: Join, shared_url: str
) -> None:
    where = make_url(shared_url)
    async with TcpRelay(where.host or "", where.port or 0) as relay:
        cut_off = await join("cut off", url=where.set(port=relay.port).render_as_string(False))
        other, was = await join("other"), cut_off.node_id
        await relay.cut()
        await until(lambda: other.dead == [was] and other.names() == ["other"])
        await relay.heal()
        await until(lambda: other.names() == ["other", "cut off"])
        assert cut_off.fenced == [was] and cut_off.node_id == 3 and cut_off.node.may_act


async def test_what_fails_to_be_taken_over_is_tried_again_and_the_rest_is_taken_over_meanwhile(
    join: Join, shared_url: str
) -> None:
    process, _, died = await a_process(shared_url, "killed")
    other = await join("other")
    asked: list[int] = []

    async def fails_once(node_id: int) -> None:
        asked.append(node_id)
        if len(asked) == 1:
            raise StoreError("the database failed")

    other.node.on_dead(fails_once)
    process.kill()
    await until(lambda: other.names() == ["other"])
    assert asked == other.dead == [died, died]


async def test_a_row_that_an_administrator_deletes_makes_its_node_join_anew(
    join: Join, shared_store: Store, shared_url: str
) -> None:
    one = await join("one")
    database = Database(shared_url)
    await database.run(sa.delete(nodes))
    await until(lambda: one.fenced == [1] and one.node.node_id == 2)
    await database.close()


class _Pooled(OwnSession):
    """As through a pooler in transaction mode: each transaction is in the session of another backend."""

    async def write(self, job: T) -> T:  # type: ignore[override]
        await super().close()
        self._connection = await self._engine.connect()
        return await super().write(job)  # type: ignore[arg-type]


async def test_a_pooler_in_transaction_mode_is_named(shared_url: str, shared_store: Store) -> None:
    session = NodeSession(_Pooled(make_url(shared_url), within_s=10))
    await session.open()
    node_id = await session.join(Introduction("one", "app", None), NodeLoad())
    with pytest.raises(StoreError, match="a pooler in transaction mode"):
        await session.beat(node_id, "serving", NodeLoad())
    await session.close()


async def test_a_file_is_shared_by_nobody(empty_database: object) -> None:
    with pytest.raises(StoreError, match="share a PostgreSQL"):
        Store(f"sqlite:///{empty_database}").node_session(within_s=1)
