"""Trunks in the Asterisk of each of two controllers on one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.trunks import Trunks
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.contract.phone_number import PhoneNumberUpdate
from ari_agent.store.store import Store
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk
from tests.store.samples import a_number
from tests.store.several_nodes import joined

NUMBER, OTHER = "+12137771235", "+12137771236"


@asynccontextmanager
async def synchronized(store: Store) -> AsyncIterator[tuple[TrunkSync, FakeAsterisk]]:
    async with FakeAsterisk() as asterisk:
        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        sync = TrunkSync(store, Trunks(ari, app=APP))
        watching = asyncio.create_task(sync.watch())
        try:
            yield sync, asterisk
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await ari.close()


def endpoints(asterisk: FakeAsterisk) -> list[tuple[str, str]]:
    """The endpoints that were made and removed, in order."""
    asked = [noted for noted in asterisk.requests if "/endpoint/" in noted.path and noted.method in ("PUT", "DELETE")]
    return [(noted.method, noted.path.rpartition("-")[2]) for noted in asked]


async def until(asterisk: FakeAsterisk, expected: list[tuple[str, str]]) -> None:
    async with asyncio.timeout(20):
        while endpoints(asterisk) != expected:  # noqa: ASYNC110 -- nothing tells
            await asyncio.sleep(0.02)


async def test_a_number_that_is_changed_at_one_controller_is_changed_in_the_asterisk_of_the_other(
    shared_url: str,
) -> None:
    made, one, other = ("PUT", NUMBER[1:]), ("PUT", OTHER[1:]), ("DELETE", NUMBER[1:])
    async with (
        joined(shared_url) as here,
        joined(shared_url) as there,
        synchronized(here) as (sync, asterisk),
        synchronized(there) as (far_sync, far_asterisk),
    ):
        await far_sync.refresh_all()
        await here.phone_numbers.create(a_number(NUMBER))
        await sync.refresh(NUMBER)
        await until(far_asterisk, [made])
        await here.phone_numbers.create(a_number(OTHER))
        await until(far_asterisk, [made, one])
        await here.phone_numbers.update(NUMBER, PhoneNumberUpdate.model_validate({"nickname": "Desk"}))
        await until(far_asterisk, [made, one, made])
        await here.phone_numbers.delete(NUMBER)
        await until(far_asterisk, [made, one, made, other])
        # Each looks after its own alone, and after the first connection only.
        assert endpoints(asterisk) == [made]
        await sync.refresh_all()
        await asyncio.sleep(0)
        assert endpoints(asterisk)[:2] == [made, one]
