"""Two controllers on one database: either answers for the calls of the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.other_nodes import OtherNodes, by_its_node
from ari_agent.contract.node import NodeInfo
from ari_agent.http_client import http_client
from ari_agent.nodes.passed_on import HEADER, prove
from ari_agent.store.store import Store
from tests.api.conftest import API_KEY, NOW_MS, Api, Board, Json, OneCall, StartApi, refused
from tests.store.samples import a_call

CALL = "call_1"
REQUESTS: list[tuple[str, str, Json | None, int]] = [
    ("POST", f"/v2/stop-call/{CALL}", None, 204),
    ("POST", f"/v2/stop-call/{CALL}", {"cause": 17}, 204),
    ("POST", f"/v2/transfer-call/{CALL}", {"to": "+14155550100"}, 200),
    ("POST", f"/v2/send-dtmf/{CALL}", {"digits": "12#"}, 204),
    ("PATCH", f"/v2/update-live-call/{CALL}", {"metadata": {"a": 1}}, 200),
    ("POST", f"/v2/pause-recording/{CALL}", None, 204),
    ("POST", f"/v2/resume-recording/{CALL}", None, 204),
    ("POST", f"/v2/listen-live-call/{CALL}", None, 501),
    ("GET", f"/v2/get-call/{CALL}", None, 200),
]


@dataclass
class Pair:
    """Two controllers, of which the second has the call in hand. nodes: as both see them."""

    one: Api
    two: Api
    board_of_one: Board
    board_of_two: Board
    store: Store
    nodes: list[NodeInfo]

    async def ask(self, api: Api, method: str, path: str, body: Json | None = None, **more: Any) -> tuple[int, Any]:
        """The answer's status and body, without what differs from one request to the next."""
        answer = await api.request(method, path, json=body, **more)
        return answer.status, await (answer.json() if answer.content_type == "application/json" else answer.text())


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_client() as session:
        yield session


@pytest.fixture
async def pair(start_api: StartApi, store: Store, http: aiohttp.ClientSession) -> Pair:
    store.node_id = 2
    await store.calls.save(a_call(CALL, call_status="ongoing"))
    nodes: list[NodeInfo] = []
    boards, apis = (Board(), Board([OneCall(CALL)])), []
    for own, board in enumerate(boards, 1):

        def seen(own: int = own) -> list[NodeInfo]:
            return [node.model_copy(update={"is_this": node.node_id == own}) for node in nodes]

        others = OtherNodes(store.calls, http, API_KEY, nodes=seen, now_ms=lambda: NOW_MS)
        apis.append(await start_api(switchboard=board, nodes=seen, other_nodes=others))
    nodes += [
        NodeInfo(
            node_id=number,
            name=f"node {number}",
            app="a",
            url=str(api.make_url("")).rstrip("/"),
            version="1",
            state="serving",
            started_at=0,
        )
        for number, api in enumerate(apis, 1)
    ]
    [one, two], [board_of_one, board_of_two] = apis, boards
    return Pair(one, two, board_of_one, board_of_two, store, nodes)


@pytest.mark.parametrize(("method", "path", "body", "status"), REQUESTS)
async def test_either_answers_what_the_one_with_the_call_answers(
    pair: Pair, method: str, path: str, body: Json | None, status: int
) -> None:
    there = await pair.ask(pair.two, method, path, body)
    here = await pair.ask(pair.one, method, path, body)
    assert here == there and here[0] == status
    assert pair.board_of_one.asked == []
    assert len(pair.board_of_two.asked) == (2 if status < 300 and method != "GET" else 0)
    assert pair.board_of_two.asked[:1] == pair.board_of_two.asked[1:]


async def test_what_is_wrong_with_a_request_is_told_by_the_other_as_well(pair: Pair) -> None:
    answer = await pair.one.post(f"/v2/send-dtmf/{CALL}", json={"digits": "x", "unknown": 1})
    assert "digits" in await refused(answer, 400)
    own = await pair.two.post(f"/v2/send-dtmf/{CALL}", json={"digits": "x", "unknown": 1})
    assert {name: value for name, value in answer.headers.items() if name != "Date"} == {
        name: value for name, value in own.headers.items() if name != "Date"
    }


async def test_calls_that_are_over_or_unknown_are_answered_at_once(pair: Pair) -> None:
    await pair.store.calls.save(a_call("call_2", call_status="ended", disconnection_reason="user_hangup"))
    pair.nodes.clear()
    assert "not ongoing: its call_status is ended" in await refused(await pair.one.post("/v2/stop-call/call_2"), 400)
    assert "call call_3 not found" in await refused(await pair.one.post("/v2/stop-call/call_3"), 422)
    assert (await pair.one.get("/v2/get-call/call_2")).status == 200


async def test_of_a_call_whose_first_record_is_just_stored_the_other_one_is_asked(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.board_of_two.calls.append(OneCall("call_4"))
    look = pair.store.calls.holder

    async def look_and_store(call_id: str) -> int | None:
        try:
            return await look(call_id)
        finally:
            await pair.store.calls.save(a_call(call_id, call_status="ongoing"))

    monkeypatch.setattr(pair.store.calls, "holder", look_and_store)
    assert (await pair.ask(pair.one, "POST", "/v2/stop-call/call_4"))[0] == 204


@pytest.mark.parametrize(
    ("change", "status", "said", "retry_after"),
    [
        (None, 503, "was with a controller that has died", "1"),
        ({"state": "lost"}, 503, "was with a controller that has died", "1"),
        ({"url": None}, 503, "set ARI_AGENT_NODE_URL there", None),
        ({"url": "http://127.0.0.1:9"}, 503, "is not reached at http://127.0.0.1:9", "1"),
    ],
)
async def test_a_controller_that_is_not_there_is_named_and_what_is_stored_is_still_read(
    pair: Pair, change: Json | None, status: int, said: str, retry_after: str | None
) -> None:
    other = pair.nodes.pop()
    if change is not None:
        pair.nodes.append(other.model_copy(update=change))
    answer = await pair.one.post(f"/v2/stop-call/{CALL}")
    assert said in await refused(answer, status)
    assert answer.headers.get("Retry-After") == retry_after
    assert (await pair.ask(pair.one, "GET", f"/v2/get-call/{CALL}"))[1]["call_status"] == "ongoing"


async def test_a_request_is_passed_on_once(pair: Pair) -> None:
    pair.board_of_two.calls.clear()
    pair.store.node_id = 1
    await pair.store.held_calls.take_over(2, 1)
    await pair.store.calls.save(a_call(CALL, call_status="ongoing"))
    answer = await pair.two.post(f"/v2/stop-call/{CALL}")
    assert "is not ongoing" in await refused(answer, 400), "its own node knows of no such call"
    pair.nodes[0] = pair.nodes[0].model_copy(update={"url": pair.nodes[1].url})
    answer = await pair.two.post(f"/v2/stop-call/{CALL}")
    assert "goes from one controller to another" in await refused(answer, 503)
    assert answer.headers["Retry-After"] == "1"


async def test_one_that_hangs_is_not_waited_for_for_ever_and_may_have_done_it(pair: Pair) -> None:
    pair.board_of_two.before_outcome = asyncio.Event().wait

    async def never(_: web.Request) -> web.Response:
        raise AssertionError("the call is not here")

    impatient = web.Application()
    impatient[DEPENDENCIES] = pair.one.app[DEPENDENCIES]
    impatient.router.add_post("/v2/transfer-call/{call_id}", by_its_node(never, 0.3))
    async with TestClient(TestServer(impatient)) as client:
        answer = await client.post(f"/v2/transfer-call/{CALL}", json={"to": "+14155550100"})
        assert "may have done this, or not" in await refused(answer, 504)
        assert answer.headers["x-should-retry"] == "false"
    assert len(pair.board_of_two.asked) == 1


async def test_a_controller_with_another_api_key_is_told_apart_from_a_client_with_a_wrong_one(
    pair: Pair, start_api: StartApi
) -> None:
    stranger = await start_api(api_key="another", switchboard=pair.board_of_two)
    url = str(stranger.make_url("")).rstrip("/")
    pair.nodes[1] = pair.nodes[1].model_copy(update={"url": url})
    assert "has another API key" in await refused(await pair.one.post(f"/v2/stop-call/{CALL}"), 502)
    assert pair.board_of_two.asked == []


async def test_only_a_controller_passes_requests_on(pair: Pair) -> None:
    path = f"/v2/send-dtmf/{CALL}"
    proof = prove("POST", path, b'{"digits": "1"}', api_key=API_KEY, nonce="1" * 16, now_ms=NOW_MS)
    stale = prove("POST", path, b'{"digits": "1"}', api_key=API_KEY, nonce="2" * 16, now_ms=NOW_MS - 60_001)
    for given, body, said in (
        ("", b"{}", "is not of a controller with this API key"),
        (stale, b'{"digits": "1"}', "its clock or ours is wrong"),
        (proof, b'{"digits": "2"}', "the body is not the one"),
    ):
        answer = await pair.two.post(path, data=body, headers={HEADER: given, "Authorization": ""})
        assert said in await refused(answer, 401)
    assert (
        await pair.two.post(path, data=b'{"digits": "1"}', headers={HEADER: proof, "Authorization": ""})
    ).status == 204


async def test_nodes_are_listed(pair: Pair) -> None:
    status, listed = await pair.ask(pair.one, "GET", "/list-nodes")
    assert status == 200 and [(node["name"], node["is_this"]) for node in listed] == [
        ("node 1", True),
        ("node 2", False),
    ]
