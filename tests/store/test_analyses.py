"""Calls and chats that wait for their analysis: once each, and no more once it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ari_agent.contract.analysis_plan import AnalysisPlan
from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.chat import Chat
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.call_filter import Filter, FilterField, FilterOp
from ari_agent.store.call_records import StoredCall
from ari_agent.store.chats import GoesOn, StoredChat
from ari_agent.store.store import Store
from tests.store.samples import a_call, an_event
from tests.store.test_chats import a_chat
from tests.store.test_chats import an_agent as a_chat_agent

PLAN = AnalysisPlan.model_validate(
    {"items": [{"type": "boolean", "name": "new", "description": "?"}], "model": "large", "in_voicemail": True}
)
WAITS = CallRecovery(analysis_plan=PLAN, analysis_due_ms=9_000)
FOUND = {
    "call_analysis": {"call_summary": "Sold.", "user_sentiment": "Positive", "custom_analysis_data": {"new": True}}
}


def over(call_id: str = "call_1", **fields: Any) -> Call:
    return a_call(call_id, **{"call_status": "ended", "disconnection_reason": "user_hangup", **fields})


def analysed(stored: StoredCall) -> tuple[Mapping[str, object], Sequence[WebhookEvent]]:
    return FOUND, [an_event(stored.call.call_id, WebhookEventName.CALL_ANALYZED)]


async def test_calls_wait_in_the_order_of_their_deadlines(store: Store) -> None:
    for number, due_ms in enumerate((3, None, 1, 2)):
        await store.calls.save(over(f"call_{number}"), recovery=CallRecovery(analysis_due_ms=due_ms))
    assert await store.analyses.waiting_calls(10) == [("call_2", 1), ("call_3", 2), ("call_0", 3)]
    assert await store.analyses.waiting_calls(1, except_ids={"call_2"}) == [("call_3", 2)]


async def test_an_analysis_is_stored_with_its_webhook_and_the_call_waits_no_more(store: Store) -> None:
    await store.calls.save(over(), recovery=WAITS)
    seen: list[StoredCall] = []

    def conclude(stored: StoredCall) -> tuple[Mapping[str, object], Sequence[WebhookEvent]]:
        seen.append(stored)
        return analysed(stored)

    call = await store.analyses.conclude_call("call_1", conclude)
    assert seen[0].recovery == WAITS
    assert call == await store.calls.get("call_1")
    assert call and call.as_json()["call_analysis"] == FOUND["call_analysis"]
    assert await store.outbox.depth() == 1
    assert await store.analyses.waiting_calls(10) == []
    assert await store.analyses.conclude_call("call_1", conclude) is None
    happy = Filter(FilterField.USER_SENTIMENT, FilterOp.EQ, "Positive")
    assert await store.calls.count([happy]) == 1


async def test_what_goes_wrong_leaves_the_call_waiting_and_its_record_alone(store: Store) -> None:
    await store.calls.save(over(), recovery=WAITS)

    def fail(_stored: StoredCall) -> tuple[Mapping[str, object], Sequence[WebhookEvent]]:
        raise RuntimeError("defect")

    with pytest.raises(RuntimeError):
        await store.analyses.conclude_call("call_1", fail)
    assert await store.analyses.waiting_calls(10) == [("call_1", 9_000)]
    assert await store.calls.get("call_1") == over()


async def test_a_record_that_is_saved_again_neither_waits_again_nor_loses_its_analysis(store: Store) -> None:
    await store.calls.save(a_call(), recovery=CallRecovery(analysis_plan=PLAN))
    assert await store.analyses.waiting_calls(10) == []
    await store.calls.save(over(), recovery=WAITS)
    await store.calls.save(over(), recovery=WAITS)
    assert await store.analyses.waiting_calls(10) == [("call_1", 9_000)]
    await store.analyses.conclude_call("call_1", analysed)
    await store.calls.save(over(), recovery=WAITS)
    assert await store.analyses.waiting_calls(10) == []
    call = await store.calls.get("call_1")
    assert call and call.call_analysis and call.call_analysis.call_summary == "Sold."


async def test_an_analysis_that_is_run_again_needs_no_call_that_waits(store: Store) -> None:
    await store.calls.save(over(), recovery=WAITS)
    for _ in range(2):
        assert await store.analyses.conclude_call("call_1", lambda _: (FOUND, ()), again=True)
    assert await store.analyses.waiting_calls(10) == [("call_1", 9_000)]
    assert await store.analyses.conclude_call("call_2", lambda _: (FOUND, ()), again=True) is None


async def test_a_call_that_is_deleted_waits_no_more(store: Store) -> None:
    await store.calls.save(over(), recovery=WAITS)
    await store.calls.delete("call_1")
    assert await store.analyses.waiting_calls(10) == []
    assert await store.analyses.conclude_call("call_1", analysed) is None


def goes_on(due_ms: int | None = 9_000) -> GoesOn:
    return GoesOn(a_chat_agent(), analysis_due_ms=due_ms)


def chat_analysed(stored: StoredChat) -> tuple[Chat, Sequence[WebhookEvent]]:
    assert stored.agent == a_chat_agent()
    chat = stored.chat.model_copy(update={"metadata": {"analysed": True}})
    return chat, [an_event(chat.chat_id, WebhookEventName.CHAT_ANALYZED)]


async def test_chats_wait_likewise(store: Store) -> None:
    chat, ended = a_chat(), a_chat(chat_status="ended")
    await store.chats.save(chat, goes_on=goes_on(None))
    assert await store.analyses.waiting_chats(10) == []
    await store.chats.save(ended, goes_on=goes_on())
    assert await store.analyses.waiting_chats(10) == [(chat.chat_id, 9_000)]
    assert await store.analyses.waiting_chats(10, except_ids={chat.chat_id}) == []
    found = await store.analyses.conclude_chat(chat.chat_id, chat_analysed)
    assert found and found.metadata == {"analysed": True} and found == await store.chats.get(chat.chat_id)
    assert await store.outbox.depth() == 1
    await store.chats.save(ended, goes_on=goes_on())
    assert await store.analyses.waiting_chats(10) == []
    assert await store.analyses.conclude_chat(chat.chat_id, chat_analysed) is None
    assert await store.analyses.conclude_chat(chat.chat_id, chat_analysed, again=True)


async def test_a_chat_is_replaced_only_where_it_is_as_it_was_read(store: Store) -> None:
    chat = a_chat()
    await store.chats.save(chat)
    wanted = chat.model_copy(update={"metadata": {"a": 1}})
    assert await store.chats.replace(chat, wanted)
    assert await store.chats.get(chat.chat_id) == wanted
    assert not await store.chats.replace(chat, chat)
    assert not await store.chats.replace(wanted.model_copy(update={"chat_id": "chat_none"}), wanted)
    stored = await store.chats.stored(chat.chat_id)
    assert stored and stored.chat == wanted and await store.chats.stored("chat_none") is None
