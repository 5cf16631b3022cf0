"""Calls that died with the process: their records are closed, and their webhooks go where those of the call went."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NoReturn, cast

import pytest

from ari_agent.calls.record import CallRecord, registered_call
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.contract.webhook_event import QueuedEvent, WebhookEvent
from ari_agent.store.store import Store
from tests.calls.test_record import agent
from tests.calls.test_record import record as a_record
from tests.store.samples import an_agent
from tests.store.several_nodes import bury, database_of, joined

pytestmark = pytest.mark.slow

ACCOUNT, FILLED_IN = "https://account.example/{{tenant}}", "https://account.example/t%207"
STORED = "https://stored.example/hook"
LATER_MS = 2**50


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite."""
    return f"sqlite:///{tmp_path}/calls.db"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """Open."""
    the_store = Store(database_url)
    await the_store.open()
    yield the_store
    await the_store.close()


async def stored_agent(store: Store) -> Agent:
    return await store.agents.create(an_agent(webhook_url=STORED))


def overridden(agent: Agent, **settings: object) -> Agent:
    """As for one call."""
    return AgentOverride.model_validate({"agent": settings}).apply(agent)


def a_call(agent: Agent) -> Call:
    """Registered, with a variable."""
    return registered_call(
        call_id="call_1",
        agent=agent,
        from_number="+15550001",
        to_number="+15550002",
        sip_headers={},
        sip_call_id=None,
        dynamic_variables={"tenant": "t 7"},
        metadata=None,
    )


async def save_begun(store: Store, agent: Agent) -> None:
    """The first record of a call, as it is when nothing rings yet."""
    await store.calls.save(a_call(agent), recovery=CallRecovery.of(agent))


async def closed_at_the_next_start(store: Store) -> Sequence[QueuedEvent]:
    """What the next run owes, in the order in which it goes out."""
    assert await RecordWriter(store, account_webhook_url=ACCOUNT).close_abandoned(2_000) == 1
    found: list[QueuedEvent] = []
    while due := await store.outbox.due(LATER_MS, 1):
        found += due
        await store.outbox.delivered(due[0].outbox_id)
    return found


async def test_the_record_of_two_who_may_still_talk_waits_for_whoever_takes_them_over(store: Store) -> None:
    agent = await stored_agent(store)
    record = CallRecord(a_call(agent), agent=agent, account_webhook_url=ACCOUNT)
    record.answered(1_000)
    record.bridged("+14155559999")
    assert await RecordWriter(store, account_webhook_url=ACCOUNT).save(record)
    next_run = RecordWriter(store, account_webhook_url=ACCOUNT)
    assert await next_run.close_abandoned(2_000) == 0
    (left,) = next_run.left_bridged
    left.transfer_ended(3_000)
    left.ended(DisconnectionReason.CALL_TRANSFER, 3_000)
    await next_run.save_for_certain(left)
    assert await RecordWriter(store, account_webhook_url=ACCOUNT).close_abandoned(4_000) == 0
    stored = await store.calls.get(record.call.call_id)
    assert stored is not None
    assert (stored.disconnection_reason, stored.end_timestamp) == (DisconnectionReason.CALL_TRANSFER, 3_000)


async def test_an_override_outlives_the_process(store: Store) -> None:
    agent = overridden(
        await stored_agent(store),
        webhook_url="https://override.example/{{tenant}}/{{current_hour}}",
        webhook_events=["call_ended"],
        webhook_timeout_ms=2_500,
        timezone="Europe/Berlin",
    )
    record = CallRecord(a_call(agent), agent=agent, account_webhook_url=ACCOUNT)
    record.answered(1_000)
    assert await RecordWriter(store, account_webhook_url=ACCOUNT).save(record)
    (queued,) = await closed_at_the_next_start(store)
    assert queued.event.url == "https://override.example/t%207/1"
    assert (queued.event.event.value, queued.event.timeout_ms) == ("call_ended", 2_500)


async def test_a_call_that_was_only_placed_keeps_its_override_too(store: Store) -> None:
    """Its record is written before anything rings."""
    await save_begun(store, overridden(await stored_agent(store), webhook_url="https://override.example/"))
    events = [queued.event for queued in await closed_at_the_next_start(store)]
    assert [event.event.value for event in events] == ["call_ended", "call_analyzed"]
    assert {event.url for event in events} == {"https://override.example/"}


async def test_an_override_of_null_goes_back_to_the_account(store: Store) -> None:
    await save_begun(store, overridden(await stored_agent(store), webhook_url=None))
    assert {queued.event.url for queued in await closed_at_the_next_start(store)} == {FILLED_IN}


@pytest.mark.parametrize(
    ("chosen", "sent"), [(None, ["call_ended", "call_analyzed"]), ((), []), (("call_analyzed",), ["call_analyzed"])]
)
async def test_no_choice_means_the_defaults_and_an_empty_one_means_none(
    store: Store, chosen: Sequence[str] | None, sent: Sequence[str]
) -> None:
    await save_begun(store, overridden(await stored_agent(store), webhook_events=chosen))
    assert [queued.event.event.value for queued in await closed_at_the_next_start(store)] == sent


async def test_a_transfer_that_died_with_the_process_is_cancelled_before_the_call_ends(store: Store) -> None:
    agent = overridden(
        await stored_agent(store), webhook_events=["transfer_started", "transfer_cancelled", "call_ended"]
    )
    record = CallRecord(a_call(agent), agent=agent, account_webhook_url=None)
    record.answered(1_000)
    record.transfer_started(TransferRequest(to="+14155559999"))
    assert await RecordWriter(store, account_webhook_url=None).save(record)
    bodies = [json.loads(queued.event.body) for queued in await closed_at_the_next_start(store)]
    assert [body["event"] for body in bodies] == ["transfer_started", "transfer_cancelled", "call_ended"]
    assert bodies[1]["transfer_destination"] == {"number": "+14155559999"}
    assert bodies[1]["transfer_option"] == {"type": "cold_transfer", "coldTransferMode": "sip_refer"}


async def test_a_transfer_that_was_over_is_not_cancelled_again(store: Store) -> None:
    agent = overridden(await stored_agent(store), webhook_events=["transfer_cancelled", "call_ended"])
    record = CallRecord(a_call(agent), agent=agent, account_webhook_url=None)
    record.answered(1_000)
    record.transfer_started(TransferRequest(to="+14155559999"))
    record.transfer_cancelled()
    assert await RecordWriter(store, account_webhook_url=None).save(record)
    events = [queued.event.event.value for queued in await closed_at_the_next_start(store)]
    assert events == ["transfer_cancelled", "call_ended"]


async def test_nobody_is_shown_where_the_webhooks_go(store: Store) -> None:
    agent = overridden(await stored_agent(store), webhook_url="https://override.example/?token=hunter2")
    await save_begun(store, agent)
    call = await store.calls.get("call_1")
    assert call is not None
    stored = await store.calls.get_stored("call_1")
    assert stored is not None
    assert stored.recovery.webhook_plan is not None
    (webhook, *_) = await closed_at_the_next_start(store)
    for shown in (json.dumps(call.as_json()), repr(call), webhook.event.body.decode()):
        assert "hunter2" not in shown
        assert "webhook_plan" not in shown


async def test_a_record_without_a_plan_takes_the_agent_as_it_is_stored(store: Store) -> None:
    await store.calls.save(a_call(await stored_agent(store)))
    assert {queued.event.url for queued in await closed_at_the_next_start(store)} == {STORED}


async def test_who_was_at_the_fallback_number_had_no_slot(store: Store) -> None:
    agent = await stored_agent(store)
    record = CallRecord(a_call(agent), agent=agent, account_webhook_url=None)
    record.diverted()
    assert await RecordWriter(store, account_webhook_url=None).save(record)
    ended, _ = (json.loads(queued.event.body)["call"] for queued in await closed_at_the_next_start(store))
    assert (ended["disconnection_reason"], ended["call_status"]) == ("concurrency_limit_reached", "error")
    assert "diverted" not in ended


class SlowCalls:
    """A table of calls in which a transaction takes as long as a test wants, whoever waits for it."""

    def __init__(self) -> None:
        self.calls = self
        self.begun = asyncio.Queue[asyncio.Future[None]]()
        self.saved: list[tuple[str, int]] = []

    async def save(self, call: Call, events: Sequence[WebhookEvent], recovery: CallRecovery) -> None:
        del recovery
        await asyncio.shield(asyncio.create_task(self._write(call, len(events))))

    async def _write(self, call: Call, events: int) -> None:
        may_end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun.put_nowait(may_end)
        await may_end
        self.saved.append((call.call_status.value, events))


async def test_what_is_older_is_never_stored_last_also_where_whoever_waited_has_gone() -> None:
    store, record = SlowCalls(), a_record(agent())
    writer = RecordWriter(cast(Store, store), account_webhook_url=ACCOUNT)
    ringing = asyncio.create_task(writer.save(record))
    first = await store.begun.get()
    ringing.cancel()
    record.answered(1_000)
    talking = asyncio.create_task(writer.save(record))
    for _ in range(10):
        await asyncio.sleep(0)
    assert store.begun.empty()
    first.set_result(None)
    (await store.begun.get()).set_result(None)
    assert await talking
    assert store.saved == [("registered", 0), ("ongoing", 1)]


async def test_what_is_owed_is_stored_once_also_where_whoever_waited_has_gone() -> None:
    store, record = SlowCalls(), a_record(agent())
    writer = RecordWriter(cast(Store, store), account_webhook_url=ACCOUNT)
    record.answered(1_000)
    answered = asyncio.create_task(writer.save(record))
    first = await store.begun.get()
    answered.cancel()
    first.set_result(None)
    again = asyncio.create_task(writer.save(record))
    (await store.begun.get()).set_result(None)
    assert await again
    assert store.saved == [("ongoing", 1), ("ongoing", 0)]


@pytest.mark.parametrize(("setting", "left"), [("everything_except_pii", None), ("everything", "User: My secret.\n")])
async def test_what_cannot_be_scrubbed_is_not_stored(store: Store, setting: str, left: str | None) -> None:
    def fail(_: Sequence[str]) -> NoReturn:
        raise RuntimeError("the model is broken")

    pii_config = {"mode": "post_call", "categories": ["person_name"]}
    one = a_record(agent(data_storage_setting=setting, pii_config=pii_config))
    one.answered(1_000)
    said = [{"role": "user", "content": "My secret."}]
    one.said(TranscriptUpdate.model_validate({"transcript": said, "turntaking": "user_turn"}))
    writer = RecordWriter(store, account_webhook_url=None, find_more=fail)
    await writer.end(one, DisconnectionReason.USER_HANGUP, 2_000)
    assert one.call.transcript == left
    assert one.call.scrubbed_transcript_with_tool_calls is None
    assert "Personal data could not be looked for" in str(one.call.faults)


async def test_a_webhook_that_nobody_took_tells_no_more_than_the_record_of_a_call_that_is_over(store: Store) -> None:
    one = a_record(agent(data_storage_setting="everything_except_pii", webhook_url=STORED))
    one.call = one.call.model_copy(update={"metadata": {"card": "4111 1111 1111 1111", "tenant": "t7"}})
    one.answered(1_000)
    writer = RecordWriter(store, account_webhook_url=None)
    await writer.save(one)
    (started,) = await store.outbox.due(LATER_MS, 10)
    assert "4111 1111" in started.event.body.decode()
    await store.outbox.failed(started.outbox_id, "answered 500", None)
    await writer.end(one, DisconnectionReason.USER_HANGUP, 2_000)
    (dead,) = await store.outbox.dead_letters()
    assert json.loads(dead.event.body)["call"]["metadata"] == {"card": "[credit_card]", "tenant": "t7"}


async def test_what_another_controller_leads_by_now_is_left_to_it_and_not_tried_again(shared_url: str) -> None:
    async with joined(shared_url) as still, joined(shared_url) as other:
        writer = RecordWriter(still, account_webhook_url=ACCOUNT)
        lost: list[str] = []
        writer.on_taken_over = lost.append
        await writer.save(record := a_record(agent()))
        record.answered(1_000)
        dead, living = database_of(still).node_id or 0, database_of(other).node_id or 0
        await bury(other, dead)
        taken = await other.held_calls.take_over(dead, living)
        assert await RecordWriter(other, account_webhook_url=ACCOUNT).close(taken, 3_000) == 1
        await writer.end(record, DisconnectionReason.ERROR_NO_AUDIO_RECEIVED, 4_000)
        assert lost == ["call_1"]
        stored = await other.calls.get("call_1")
        assert stored is not None
        assert (stored.disconnection_reason, stored.end_timestamp) == (DisconnectionReason.ERROR_RETELL, 3_000)
        assert await other.outbox.depth() == 2  # call_ended and call_analyzed, told by the one that closed it
