"""Saves calls with their events until it is killed, and says after each save what is now promised to last.

python -m tests.store.saving_process DATABASE_URL FIRST_NUMBER
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.store.store import Store
from tests.store.samples import a_call, an_event

AT_A_TIME = 5


async def save_for_ever(store: Store, numbers: itertools.count[int]) -> None:
    """One call after the other, each begun and ended."""
    while True:
        call_id = f"call_{next(numbers):06}"
        await store.calls.save(a_call(call_id), [an_event(call_id)])
        print("begun", call_id, flush=True)
        ended = a_call(call_id, call_status="ended", disconnection_reason="user_hangup")
        names = (WebhookEventName.CALL_ENDED, WebhookEventName.CALL_ANALYZED)
        await store.calls.save(ended, [an_event(call_id, name) for name in names])
        print("ended", call_id, flush=True)


async def main(database_url: str, first_number: int) -> None:
    """Several calls at the same time."""
    store = Store(database_url)
    await store.open()
    numbers = itertools.count(first_number)
    await asyncio.gather(*(save_for_ever(store, numbers) for _ in range(AT_A_TIME)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
