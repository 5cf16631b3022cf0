"""Pages in a real Chromium. All tests here run in the session's event loop, where the browser is."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.console.browser.chromium import PATIENCE_MS, Chromium
from tests.console.conftest import API_KEY, Browser, open_store, serve_pages

HERE = f"{Path(__file__).parent}/"

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if str(item.path).startswith(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


class OpenConsole(Protocol):
    """What the fixture `open_console` is."""

    async def __call__(self, url: str, key: str = API_KEY, **options: Any) -> Page:
        """Return a page that shows the console's first page.

        url: of the server, such as `http://127.0.0.1:8080`. key: logs in; "" to stay a stranger, before the login.
        options: of `Chromium.page`, such as `microphone=`.
        """


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """The browser of this worker, which starts when a test asks for a page."""
    made = Chromium(tmp_path_factory.mktemp("chromium"))
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_console(chromium: Chromium) -> AsyncIterator[OpenConsole]:
    """Opens pages on a console, each as another person's browser; all are checked and closed at the end.

    A test names it after the console, which then need not wait at its end for the streams of a page.
    """
    async with AsyncExitStack() as opened:

        async def open_one(url: str, key: str = API_KEY, **options: Any) -> Page:
            page, _ = await opened.enter_async_context(chromium.page(url, **options))
            await page.goto("/console")
            if key:
                await log_in(page, key)
            return page

        yield open_one


def _in_the_sessions_loop(made: Callable[..., AsyncIterator[Any]], name: str) -> Any:
    @functools.wraps(made)
    async def fixture(**given: Any) -> AsyncIterator[Any]:
        async with asynccontextmanager(made)(**given) as value:
            yield value

    return pytest_asyncio.fixture(fixture, loop_scope="session", name=name)


store = _in_the_sessions_loop(open_store, "store")
stranger = _in_the_sessions_loop(serve_pages, "stranger")


@pytest.fixture
def console_url(stranger: Browser) -> str:
    """Where the console of tests/console/conftest.py is; `store`, `live_calls` and `clock` are behind it."""
    return str(stranger.make_url("")).rstrip("/")


@pytest_asyncio.fixture(loop_scope="session")
async def console_page(console_url: str, open_console: OpenConsole) -> Page:
    """Somebody who is logged in there with the API key, at its first page."""
    return await open_console(console_url)


async def log_in(page: Page, key: str) -> None:
    """Log in with a key by the form, which the page has to show."""
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Log out")).to_be_visible()
