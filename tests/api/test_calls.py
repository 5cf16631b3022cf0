from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.errors import AsteriskRefused, AsteriskUnreachable, CallNotOngoing, ChannelGone
from ari_agent.store.store import Store
from tests.api.conftest import NOW_MS, Api, Board, Json, OneCall, StartApi, refused

pytestmark = pytest.mark.slow


def a_call(number: int = 0, **settings: Any) -> Call:
    return Call.model_validate(
        {
            "call_id": f"call_{number:028d}",
            "agent_id": "agent_1",
            "call_status": "ended",
            "direction": "inbound",
            "from_number": "+14157770000",
            "to_number": "+14157774444",
            "start_timestamp": NOW_MS + number,
            "disconnection_reason": "user_hangup",
            "transcript": "Agent: Hello.",
            "transcript_object": [{"role": "agent", "content": "Hello.", "words": []}],
            **settings,
        }
    )


@pytest.mark.parametrize("path", ["/v2/get-call", "/get-call"])
async def test_a_call_is_read_as_it_was_recorded(api: Api, store: Store, path: str) -> None:
    call = a_call(metadata={"a": [None, 1.5, "ü"]}, retell_llm_dynamic_variables={"x-caller": "Ada"})
    await store.calls.save(call)
    response = await api.get(f"{path}/{call.call_id}")
    assert (response.status, await response.json()) == (200, call.as_json())
    assert "metadata" not in (a_call()).as_json()


@pytest.mark.parametrize("call_id", ["call_unknown", "%00", "..", "a" * 300])
async def test_an_unknown_call_is_422(api: Api, board: Board, call_id: str) -> None:
    for response in (
        await api.get(f"/v2/get-call/{call_id}"),
        await api.post(f"/v2/stop-call/{call_id}"),
        await api.post(f"/v2/transfer-call/{call_id}", json={"to": "+14157775555"}),
        await api.post(f"/v2/send-dtmf/{call_id}", json={"digits": "1"}),
    ):
        if call_id == "..":  # the client itself resolves that one, to a path that is not there
            await refused(response, 404)
        else:
            assert "not found" in await refused(response, 422)
    assert board.asked == []


# Listing.


async def listed(api: Api, **wanted: Any) -> list[int]:
    response = await api.post("/v3/list-calls", json=wanted)
    body = await response.json()
    assert response.status == 200, body
    return [int(item["call_id"].removeprefix("call_")) for item in body["items"]]


async def test_calls_are_listed_latest_first_in_pages_without_transcripts(api: Api, store: Store) -> None:
    for number in range(5):
        await store.calls.save(a_call(number))
    first = await (await api.post("/v3/list-calls", json={"limit": 2, "include_total": True})).json()
    assert (first["has_more"], first["total"], len(first["items"])) == (True, 5, 2)
    assert not [key for key in first["items"][0] if "transcript" in key]
    second = {"limit": 2, "pagination_key": first["pagination_key"]}
    assert await listed(api, **second) == [2, 1]
    assert await listed(api, sort_order="ascending", skip=3) == [3, 4]
    last = await (await api.post("/v3/list-calls", json={"skip": 4})).json()
    assert (last["has_more"], "pagination_key" in last, "total" in last) == (False, False, False)
    assert await listed(api) == [4, 3, 2, 1, 0]


FILTERS: list[tuple[Json, list[int]]] = [
    ({"call_status": {"type": "enum", "op": "in", "value": ["ongoing"]}}, [2]),
    ({"direction": {"type": "enum", "op": "in", "value": ["outbound"]}}, [1]),
    ({"disconnection_reason": {"type": "enum", "op": "in", "value": ["inactivity", "dial_busy"]}}, [3]),
    ({"from_number": {"type": "string", "op": "sw", "value": "+49"}}, [4]),
    ({"start_timestamp": {"type": "range", "op": "bt", "value": [NOW_MS + 1, NOW_MS + 2]}}, [2, 1]),
    ({"start_timestamp": {"type": "number", "op": "gt", "value": NOW_MS + 3}}, [4]),
    ({"agent": [{"agent_id": "agent_2"}, {"agent_id": "agent_1", "version": [1]}]}, [4, 3]),
    ({"call_id": {"type": "enum", "op": "in", "value": [a_call(3).call_id]}}, [3]),
    ({"call_id": {"type": "string", "op": "ew", "value": "2"}}, [2]),
    ({"call_type": {"type": "enum", "op": "in", "value": ["web_call"]}}, []),
]


async def save_assorted(store: Store) -> None:
    await store.calls.save(a_call(0))
    await store.calls.save(a_call(1, direction="outbound"))
    await store.calls.save(a_call(2, call_status="ongoing", disconnection_reason=None))
    await store.calls.save(a_call(3, disconnection_reason="inactivity", agent_id="agent_2"))
    await store.calls.save(a_call(4, from_number="+4915112345678", agent_version=1))


@pytest.mark.parametrize(("criteria", "expected"), FILTERS)
async def test_calls_are_filtered(api: Api, store: Store, criteria: Json, expected: list[int]) -> None:
    await save_assorted(store)
    assert await listed(api, filter_criteria=criteria) == expected


async def test_the_older_list_is_a_bare_array_of_whole_calls(api: Api, store: Store) -> None:
    await save_assorted(store)

    async def older(**wanted: Any) -> list[int]:
        items = await (await api.post("/v2/list-calls", json=wanted)).json()
        assert all("transcript_object" in item for item in items)
        return [int(item["call_id"].removeprefix("call_")) for item in items]

    assert await older() == [4, 3, 2, 1, 0]
    assert await older(limit=2, pagination_key=a_call(3).call_id) == [2, 1]
    assert await older(filter_criteria={"agent_id": ["agent_2"], "direction": ["inbound"]}) == [3]
    assert await older(filter_criteria={"agent_id": []}) == [4, 3, 2, 1, 0]
    window = {"after_start_timestamp": NOW_MS + 1, "before_start_timestamp": NOW_MS + 3}
    assert await older(filter_criteria=window, sort_order="ascending") == [1, 2]
    assert await older(filter_criteria={"start_timestamp": {"lower_threshold": NOW_MS + 4}}) == [4]
    assert await older(filter_criteria={"start_timestamp": {"upper_threshold": NOW_MS}}) == [0]


@pytest.mark.parametrize("path", ["/v2/list-calls", "/v3/list-calls"])
async def test_a_list_that_cannot_be_made_is_refused(api: Api, path: str) -> None:
    for wanted, complaint in (
        ({"filter_criteria": {"in_voicemail": 1}}, "filter_criteria.in_voicemail: must be an "),
        ({"limit": 0}, "limit: must be greater than or equal to 1, not 0"),
        ({"limit": 1001}, "limit: must be less than or equal to 1000"),
        ({"sort_order": "random"}, "sort_order: must be 'ascending' or 'descending'"),
        ({"pagination_key": "call_never"}, "pagination_key: 'call_never' is none"),
    ):
        assert complaint in await refused(await api.post(path, json=wanted), 400)
    text = {"type": "string", "op": "eq", "value": "\0"}
    if path.startswith("/v3"):
        response = await api.post(path, json={"filter_criteria": {"from_number": text}})
        assert "filter_criteria.from_number.value: must not hold" in await refused(response, 400)


# Control.


@pytest.fixture
def live(board: Board) -> OneCall:
    call = OneCall("call_live")
    board.calls.append(call)
    return call


@pytest.mark.parametrize(("body", "cause"), [(b"", 16), (b"{}", 16), (b'{"q850_cause":21}', 21)])
async def test_a_call_is_stopped_with_and_without_a_body(
    api: Api, board: Board, live: OneCall, body: bytes, cause: int
) -> None:
    headers = {"Content-Type": "application/json", "Accept": "*/*"}
    response = await api.post(f"/v2/stop-call/{live.call_id}", data=body, headers=headers)
    assert (response.status, await response.read()) == (204, b"")
    assert board.asked == [(live.call_id, HangupRequest(q850_cause=cause))]


async def test_a_cause_that_does_not_exist_is_refused(api: Api, board: Board, live: OneCall) -> None:
    response = await api.post(f"/v2/stop-call/{live.call_id}", json={"q850_cause": 128})
    assert "q850_cause: must be less than or equal to 127, not 128" in await refused(response, 400)
    assert board.asked == []


async def test_headers_that_no_bye_will_have_are_named_and_the_call_is_stopped(
    api: Api, board: Board, live: OneCall
) -> None:
    response = await api.post(f"/v2/stop-call/{live.call_id}", json={"headers": {"X-Case": "7", "x-b": "8"}})
    assert response.status == 200
    told = await response.json()
    assert told["headers_not_sent"] == ["X-Case", "x-b"]
    assert "Asterisk puts none of ours on a BYE" in told["message"]
    assert board.asked == [(live.call_id, HangupRequest(headers={"X-Case": "7", "x-b": "8"}))]


async def test_headers_that_nobody_may_send_are_refused(api: Api, board: Board, live: OneCall) -> None:
    response = await api.post(f"/v2/stop-call/{live.call_id}", json={"headers": {"Via": "x"}})
    assert "header 'Via' is not carried" in await refused(response, 400)
    assert board.asked == []


async def test_a_call_that_is_over_cannot_be_controlled(api: Api, store: Store) -> None:
    await store.calls.save(a_call(1))
    path = a_call(1).call_id
    for response in (
        await api.post(f"/v2/stop-call/{path}"),
        await api.post(f"/v2/transfer-call/{path}", json={"to": "100"}),
        await api.post(f"/v2/send-dtmf/{path}", json={"digits": "1"}),
    ):
        assert "is not ongoing: its call_status is ended" in await refused(response, 400)


@pytest.mark.parametrize(
    "outcome",
    [TransferOutcome(status="succeeded"), TransferOutcome(status="failed", sip_status=486, message="Busy Here")],
)
async def test_a_transfer_answers_its_outcome(api: Api, board: Board, live: OneCall, outcome: TransferOutcome) -> None:
    board.outcome = outcome
    body = {"to": "+14157775555", "headers": {"X-Account": "7"}}
    response = await api.post(f"/v2/transfer-call/{live.call_id}", json=body)
    assert (response.status, await response.json()) == (200, outcome.model_dump(exclude_none=True))
    assert board.asked == [(live.call_id, TransferRequest(to="+14157775555", headers={"X-Account": "7"}))]


async def test_a_transfer_without_an_outcome_in_time_says_so(start_api: StartApi, board: Board, live: OneCall) -> None:
    board.before_outcome = asyncio.Event().wait
    api = await start_api(transfer_timeout_s=0.01)
    response = await api.post(f"/v2/transfer-call/{live.call_id}", json={"to": "100"})
    assert "without an outcome so far" in await refused(response, 504)


@pytest.mark.parametrize("to", ["+1415>", "sip:a@b,c", "a\r\nX: 1", "", None])
async def test_a_destination_that_could_inject_is_refused(api: Api, board: Board, live: OneCall, to: object) -> None:
    response = await api.post(f"/v2/transfer-call/{live.call_id}", json={"to": to})
    assert (await refused(response, 400)).startswith("to: ")
    assert board.asked == []


@pytest.mark.parametrize(("action", "paused"), [("pause", True), ("resume", False)])
async def test_a_recording_is_paused_and_resumed(
    api: Api, board: Board, live: OneCall, action: str, paused: bool
) -> None:
    assert (await api.post(f"/v2/{action}-recording/{live.call_id}")).status == 204
    assert board.asked == [(live.call_id, paused)]
    assert "not found" in await refused(await api.post(f"/v2/{action}-recording/call_unknown"), 422)


async def test_digits_are_sent(api: Api, board: Board, live: OneCall) -> None:
    assert (await api.post(f"/v2/send-dtmf/{live.call_id}", json={"digits": "12#"})).status == 204
    assert board.asked == [(live.call_id, DtmfRequest(digits="12#"))]
    response = await api.post(f"/v2/send-dtmf/{live.call_id}", json={"digits": "hello"})
    assert (await refused(response, 400)).startswith("digits: must match")


@pytest.mark.parametrize(
    ("trouble", "status", "said"),
    [
        (CallNotOngoing("call_live", "arrived"), 400, "not ongoing"),
        (ChannelGone("POST", "/channels/1/dtmf", 404, "Channel not found"), 400, "just ended"),
        (AsteriskRefused("POST", "/channels/1/dtmf", 409, "Channel not in a Stasis application"), 502, "refused"),
        (AsteriskUnreachable("http://127.0.0.1:8088/ari", "refused"), 503, "not reachable"),
    ],
)
async def test_trouble_with_asterisk_is_told_once_and_not_to_be_repeated(
    api: Api, board: Board, live: OneCall, trouble: Exception, status: int, said: str
) -> None:
    board.trouble = trouble
    response = await api.post(f"/v2/send-dtmf/{live.call_id}", json={"digits": "1"})
    message = await refused(response, status)
    assert said in message
    assert "127.0.0.1" not in message
    assert (response.headers.get("x-should-retry") == "false") is (status >= 500)
