"""The real console on a loopback port, with a real SQLite store behind it and live calls made of a list."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.calls.state import CallState
from ari_agent.console import console
from ari_agent.console.dependencies import ConsoleDependencies, Phone
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import HangupRequest
from ari_agent.errors import UnknownCall
from ari_agent.store.store import Store

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

    @property
    def call_id(self) -> str:
        return self.record.call_id


@dataclass
class LiveCalls:
    """Calls in progress, made of a list; writes down which were hung up."""

    calls: list[OneCall] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)

    def live(self) -> Sequence[OneCall]:
        return self.calls

    def record(self, call_id: str) -> Call | None:
        return next((call.record for call in self.calls if call.call_id == call_id), None)

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        if self.record(call_id) is None:
            raise UnknownCall(call_id)
        self.hung_up.append(call_id)


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
def phone() -> Phone | None:
    return None


async def serve_pages(store: Store, live_calls: LiveCalls, clock: Clock, phone: Phone | None) -> AsyncIterator[Browser]:
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
            phone=phone,
        )
    )
    root.add_subapp(console.PREFIX, pages)
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
