"""What was delivered is deleted after days, what was given up after more of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from ari_agent.clock import now_ms
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.errors import StoreError
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import outbox
from ari_agent.webhooks.retention import DAY_MS, Retention
from tests.fakes.controller import Controller, free_tcp_port
from tests.store.samples import START_MS, a_call, an_event

pytestmark = pytest.mark.slow

CALL_IDS = ("delivered", "dead", "pending")


async def kept(database: Database) -> Sequence[str]:
    """The calls whose events are there."""
    statement = select(outbox.c.call_id).order_by(outbox.c.outbox_id)
    return await database.read(lambda connection: connection.execute(statement).scalars().all())


async def left(store: Store, database: Database, *, after_days: float) -> Sequence[str]:
    """The calls whose events are still there that long after they were settled."""
    now_ms = START_MS + round(after_days * DAY_MS)
    await Retention(store.outbox, days=7, dead_days=90, now_ms=lambda: now_ms).purge()
    return await kept(database)


async def test_each_goes_when_its_time_is_up_and_what_is_pending_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    store, database = Store(url, now_ms=lambda: START_MS), Database(url)
    await store.open()
    for call_id in CALL_IDS:
        event = an_event(call_id, WebhookEventName.CALL_ENDED)
        await store.calls.save(a_call(call_id, call_status="ended"), [event])
    delivered, dead, _ = await store.outbox.due(START_MS, 3)
    await store.outbox.delivered(delivered.outbox_id)
    await store.outbox.failed(dead.outbox_id, "answered 500", None)
    assert await left(store, database, after_days=6.9) == ["delivered", "dead", "pending"]
    assert await left(store, database, after_days=7.1) == ["dead", "pending"]
    assert await left(store, database, after_days=89.9) == ["dead", "pending"]
    assert await left(store, database, after_days=90.1) == ["pending"]
    await database.close()
    await store.close()


class Away:
    """An outbox whose database is away at first; it has three old rows of each kind, which go one at a time."""

    def __init__(self) -> None:
        self.settled = self.dead = 3
        self.away = True
        self.empty = asyncio.Event()

    async def purge_settled(self, before_ms: int) -> int:
        if self.away:
            self.away = False
            raise StoreError("the database is away")
        self.settled, deleted = max(0, self.settled - 1), self.settled > 0
        return int(deleted)

    async def purge_dead(self, before_ms: int) -> int:
        if not self.dead:
            self.empty.set()
            return 0
        self.dead -= 1
        return 1


async def test_it_goes_on_until_nothing_old_is_left_and_looks_again_after_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="ari_agent")
    away = Away()
    worker = Retention(away, days=1, dead_days=1, now_ms=lambda: START_MS, interval_s=0, pause_s=0)
    running = asyncio.create_task(worker.run())
    await away.empty.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert away.settled == 0
    assert "old webhooks not deleted yet: the database is away" in caplog.text
    assert "old webhooks deleted" in caplog.text


async def test_the_controller_does_it_at_its_start(tmp_path: Path) -> None:
    controller = Controller(
        tmp_path,
        ari_url=f"http://127.0.0.1:{free_tcp_port()}/ari",
        ari_username="nobody",
        ari_password="none",
        WEBHOOK_RETENTION_DAYS="2",
    )
    url = controller.environment["DATABASE_URL"]
    database = Database(url)
    for age_days in (3, 1):
        settled_ms = now_ms() - age_days * DAY_MS
        store = Store(url, now_ms=lambda: settled_ms)  # noqa: B023 - closed before the next one
        await store.open()
        call_id = f"{age_days} days ago"
        await store.calls.save(a_call(call_id, call_status="ended"), [an_event(call_id)])
        (queued,) = await store.outbox.due(settled_ms, 1)
        await store.outbox.delivered(queued.outbox_id)
        await store.close()
    async with controller:
        await controller.start(ready=False)
        for _ in range(200):
            if len(await kept(database)) == 1:
                break
            await asyncio.sleep(0.05)
        assert await kept(database) == ["1 days ago"]
    await database.close()
