"""From the first line of a call's log to its file in the store, and how long it waits for the last webhook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool
from ari_agent.calls.public_log.log_file import FILE_NAME, complete_log
from ari_agent.calls.public_log.public_logs import MAX_LINGERING, NO_LOGS, PublicLogs
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.webhooks.delivery import DeliveryAttempt

ANALYZED = DeliveryAttempt("call_1", WebhookEventName.CALL_ANALYZED, 1, "delivered")


@pytest_asyncio.fixture
async def artefacts(tmp_path: Path) -> AsyncIterator[Artefacts]:
    store = ArtefactStore(str(tmp_path / "store"))
    spool = Spool(tmp_path / "spool", store, finishers={FILE_NAME: complete_log})
    await spool.start()
    yield Artefacts(spool, store, Links("http://host", b"key", 60))
    await spool.close()


def logs(artefacts: Artefacts, linger_s: float = 60.0) -> PublicLogs:
    return PublicLogs(artefacts, now_ms=lambda: 0, secrets=["hunter22"], linger_s=linger_s)


async def written(artefacts: Artefacts) -> list[dict[str, Any]]:
    """The lines so far."""
    await artefacts.spool.run_in_order(lambda: None)
    async with artefacts.opened(ArtefactName("call_1", FILE_NAME)) as found:
        if found is None:
            return []
        octets = b"".join([piece async for piece in found.read(0, found.size_bytes)])
    return [json.loads(line) for line in octets.splitlines()]


async def ended(artefacts: Artefacts) -> list[dict[str, Any]]:
    """The lines, once the last one is there."""
    for _ in range(1000):
        if (lines := await written(artefacts)) and lines[-1]["event"] == "log_ended":
            return lines
        await asyncio.sleep(0.01)
    raise TimeoutError(lines)


async def test_a_log_waits_for_the_last_webhook_and_tells_of_each_attempt(artefacts: Artefacts) -> None:
    kept = logs(artefacts)
    log = kept.new("call_1")
    log.add("call_began", call_id="hunter22")
    log.open(keeps_content=True)
    kept.call_ended("call_1", awaits_analysis=True)
    kept.webhook_tried(DeliveryAttempt("call_1", WebhookEventName.CALL_ANALYZED, 1, "failed", "answered 500", 1000))
    kept.webhook_tried(DeliveryAttempt("call_2", WebhookEventName.CALL_ANALYZED, 1, "delivered"))
    await asyncio.sleep(0)
    assert [line["event"] for line in await written(artefacts)] == ["call_began", "webhook"]
    kept.webhook_tried(ANALYZED)
    await kept.close()
    lines = await written(artefacts)
    assert lines[0]["call_id"] == "***"
    for line in lines:
        del line["ms"]
    assert lines[1:] == [
        {
            "event": "webhook",
            "webhook": "call_analyzed",
            "attempt": 1,
            "outcome": "failed",
            "again_in_ms": 1000,
            "content": "answered 500",
        },
        {"event": "webhook", "webhook": "call_analyzed", "attempt": 1, "outcome": "delivered"},
        {"event": "log_ended", "lines": 3},
    ]


async def test_a_webhook_that_is_given_up_is_waited_for_no_longer(artefacts: Artefacts) -> None:
    kept = logs(artefacts)
    kept.new("call_1").open(keeps_content=True)
    kept.webhook_tried(DeliveryAttempt("call_1", WebhookEventName.CALL_ANALYZED, 4, "given_up", "answered 500"))
    kept.call_ended("call_1", awaits_analysis=True)
    lines = await ended(artefacts)
    assert "why" not in lines[-1]
    kept.call_ended("call_1", awaits_analysis=True)  # of a log that has ended
    await kept.close()


async def test_a_call_that_owes_no_webhook_ends_its_log_at_once(artefacts: Artefacts) -> None:
    kept = logs(artefacts)
    kept.new("call_1").open(keeps_content=True)
    kept.call_ended("call_1", awaits_analysis=False)
    await kept.close()
    assert [line["event"] for line in await written(artefacts)] == ["log_ended"]


async def test_a_log_does_not_wait_for_ever(artefacts: Artefacts) -> None:
    kept = logs(artefacts, linger_s=0.01)
    kept.new("call_1").open(keeps_content=True)
    kept.call_ended("call_1", awaits_analysis=True)
    lines = await ended(artefacts)
    assert lines[0]["why"] == "call_analyzed was not delivered within 0.01 s of the call's end"
    await kept.close()


async def test_only_so_many_logs_of_calls_that_are_over_stay_open(artefacts: Artefacts) -> None:
    kept = logs(artefacts)
    for number in range(1, MAX_LINGERING + 2):
        kept.new(f"call_{number}").open(keeps_content=True)
        kept.call_ended(f"call_{number}", awaits_analysis=True)
        await asyncio.sleep(0)
    lines = await ended(artefacts)
    assert lines[0]["why"] == f"{MAX_LINGERING} later calls have ended, too"
    assert artefacts.spool.growing == MAX_LINGERING
    await kept.close()
    assert artefacts.spool.growing == 0


async def test_a_controller_that_stops_ends_all_logs_and_says_so(artefacts: Artefacts) -> None:
    kept = logs(artefacts)
    log = kept.new("call_1")
    log.open(keeps_content=True)
    kept.call_ended("call_1", awaits_analysis=True)
    await kept.close()
    assert [line["why"] for line in await written(artefacts)] == ["the controller has stopped"]


async def test_a_call_that_gets_no_record_leaves_no_file(artefacts: Artefacts) -> None:
    kept = logs(artefacts)
    kept.new("call_1").add("call_began", call_id="call_1")
    kept.call_ended("call_1", awaits_analysis=False)
    await kept.close()
    assert await written(artefacts) == []
    assert artefacts.spool.growing == 0


async def test_the_link_leads_to_the_file(artefacts: Artefacts) -> None:
    url = logs(artefacts).new("call_1").url(expires=False)
    assert url
    assert url.startswith(f"http://host/artefacts/call_1/{FILE_NAME}?signature=")


async def test_where_no_logs_are_kept_no_call_has_one() -> None:
    log = NO_LOGS.new("call_1")
    log.open(keeps_content=True)
    assert not log.is_on
    NO_LOGS.webhook_tried(ANALYZED)
    NO_LOGS.call_ended("call_1", awaits_analysis=True)
    await NO_LOGS.close()
