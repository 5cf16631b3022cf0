"""The real console on a loopback port, with a real SQLite store behind it and live calls made of a list."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool
from ari_agent.calls.call_monitoring import CallMonitoring
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.state import CallState
from ari_agent.check.report import Entry
from ari_agent.console import console
from ari_agent.console.check.check_runs import CheckRuns, TellEntries
from ari_agent.console.dependencies import ConsoleDependencies, Phone, SettingsRow
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.errors import UnknownCall
from ari_agent.http_client import http_client
from ari_agent.ids import new_call_id
from ari_agent.store.store import Store
from tests.console.number_desk import NumberDesk

API_KEY = "key_of_the_api"
READ_ONLY_KEY = "key_to_look"
NOW_MS = 1_760_000_000_000

PAGES_APP = web.AppKey("pages_app", web.Application)

Browser = TestClient[web.Request, web.Application]


@dataclass(frozen=True)
class OneCall:
    """A call in progress."""

    record: Call
    state: CallState = CallState.TALKING
    media: None = None

    @property
    def call_id(self) -> str:
        return self.record.call_id


@dataclass
class LiveCalls:
    """Calls in progress, made of a list; writes down which were hung up, transferred and sent keys.

    transfer: what becomes of a transfer; None: it has no outcome.
    """

    calls: list[OneCall] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    transfers: list[tuple[str, str, str]] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    transfer: TransferOutcome | Exception | None = field(default_factory=lambda: TransferOutcome(status="succeeded"))

    def live(self) -> Sequence[OneCall]:
        return self.calls

    def record(self, call_id: str) -> Call | None:
        return next((call.record for call in self.calls if call.call_id == call_id), None)

    @cached_property
    def monitoring(self) -> CallMonitoring:
        return CallMonitoring(self.session)

    def session(self, call_id: str) -> Any:
        """The same as one whose sound is heard, if it is one: see heard_call.py."""
        for call in self.calls:
            if call.call_id == call_id:
                return call
        raise UnknownCall(call_id)

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        if self.record(call_id) is None:
            raise UnknownCall(call_id)
        self.hung_up.append(call_id)

    async def transfer_call(self, call_id: str, request: TransferRequest) -> TransferOutcome:
        self.transfers.append((call_id, request.to, request.mode))
        if self.transfer is None:
            await asyncio.Event().wait()
        if not isinstance(self.transfer, TransferOutcome):
            raise self.transfer or AssertionError
        return self.transfer

    async def send_dtmf(self, call_id: str, request: DtmfRequest) -> None:
        self.keys.append((call_id, request.digits))


def a_call(call_id: str = "call_1", **facts: Any) -> Call:
    known = {
        "call_id": call_id,
        "agent_id": "agent_1",
        "call_status": "ended",
        "direction": "inbound",
        "from_number": "+12025550123",
        "to_number": "+14155550100",
        "disconnection_reason": "user_hangup",
        "start_timestamp": NOW_MS - 60_000,
        "duration_ms": 21_000,
    }
    return Call.model_validate({**known, **facts})


async def open_store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    shutil.copy(empty_database, tmp_path / "test.db")
    opened = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db", now_ms=lambda: NOW_MS)
    await opened.open()
    yield opened
    await opened.close()


store = pytest.fixture(open_store, name="store")


@pytest.fixture
def live_calls() -> LiveCalls:
    return LiveCalls()


@dataclass
class Clock:
    """The clock of the console. now_ms: milliseconds since 1970."""

    now_ms: int = NOW_MS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    """Recordings and logs in a folder; nothing of them grows."""
    files = ArtefactStore(str(tmp_path / "artefacts"))
    return Artefacts(Spool(tmp_path / "spool", files), files, Links("", b"key", 3600))


async def keep_file(artefacts: Artefacts, call_id: str, file: str, content: bytes) -> str:
    """Store a file of a call, and return the link to it."""
    name = ArtefactName(call_id, file)
    path = Path(f"{artefacts.store.shown}-{name.file}")
    await asyncio.to_thread(path.write_bytes, content)
    await artefacts.store.keep(name, path)
    return artefacts.links.url(name, expires=False, now_ms=NOW_MS)


async def open_desk(store: Store) -> AsyncIterator[NumberDesk]:
    """Numbers, and what is asked about them."""
    async with http_client() as http:
        yield NumberDesk(store, http)


desk = pytest.fixture(open_desk, name="desk")


@dataclass
class Checks:
    """Checks that find what a test says, the first at once, the others once `go_on` is set."""

    find: list[Entry] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    deep: list[bool] = field(default_factory=list)

    async def run(self, deep: bool, tell: TellEntries) -> Sequence[Entry]:
        self.deep.append(deep)
        tell(self.find[:1])
        await self.go_on.wait()
        return self.find


@pytest.fixture
def phone() -> Phone | None:
    return None


@pytest.fixture
def checks() -> Checks:
    return Checks()


async def serve_pages(
    store: Store,
    live_calls: LiveCalls,
    clock: Clock,
    artefacts: Artefacts,
    desk: NumberDesk,
    checks: Checks,
    phone: Phone | None,
) -> AsyncIterator[Browser]:
    """A browser that is not logged in and follows no redirects by itself."""
    root = web.Application()
    pages = console.build_console(
        ConsoleDependencies(
            store=store,
            calls=live_calls,
            api_key=API_KEY,
            read_only_key=READ_ONLY_KEY,
            now_ms=lambda: clock.now_ms,
            read_within_s=0.5,
            transfer_timeout_s=0.2,
            numbers=desk.tools,
            checks=CheckRuns(checks.run, [("Asterisk", "ari"), ("Trunks", "host")], now_ms=lambda: clock.now_ms),
            artefacts=artefacts,
            settings=[SettingsRow("ARI_AGENT_CONCURRENCY_LIMIT", "calls at the same time", "20", "7")],
            web_calls=Registrar(store, new_call_id=new_call_id, now_ms=lambda: clock.now_ms),
            phone=phone,
        )
    )
    console.put_under(root, pages)
    root[PAGES_APP] = pages
    browser: Browser = TestClient(TestServer(root), cookie_jar=CookieJar(unsafe=True))
    async with browser:
        yield browser


stranger = pytest.fixture(serve_pages, name="stranger")


@pytest.fixture
async def browser(stranger: Browser) -> Browser:
    """The same, logged in with the API key."""
    await log_in(stranger, API_KEY)
    return stranger


def console_of(browser: Browser) -> web.Application:
    """The console that a browser talks to."""
    assert browser.app
    return browser.app[PAGES_APP]


async def log_in(browser: Browser, key: str) -> None:
    answer = await browser.post("/console/login", data={"key": key}, allow_redirects=False)
    assert answer.status == 303, await answer.text()


async def text_of(browser: Browser, path: str, status: int = 200) -> str:
    answer = await browser.get(path, allow_redirects=False)
    text = await answer.text()
    assert answer.status == status, (path, answer.status, text)
    return text


async def csrf_token(browser: Browser) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', await text_of(browser, "/console"))
    assert found
    return found[1]
