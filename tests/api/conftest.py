"""The real application on a loopback port, with a real SQLite store behind it and a switchboard made of lists."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.server import build_api
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.state import CallState
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.errors import UnknownCall
from ari_agent.store.store import Store
from tests.api.web_house import House, open_house
from tests.fakes.turned_loop import TurnedLoop

API_KEY = "key_test_123"
NOW_MS = 1_760_000_000_000

Api = TestClient[web.Request, web.Application]
Json = dict[str, Any]


@dataclass(frozen=True)
class OneCall:
    """A call in progress."""

    call_id: str
    direction: str = "inbound"
    state: CallState = CallState.TALKING
    record: Call | None = None


@dataclass
class Board:
    """A switchboard that writes down what it is asked. trouble: raised instead of doing anything."""

    calls: list[OneCall] = field(default_factory=list)
    asked: list[tuple[str, object]] = field(default_factory=list)
    outcome: TransferOutcome = field(default_factory=lambda: TransferOutcome(status="succeeded"))
    trouble: Exception | None = None
    before_outcome: Callable[[], Awaitable[object]] | None = None

    def live(self) -> Sequence[OneCall]:
        return self.calls

    def has_call(self, call_id: str) -> bool:
        return call_id in [call.call_id for call in self.calls]

    def record(self, call_id: str) -> Call | None:
        return next((call.record for call in self.calls if call.call_id == call_id), None)

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        self._take(call_id, request)

    async def transfer_call(self, call_id: str, request: TransferRequest) -> TransferOutcome:
        self._take(call_id, request)
        if self.before_outcome:
            await self.before_outcome()
        return self.outcome

    async def send_dtmf(self, call_id: str, request: DtmfRequest) -> None:
        self._take(call_id, request)

    async def update_call(self, call_id: str, update: LiveCallUpdate) -> None:
        self._take(call_id, update)

    def pause_recording(self, call_id: str, paused: bool) -> None:
        self._take(call_id, paused)

    def _take(self, call_id: str, request: object) -> None:
        if self.trouble:
            raise self.trouble
        if call_id not in [call.call_id for call in self.calls]:
            raise UnknownCall(call_id)
        self.asked.append((call_id, request))


@pytest.fixture
async def store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    shutil.copy(empty_database, tmp_path / "test.db")
    opened = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db", now_ms=lambda: NOW_MS)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def dependencies(store: Store, board: Board) -> ApiDependencies:
    return ApiDependencies(
        store=store,
        switchboard=board,
        api_key=API_KEY,
        now_ms=lambda: NOW_MS,
        registrar=Registrar(store, new_call_id=random_call_id, now_ms=lambda: NOW_MS),
    )


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.stem == "test_web_call_limits":
        return {"turned": TurnedLoop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
async def house(store: Store) -> AsyncIterator[House]:
    async with open_house(store, random_call_id) as opened:
        yield opened


def random_call_id() -> str:
    return f"call_{secrets.token_hex(16)}"


StartApi = Callable[..., Awaitable[Api]]


@pytest.fixture
async def start_api(dependencies: ApiDependencies) -> AsyncIterator[StartApi]:
    """`await start_api(probes=...)`: the API with some dependencies replaced."""
    started: list[Api] = []

    async def start(**replaced: Any) -> Api:
        server = TestServer(build_api(replace(dependencies, **replaced)))
        api: Api = TestClient(server, headers={"Authorization": f"Bearer {API_KEY}"})
        await api.start_server()
        started.append(api)
        return api

    yield start
    for api in started:
        await api.close()


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    return await start_api()


CUSTOM_LLM: Json = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"}
AUDIO: Json = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example.com/audio"}


async def make_agent(api: Api, **settings: Any) -> Json:
    """An agent, made over the API."""
    response = await api.post("/create-agent", json={"response_engine": AUDIO, **settings})
    body: Json = await response.json()
    assert response.status == 201, body
    return body


async def refused(response: Any, status: int) -> str:
    """The message of an answer that must be an error of this status."""
    body = await response.json()
    assert (response.status, body["status"]) == (status, "error"), body
    assert body["message"] == body["error_message"]
    assert set(body) == {"status", "message", "error_message"}
    return str(body["message"])
