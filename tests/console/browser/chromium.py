"""A real Chromium, one process for all tests of a worker, and what it must never do on a page of the console."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, async_playwright

INSTALL: Final = Path(__file__).parents[3] / "docker" / "install.sh"
PATIENCE_MS: Final = 30_000
"""How long a step may take on a machine that is busy."""
_ALWAYS: Final = (
    "--no-sandbox",  # as root
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_WITH_MICROPHONE: Final = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
_TELL_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", event =>
    console.error(`policy violated: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


def program() -> str:
    """Its path; the test is skipped where there is none, or fails where CI runs it."""
    done = subprocess.run([str(INSTALL), "chromium", "present"], capture_output=True, text=True, check=False)
    if not (path := done.stdout.strip()):
        why = f"Chromium is not there, docker/install.sh chromium fetches it on Debian {done.stderr}"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    return path


@dataclass
class Watched:
    """What a page did. allowed: texts of messages that the test expects."""

    origins: set[str]
    wrong: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def begin(self, context: BrowserContext) -> None:
        """Write down what goes wrong in any page of a context."""
        context.on("console", self._said)
        context.on("weberror", lambda error: self.wrong.append(f"error in a script: {error.error}"))
        context.on("request", lambda request: self._asked(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: self._asked(socket.url)))

    def check(self) -> None:
        """AssertionError names each violation of the policy, error of a script, and request to another host."""
        if left := [text for text in self.wrong if not any(part in text for part in self.allowed)]:
            raise AssertionError("\n".join(left))

    def _said(self, message: ConsoleMessage) -> None:
        # the answer's status is what a test asserts where it matters
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.wrong.append(message.text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc and parts.netloc not in self.origins:
            self.wrong.append(f"request to another host: {url}")


async def comes_true(page: Page, script: str) -> None:
    """Until a script is true in the page, as the policy of our pages lets no `Page.wait_for_function` look."""
    for _ in range(PATIENCE_MS // 50):
        if await page.evaluate(script):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"this did not come true: {script}")


class Chromium:
    """Starts Chromium when it is first asked for a page, and once more for each microphone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._closing = AsyncExitStack()
        self._path = ""
        self._playwright: Playwright | None = None
        self._browsers: dict[Path | None, Browser] = {}
        self._starting = asyncio.Lock()

    async def close(self) -> None:
        """End all processes."""
        await self._closing.aclose()

    @asynccontextmanager
    async def page(
        self, url: str, *, microphone: Path | None = None, hosts: tuple[str, ...] = (), **options: Any
    ) -> AsyncIterator[tuple[Page, Watched]]:
        """A page of a context of its own, for a server at `url`, to which relative paths are; checked at the end.

        microphone: a WAV file that is heard instead of one, again and again, and the right to hear it. hosts: other
        `host:port` that the page may ask. options: of playwright's `Browser.new_context`.
        """
        browser = await self._browser(microphone)
        watched = Watched({urlsplit(url).netloc, *hosts})
        context = await browser.new_context(base_url=url, **options)
        try:
            context.set_default_timeout(PATIENCE_MS)
            watched.begin(context)
            await context.add_init_script(_TELL_VIOLATIONS)
            if microphone:
                await context.grant_permissions(["microphone"], origin=url)
            yield await context.new_page(), watched
        finally:
            await context.close()
        watched.check()

    async def _browser(self, microphone: Path | None) -> Browser:
        async with self._starting:
            if self._playwright is None:
                self._path = program()
                self._playwright = await self._closing.enter_async_context(async_playwright())
            if microphone not in self._browsers:
                heard = (*_WITH_MICROPHONE, f"--use-file-for-fake-audio-capture={microphone}") if microphone else ()
                self._browsers[microphone] = await self._playwright.chromium.launch(
                    executable_path=self._path,
                    args=[*_ALWAYS, *heard],
                    # its profile and its caches go where the tests' files go
                    env={**os.environ, "HOME": str(self._folder), "TMPDIR": str(self._folder)},
                )
                self._closing.push_async_callback(self._browsers[microphone].close)
            return self._browsers[microphone]
