"""The controller as the demo runs it: `ari-agent serve` in a process of its own, and its HTTP API."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

import ari_agent
from ari_agent.config import PREFIX
from ari_agent.errors import AriAgentError

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 10.0


class ControllerFailed(AriAgentError):
    """The controller did not start, or answered the API with something unexpected."""


class Controller:
    """One `ari-agent serve`.

    settings: names without their prefix (`ARI_URL`, `API_KEY`, ...); nothing else of the product's settings reaches it.
    folder: where it runs; its database, recordings and log lie there.
    """

    def __init__(self, settings: Mapping[str, str], *, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._process: asyncio.subprocess.Process | None = None
        self._session = aiohttp.ClientSession(
            base_url=f"http://{settings['BIND']}",
            headers={"Authorization": f"Bearer {settings['API_KEY']}"},
            timeout=aiohttp.ClientTimeout(total=10),
        )

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def log_path(self) -> Path:
        """What it logs."""
        return self._folder / "controller.log"

    async def start(self) -> None:
        """Start the process; returns when /readyz says that Asterisk and the database are there."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environment |= {PREFIX + name: value for name, value in self._settings.items()}
        # It runs in a folder of its own, away from anybody's .env: a package that is not installed must still be found.
        package_parent = str(Path(ari_agent.__file__).parents[1])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_parent, environment.get("PYTHONPATH"))))
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                # The kernel ends it should this process be killed; Ctrl-C reaches this process alone, which then
                # ends the controller in order.
                *("setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "ari_agent", "serve"),
                cwd=self._folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._ready()
        except TimeoutError:
            raise ControllerFailed(
                f"the controller was not ready after {START_TIMEOUT_S:g} s:\n{self.tail()}"
            ) from None

    async def _ready(self) -> None:
        while True:
            if self._process is None or self._process.returncode is not None:
                raise ControllerFailed(f"the controller ended at its start; it said:\n{self.tail()}")
            try:
                async with self._session.get("/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass  # not listening yet
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not enough."""
        await self._session.close()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def ended(self) -> int:
        """Wait for the end of the process; its exit status."""
        return await self._process.wait() if self._process else 0

    def tail(self) -> str:
        """The end of the log."""
        return log_tail(self.log_path)

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request to the API; its JSON answer.

        Raises:
            ControllerFailed: no answer, a status of 400 or more, or no JSON object.
        """
        try:
            async with self._session.request(method, path, json=body) as response:
                if response.status >= 400:
                    raise ControllerFailed(f"{method} {path} answered {response.status}: {await response.text()}")
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ControllerFailed(f"{method} {path} failed: {error or 'no answer in time'}") from None
        if not isinstance(answer, dict):
            raise ControllerFailed(f"{method} {path} answered no JSON object")
        return answer


def log_tail(path: Path, lines: int = 20) -> str:
    """The last lines of a file that may not be there yet."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
