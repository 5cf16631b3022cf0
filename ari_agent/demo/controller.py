"""The controller as the demo meets it: its HTTP API, and `ari-agent serve` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

import ari_agent
from ari_agent.config import PREFIX
from ari_agent.errors import AriAgentError

READY_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 10.0


class ControllerUnavailable(AriAgentError):
    """The controller did not start, or answered the API with something unexpected."""


class ControllerApi:
    """The controller's HTTP API. address: host and port."""

    def __init__(self, address: str, api_key: str) -> None:
        self.address, self.api_key = address, api_key
        self._session = aiohttp.ClientSession(
            base_url=f"http://{address}",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=aiohttp.ClientTimeout(total=10),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one request; return the JSON object of its answer, {} for an empty one.

        Raises:
            ControllerUnavailable: no answer, a status of 400 or more, or something else than a JSON object.
        """
        try:
            async with self._session.request(method, path, json=body) as response:
                if response.status >= 400:
                    raise ControllerUnavailable(f"{method} {path} answered {response.status}: {await response.text()}")
                answer = await response.json() if response.status != 204 else {}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ControllerUnavailable(f"{method} {path} failed: {error or 'no answer in time'}") from None
        if not isinstance(answer, dict):
            raise ControllerUnavailable(f"{method} {path} answered no JSON object")
        return answer

    async def ready(self) -> None:
        """Wait until /readyz says that Asterisk and the database are there.

        Raises:
            ControllerUnavailable: they were not within READY_TIMEOUT_S; the text says what was missing.
        """
        missing = ""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while True:
                    try:
                        await self.ask("GET", "/readyz")
                    except ControllerUnavailable as error:
                        missing = str(error)
                    else:
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            why = f"the controller was not ready after {READY_TIMEOUT_S:g} s: {missing}"
            raise ControllerUnavailable(why) from None


class ControllerProcess:
    """One process of `ari-agent serve`, for as long as the context is open.

    settings: names without their prefix (`ARI_URL`, `API_KEY`, ...); nothing else of the product's settings reaches it.
    folder: where it runs; its database, recordings and log lie there.
    """

    def __init__(self, settings: Mapping[str, str], *, folder: Path) -> None:
        self.log_path = folder / "controller.log"
        self._settings, self._folder = settings, folder
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _start(self) -> None:
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

    async def _stop(self) -> None:
        """Send SIGTERM, and SIGKILL if that is not enough."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def ready(self, api: ControllerApi) -> None:
        """Wait until the controller's API is ready.

        Raises:
            ControllerUnavailable: it ended, or took too long; the text has the end of its log.
        """
        ready, ended = asyncio.create_task(api.ready()), asyncio.create_task(self.ended())
        try:
            await asyncio.wait((ready, ended), return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise ControllerUnavailable(f"the controller ended at its start; it said:\n{log_tail(self.log_path)}")
            await ready
        except ControllerUnavailable as error:
            raise ControllerUnavailable(f"{error}\nIts log ends:\n{log_tail(self.log_path)}") from None
        finally:
            ready.cancel()
            ended.cancel()

    async def ended(self) -> None:
        """Wait for the end of the process."""
        if self._process:
            await self._process.wait()


def log_tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a file; nothing when it does not exist."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
