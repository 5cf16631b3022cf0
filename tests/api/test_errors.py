from __future__ import annotations

import json
import logging
from io import BytesIO
from typing import Any

import pytest

from ari_agent.api.errors import MAX_BODY_BYTES
from ari_agent.errors import StoreError
from ari_agent.store.store import Store
from tests.api.conftest import Api, Board, OneCall, refused


async def test_a_path_that_is_not_there_is_404_and_points_to_the_description(api: Api) -> None:
    assert "/openapi.json" in await refused(await api.get("/v9/get-call/x"), 404)


async def test_a_method_that_a_path_lacks_is_405(api: Api) -> None:
    response = await api.put("/create-agent")
    assert "PUT is not possible for /create-agent" in await refused(response, 405)
    assert response.headers["Allow"] == "POST"


async def test_a_controller_inside_another_program_is_not_drained(api: Api) -> None:
    assert "ends with that" in await refused(await api.post("/drain-node"), 501)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "the body is empty"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid UTF-8: byte 0 is 0xff"),
        (b'{"agent_name":"\xe4"}', "not valid UTF-8: byte 15"),
        (b"[]", "body: must be an object"),
        (b"null", "body: must be an object"),
        (b'{"volume":NaN}', "not valid JSON"),
        (b'{"volume":1e999}', "volume: must be a finite number"),
        (b'{"agent_name":"\\ud800"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON: recursion limit"),
        (b"9" * 100_000, "not valid JSON"),
    ],
)
async def test_a_body_that_is_no_json_object_is_400(api: Api, body: bytes, complaint: str) -> None:
    assert complaint in await refused(await api.post("/create-agent", data=body), 400)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_one_mebibyte_is_413(api: Api, announced: bool) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)

    async def in_pieces() -> Any:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    response = await api.post("/create-agent", data=BytesIO(body) if announced else in_pieces())
    assert "larger than 1048576 bytes" in await refused(response, 413)


async def test_a_body_of_exactly_one_mebibyte_is_read(api: Api) -> None:
    body = b'{"response_engine":{"type":"audio-websocket","audio_websocket_url":"ws://a"},"x":"'
    body += b"a" * (MAX_BODY_BYTES - len(body) - 2) + b'"}'
    assert (await api.post("/create-agent", data=BytesIO(body))).status == 201


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
async def test_a_body_that_says_it_is_not_packed_is_read(api: Api, encoding: str) -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://a"}
    headers = {"Content-Encoding": encoding}
    response = await api.post("/create-agent", data=json.dumps({"response_engine": engine}), headers=headers)
    assert response.status == 201


async def test_a_defect_of_ours_is_500_logged_once_and_tells_nothing(
    api: Api, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    board.calls.append(OneCall("call_live"))
    board.trouble = RuntimeError("postgresql://ada:secret@db/calls")
    with caplog.at_level(logging.INFO):
        message = await refused(await api.post("/v2/stop-call/call_live"), 500)
    assert "secret" not in message
    assert [record.message for record in caplog.records if record.exc_info] == ["request failed"]


async def test_a_database_that_is_away_is_503_without_its_address(
    api: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreError("postgresql://db:5432 is not reachable")

    monkeypatch.setattr(store.calls, "get", away)
    assert "5432" not in await refused(await api.get("/v2/get-call/call_1"), 503)
