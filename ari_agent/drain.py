"""`ari-agent drain`: asks a controller over its API to end with its last call, and waits until its process is gone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import ValidationError

from ari_agent.contract.node import NodeDrain
from ari_agent.errors import AriAgentError
from ari_agent.http_client import http_client

_ANSWER_S: Final = 10.0
_LOOK_S: Final = 0.5
_SAY_AGAIN_S: Final = 60.0
_OWN_PROGRAM: Final = re.compile(rb"ari[-_]agent")

_REFUSALS: Final[Mapping[int, str]] = {
    401: "has another ARI_AGENT_API_KEY than is set here",
    404: "knows no drain, as versions before this one: send it SIGTERM, with ARI_AGENT_DRAIN_S set when it was started",
}


class NotDrained(AriAgentError):
    """Raised when a controller was not asked to end, or has not ended yet; the message says which."""


async def drain(url: str, api_key: str, *, wait_s: float | None, show: Callable[[str], None]) -> None:
    """Have a controller take no new calls and end with its last one; return once its process is gone.

    url: of its API, without a slash at its end. wait_s: how long to wait for the end, in seconds, None without limit.
    show: told what is waited for, when that changes and once a minute.

    Raises:
        NotDrained: nobody listens there, the controller refuses, or it has not ended in time, but will.
    """
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    async with http_client(headers={"Authorization": f"Bearer {api_key}"}, timeout=timeout) as http:
        draining = _Draining(http, url, show)
        try:
            await draining.ask()
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or f"no answer within {_ANSWER_S:g} s"
            raise NotDrained(f"no controller answers at {url}: {why}") from None
        try:
            async with asyncio.timeout(wait_s):
                await draining.until_the_end()
        except TimeoutError:
            raise NotDrained(f"not ended after {wait_s:g} s: {draining.not_yet()}") from None


class _Draining:
    """A controller, or several behind one port, on the way to their end."""

    def __init__(self, http: aiohttp.ClientSession, url: str, show: Callable[[str], None]) -> None:
        self._http, self._url, self._show = http, url, show
        self._calls = 0
        self._process_id = 0

    async def ask(self) -> None:
        """Ask to drain, which may be repeated, and note what is waited for."""
        async with self._http.post(f"{self._url}/drain-node", allow_redirects=False) as answer:
            body = await answer.read()
        if answer.status != HTTPStatus.ACCEPTED:
            what = _REFUSALS.get(answer.status, f"answers {answer.status} to POST /drain-node")
            raise NotDrained(f"the controller at {self._url} {what}")
        try:
            found = NodeDrain.model_validate_json(body)
        except ValidationError:
            raise NotDrained(f"what listens at {self._url} is no controller") from None
        self._calls, self._process_id = found.calls, self._process_id or found.process_id

    async def until_the_end(self) -> None:
        """Wait until the process that ends last is gone. Whoever listens there after it is not asked."""
        if not _is_running(self._process_id) and await self._is_listening():
            raise NotDrained(
                f"the controller at {self._url} drains, but its process {self._process_id} is none of this machine or "
                "container, where its end would be seen: run `ari-agent drain` beside it, as its user"
            )
        loop = asyncio.get_running_loop()
        said, say_again_s = "", 0.0
        while _is_running(self._process_id):
            with suppress(aiohttp.ClientError, TimeoutError):  # it is busy, or closes this very moment
                await self.ask()
            what = f"waiting for {_calls(self._calls)} to end" if self._calls else "waiting for the controller to end"
            if what != said or loop.time() > say_again_s:
                self._show(what)
                said, say_again_s = what, loop.time() + _SAY_AGAIN_S
            await asyncio.sleep(_LOOK_S)

    async def _is_listening(self) -> bool:
        try:
            async with self._http.get(f"{self._url}/healthz", allow_redirects=False):
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False

    def not_yet(self) -> str:
        """Say why it has not ended yet."""
        if not self._calls:
            return "no calls are left, but its process is still there"
        return f"{_calls(self._calls)} left; the controller takes no new ones, and ends with the last"


def _calls(count: int) -> str:
    return f"{count} call{'s' * (count != 1)}"


def _is_running(process_id: int) -> bool:
    """Whether a controller has this number here; one that has ended, and whose parent was not told yet, has none."""
    try:
        return _OWN_PROGRAM.search(Path(f"/proc/{process_id}/cmdline").read_bytes()) is not None
    except OSError:
        return False
