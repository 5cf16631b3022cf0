"""A deliverer that runs while a test does, and what is put into its outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
import pytest

from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import Delivery, OutboxPort
from tests.webhooks.receiver import API_KEY


class WakingOutbox(OutboxPort, Protocol):
    """An outbox that says when something was added."""

    on_added: Callable[[], None] | None


async def end(running: asyncio.Task[None]) -> None:
    """As the process does when it ends."""
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@asynccontextmanager
async def delivering(outbox: WakingOutbox, **settings: Any) -> AsyncIterator[Delivery]:
    """A deliverer that runs meanwhile."""
    async with aiohttp.ClientSession() as session:
        delivery = Delivery(outbox, session, API_KEY, **{"retry_after_s": (0, 0, 0), **settings})
        outbox.on_added = delivery.wake
        running = asyncio.create_task(delivery.run())
        try:
            yield delivery
        finally:
            await end(running)
        assert delivery.in_flight == 0


def an_event(
    url: str,
    call_id: str = "call_1",
    name: WebhookEventName = WebhookEventName.CALL_STARTED,
    *,
    timeout_ms: int = 10_000,
    **facts: Any,
) -> WebhookEvent:
    """One whose body tells what it is."""
    body = compact_json({"event": name, "call": {"call_id": call_id, "transcript": "Grüße", **facts}})
    return WebhookEvent(call_id, name, url, body, timeout_ms)


async def until_settled(store: Store) -> None:
    """Until nothing is pending."""
    while True:
        if not await store.outbox.depth():
            return
        await asyncio.sleep(0.01)
