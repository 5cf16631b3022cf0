from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, Final

import pytest

from ari_agent.analysis.analyst import AnalysisFailed
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.contract.call import Call, CallAnalysis
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.contract.chat import Chat, ChatAnalysis
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.errors import CallNotOngoing
from ari_agent.store.store import Store
from tests.api.conftest import Api, Board, Json, OneCall, StartApi, refused
from tests.api.test_calls import a_call
from tests.fakes.llm_server import until
from tests.fakes.slow_finder import SlowFinder
from tests.store.samples import an_event
from tests.store.test_chats import a_chat

pytestmark = pytest.mark.slow

OVER = a_call(1)
CARD: Final = "4111 1111 1111 1111"
PATH = f"/v2/update-call/{OVER.call_id}"


async def patch(api: Api, path: str, body: Json) -> Json:
    response = await api.patch(path, json=body)
    found: Json = await response.json()
    assert response.status == 200, found
    return found


async def test_a_call_that_is_over_is_changed(api: Api, store: Store) -> None:
    await store.calls.save(OVER)
    changed = await patch(
        api,
        PATH,
        {
            "metadata": {"order": "7"},
            "custom_attributes": {"tier": "gold", "score": 3, "vip": True},
            "data_storage_setting": "everything_except_pii",
            "override_dynamic_variables": {"not": "any more"},
        },
    )
    assert changed["metadata"] == {"order": "7"}
    assert changed["custom_attributes"] == {"tier": "gold", "score": 3, "vip": True}
    assert changed["data_storage_setting"] == "everything_except_pii"
    assert "retell_llm_dynamic_variables" not in changed
    assert (await patch(api, PATH, {"custom_attributes": {"tier": "iron"}}))["custom_attributes"] == {
        "tier": "iron",
        "score": 3,
        "vip": True,
    }
    assert "metadata" not in await patch(api, PATH, {"metadata": None})
    assert (await (await api.get(f"/v2/get-call/{OVER.call_id}")).json())["custom_attributes"]["tier"] == "iron"


async def test_of_basic_attributes_nothing_that_was_said_is_shown(api: Api, store: Store) -> None:
    said = {"transcript": "User: Hi.\n", "transcript_object": [{"role": "user", "content": "Hi."}]}
    await store.calls.save(a_call(1, **said))
    assert (await patch(api, PATH, {"metadata": {}}))["transcript"] == "User: Hi.\n"
    changed = await patch(api, PATH, {"data_storage_setting": "basic_attributes_only"})
    for call in (changed, await (await api.get(f"/v2/get-call/{OVER.call_id}")).json()):
        assert not any("transcript" in key for key in call)


async def test_a_call_that_is_to_be_without_personal_data_is_scrubbed(api: Api, store: Store) -> None:
    content = "Card 4111 1111 1111 1111, mail bob@example.com."
    said = {"transcript": f"User: {content}\n", "transcript_object": [{"role": "user", "content": content}]}
    call = a_call(1, **said, recording_url="http://127.0.0.1/r.wav", metadata={"card": "4111111111111111"})
    await store.calls.save(call, (), CallRecovery(pii_categories=frozenset({"credit_card"})))
    changed = await patch(api, PATH, {"data_storage_setting": "everything_except_pii"})
    assert changed["transcript"] == "User: Card [credit_card], mail bob@example.com.\n"
    assert changed["metadata"] == {"card": "[credit_card]"}
    assert "recording_url" not in changed
    again = await patch(api, PATH, {"metadata": {"note": "5105105105105100"}})
    assert again["metadata"] == {"note": "[credit_card]"}


@pytest.mark.parametrize("setting", ["everything_except_pii", "basic_attributes_only"])
async def test_of_a_call_that_is_made_stricter_webhooks_that_nobody_took_tell_no_more_than_its_record(
    api: Api, store: Store, setting: str
) -> None:
    content = {"transcript": f"User: {CARD}\n", "call_analysis": CallAnalysis(call_summary=f"Paid by {CARD}.")}
    call = a_call(1, **content)
    names = (WebhookEventName.CALL_ENDED, WebhookEventName.CALL_ANALYZED)
    await store.calls.save(
        call,
        [replace(an_event(OVER.call_id, name), body=json.dumps({"call": call.as_json()}).encode()) for name in names],
        CallRecovery(pii_categories=frozenset({"credit_card"})),
    )
    (first,) = await store.outbox.due(2**50, 10)
    await store.outbox.failed(first.outbox_id, "answered 500", None)
    changed = await patch(api, PATH, {"data_storage_setting": setting})
    summary = {"everything_except_pii": "Paid by [credit_card]."}.get(setting)
    assert changed["call_analysis"].get("call_summary") == summary
    (dead,), (pending,) = await store.outbox.dead_letters(), await store.outbox.due(2**50, 10)
    for body in (dead.event.body, pending.event.body):
        assert CARD not in body.decode()
        assert json.loads(body)["call"]["call_analysis"].get("call_summary") == summary


async def test_an_analysis_that_comes_while_personal_data_is_looked_for_is_scrubbed_as_well(
    store: Store, start_api: StartApi
) -> None:
    slowly = SlowFinder()
    api = await start_api(find_more=slowly)
    said = {"transcript": "User: Hi.\n", "transcript_object": [{"role": "user", "content": "Hi."}]}
    await store.calls.save(a_call(1, **said))
    changing = asyncio.create_task(patch(api, PATH, {"data_storage_setting": "everything_except_pii"}))
    await until(lambda: bool(slowly.looked))
    await store.calls.update_fields(OVER.call_id, {"call_analysis": {"call_summary": CARD}})
    slowly.goes_on.set()
    assert (await changing)["call_analysis"] == {"call_summary": "[credit_card]"}


async def test_the_storage_setting_goes_towards_stricter_alone(api: Api, store: Store) -> None:
    await store.calls.save(OVER)
    for setting in ("everything_except_pii", "everything_except_pii", "basic_attributes_only"):
        assert (await patch(api, PATH, {"data_storage_setting": setting}))["data_storage_setting"] == setting
    for setting in ("everything", "everything_except_pii"):
        response = await api.patch(PATH, json={"data_storage_setting": setting, "metadata": {"a": 1}})
        assert "cannot go from basic_attributes_only back to" in await refused(response, 400)
    assert "metadata" not in await (await api.get(f"/v2/get-call/{OVER.call_id}")).json()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"metadata": {"a": "x" * 52_000}}, "metadata: must be at most 51200 bytes of JSON, not 52008"),
        ({"metadata": []}, "metadata: must be an object"),
        ({"custom_attributes": {"a": None}}, "custom_attributes.a: must be"),
        ({"custom_attributes": {"a": {}}}, "custom_attributes.a: must be"),
        ({"data_storage_setting": "nothing"}, "data_storage_setting: must be 'everything'"),
    ],
)
async def test_a_wrong_change_is_refused(api: Api, store: Store, body: Json, complaint: str) -> None:
    await store.calls.save(OVER)
    assert complaint in await refused(await api.patch(PATH, json=body), 400)


async def test_a_call_that_is_not_over_is_left_alone(api: Api, store: Store) -> None:
    live = a_call(2, call_status="ongoing", disconnection_reason=None)
    await store.calls.save(live)
    for response in (
        await api.patch(f"/v2/update-call/{live.call_id}", json={"metadata": {}}),
        await api.delete(f"/v2/delete-call/{live.call_id}"),
        await api.put(f"/rerun-call-analysis/{live.call_id}"),
    ):
        assert "is not over: its call_status is ongoing" in await refused(response, 400)
    assert await store.calls.get(live.call_id) == live


async def test_a_call_is_deleted(api: Api, store: Store) -> None:
    await store.calls.save(OVER)
    response = await api.delete(f"/v2/delete-call/{OVER.call_id}")
    assert (response.status, await response.read()) == (204, b"")
    await refused(await api.delete(f"/v2/delete-call/{OVER.call_id}"), 422)
    await refused(await api.get(f"/v2/get-call/{OVER.call_id}"), 422)


async def test_an_analysis_is_shown_again(api: Api, store: Store) -> None:
    call = a_call(1, call_analysis={"call_summary": "The caller hung up after 7 s."})
    await store.calls.save(call)
    response = await api.put(f"/rerun-call-analysis/{call.call_id}")
    assert (response.status, await response.json()) == (200, call.as_json())


async def test_an_analysis_is_run_again(store: Store, start_api: StartApi) -> None:
    other = a_call(2)

    async def rerun(call_id: str) -> Call:
        if call_id == other.call_id:
            raise AnalysisFailed(call_id, "the model is away")
        return OVER.model_copy(update={"call_analysis": CallAnalysis(call_summary="Again.")})

    api = await start_api(rerun_call_analysis=rerun)
    for call in (OVER, other):
        await store.calls.save(call)
    response = await api.put(f"/rerun-call-analysis/{OVER.call_id}")
    assert (response.status, (await response.json())["call_analysis"]) == (200, {"call_summary": "Again."})
    assert "the model is away" in await refused(await api.put(f"/rerun-call-analysis/{other.call_id}"), 502)
    await refused(await api.put("/rerun-call-analysis/call_none"), 422)


async def test_an_analysis_of_a_chat_is_run_again(store: Store, start_api: StartApi) -> None:
    over, live = a_chat(1, chat_status="ended"), a_chat(2)

    async def rerun(_chat_id: str) -> Chat:
        return over.model_copy(update={"chat_analysis": ChatAnalysis(chat_summary="Again.")})

    api = await start_api(rerun_chat_analysis=rerun)
    for chat in (over, live):
        await store.chats.save(chat)
    response = await api.put(f"/rerun-chat-analysis/{over.chat_id}")
    assert (response.status, (await response.json())["chat_analysis"]) == (200, {"chat_summary": "Again."})
    assert "is ongoing" in await refused(await api.put(f"/rerun-chat-analysis/{live.chat_id}"), 400)


async def test_fields_of_a_live_call_are_overridden(api: Api, board: Board) -> None:
    board.calls.append(OneCall("call_live"))
    wanted: list[Json] = [
        {"fields_to_override": {"metadata": {"a": 1}, "override_dynamic_variables": None}},
        {"fields_to_override": {"metadata": None}, "call_control": {"trigger_response": True}},
        {"call_control": {"additional_context": "VIP"}},
        {},
    ]
    for update in wanted:
        assert await patch(api, "/v2/update-live-call/call_live", update) == {"success": True}
    assert board.asked == [("call_live", LiveCallUpdate.model_validate(update)) for update in wanted]


@pytest.mark.parametrize(
    ("update", "complaint"),
    [
        ({"call_control": {"additional_context": ""}}, "call_control.additional_context: must have at least 1"),
        ({"call_control": {"additional_context": "x" * 51_201}}, "call_control.additional_context: must have at most"),
        ({"call_control": {"trigger_response": "yes"}}, "call_control.trigger_response: must be true or false"),
        ({"call_control": "speak"}, "call_control: must be an object"),
        (
            {"fields_to_override": {"override_dynamic_variables": {"a": None}}},
            "fields_to_override.override_dynamic_variables.a: must be a string",
        ),
        ({"fields_to_override": {"metadata": []}}, "fields_to_override.metadata: must be an object"),
    ],
)
async def test_a_wrong_live_update_is_refused(api: Api, board: Board, update: Json, complaint: str) -> None:
    board.calls.append(OneCall("call_live"))
    assert complaint in await refused(await api.patch("/v2/update-live-call/call_live", json=update), 400)
    assert board.asked == []


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (ValueError("fields_to_override.metadata: cannot be"), "fields_to_override.metadata: cannot be"),
        (CallNotOngoing("call_live", "arrived"), "not ongoing"),
    ],
)
async def test_an_override_that_cannot_be_is_refused(api: Api, board: Board, trouble: Exception, said: str) -> None:
    board.calls.append(OneCall("call_live"))
    board.trouble = trouble
    body = {"fields_to_override": {"data_storage_setting": "everything"}}
    assert said in await refused(await api.patch("/v2/update-live-call/call_live", json=body), 400)


async def test_what_needs_webrtc_says_so(api: Api, board: Board, store: Store) -> None:
    board.calls.append(OneCall("call_live"))
    await store.calls.save(OVER)
    assert "WebRTC" in await refused(await api.post("/v2/listen-live-call/call_live"), 501)
    taken = await api.post("/v2/take-over-live-call/call_live", json={"participant_id": "p"})
    assert "/v2/transfer-call" in await refused(taken, 501)
    assert "not ongoing" in await refused(await api.post(f"/v2/listen-live-call/{OVER.call_id}"), 400)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "/v2/update-call", {}),
        ("patch", "/v2/update-live-call", {}),
        ("patch", "/v2/update-live-call", {"fields_to_override": {"metadata": {}}}),
        ("patch", "/v2/update-live-call", {"call_control": {"trigger_response": True}}),
        ("delete", "/v2/delete-call", None),
        ("put", "/rerun-call-analysis", None),
        ("post", "/v2/listen-live-call", None),
        ("post", "/v2/take-over-live-call", {"participant_id": "p"}),
    ],
)
async def test_an_unknown_call_is_422(api: Api, method: str, path: str, body: Any) -> None:
    sent: Json = {} if body is None else {"json": body}
    assert "not found" in await refused(await getattr(api, method)(f"{path}/call_gone", **sent), 422)


async def test_the_workspace_tells_its_concurrency_and_key(start_api: StartApi) -> None:
    slots = Slots(20, reserved_inbound=5)
    api = await start_api(slots=slots)
    async with slots.inbound(), slots.outbound():
        answered = await (await api.get("/get-concurrency")).json()
    assert answered == {
        "current_concurrency": 2,
        "concurrency_limit": 20,
        "base_concurrency": 20,
        "purchased_concurrency": 0,
        "concurrency_purchase_limit": 0,
        "remaining_purchase_limit": 0,
        "reserved_inbound_concurrency": 5,
        "concurrency_burst_enabled": False,
        "concurrency_burst_limit": 0,
    }
    key = await (await api.get("/get-api-key-info")).json()
    assert set(key) == {"org_id", "org_name", "api_key_name"}


async def test_a_call_whose_first_record_is_not_stored_yet_is_known_and_not_over(api: Api, board: Board) -> None:
    ringing = a_call(1, call_status="registered", disconnection_reason=None)
    board.calls.append(OneCall(ringing.call_id, record=ringing))
    assert await (await api.get(f"/v2/get-call/{ringing.call_id}")).json() == ringing.as_json()
    for response in (
        await api.patch(PATH, json={"metadata": {}}),
        await api.delete(f"/v2/delete-call/{ringing.call_id}"),
        await api.put(f"/rerun-call-analysis/{ringing.call_id}"),
    ):
        assert "is not over: its call_status is registered" in await refused(response, 400)
