"""HTTP requests to ARI: one keep-alive pool, one timeout, three errors, counters."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from ari_agent.contract.parsing.redacted_url import RedactedUrl, basic_authorization
from ari_agent.errors import AsteriskRefused, AsteriskUnreachable, ChannelGone
from ari_agent.http_client import http_client

REQUEST_TIMEOUT_S: Final = 10.0
"""For the connection, and once more for the answer: a PBX that stalls for seconds need not lose the calls it has."""

# Asterisk closes an idle connection after 15 s (http.conf session_keep_alive); letting go before it does keeps a POST
# from meeting a connection that is just being closed.
_KEEP_ALIVE_S: Final = 10.0
# Asterisk answers a request in about a millisecond and carries at most 100 connections of all clients together
# (http.conf session_limit): a burst of calls waits its turn here rather than being refused there.
_MAX_CONNECTIONS: Final = 48
# How long it may wait for its turn: longer than Asterisk may take to answer, who has not been asked yet.
_TURN_S: Final = 30.0
# Some operations report a missing channel as 400 (bridges/{id}/addChannel).
_GONE: Final = frozenset({"Channel not found", "Channel does not exist"})
NO_RESOURCE: Final = "Resource not found"
"""What Asterisk answers with 404 for a path that it does not know: it is too old, or a module is not loaded."""
_REACH_TIMEOUT_S: Final = 1.0
_ASK_AGAIN_S: Final = 0.05
_BEGUN_AS: Final[ContextVar[int | None]] = ContextVar("begun_as", default=None)
"""As which node the call was begun whose task this is."""


@dataclass(slots=True)
class RequestTotals:
    """How many requests there were, and how many seconds they took together."""

    count: int = 0
    seconds: float = 0.0


class Rest:
    """Requests to one Asterisk, through one pool of connections.

    url: up to and including `/ari`. The credentials go into the Authorization header and nowhere else. acting_as:
    returns as which node of several this process acts; None while it does not know whether another has its calls now.
    totals: by operation and outcome (`2xx`, `4xx`, `5xx`, `unreachable`).
    """

    def __init__(
        self,
        *,
        url: str,
        username: str,
        password: str,
        timeout_s: float = REQUEST_TIMEOUT_S,
        acting_as: Callable[[], int | None] = lambda: 0,
    ) -> None:
        self.url = RedactedUrl.of(url).shown.rstrip("/")
        self.totals: dict[tuple[str, str], RequestTotals] = {}
        self._authorization = basic_authorization(username, password)
        self._timeout_s = timeout_s
        self._acting_as = acting_as
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"<Rest {self.url}>"

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the pool, which has the credentials; it is made at first use, inside the running event loop."""
        if self._session is None or self._session.closed:
            self._session = http_client(
                connections=_MAX_CONNECTIONS,
                keep_alive_s=_KEEP_ALIVE_S,
                headers={"Authorization": self._authorization},
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=_TURN_S, sock_connect=self._timeout_s, sock_read=self._timeout_s
                ),
            )
        return self._session

    async def close(self) -> None:
        """Close the pool. Does nothing the second time; a later request opens a new one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def text_beside(self, name: str) -> str | None:
        """Return a page that Asterisk's HTTP server has beside ARI; None where it refuses it, or has none.

        Raises AsteriskUnreachable.
        """
        url = URL(f"{self.url.removesuffix('/ari')}/{name}")
        try:
            async with self.session.get(url) as response:
                return await response.text(errors="replace") if response.status == 200 else None
        except TimeoutError:
            raise AsteriskUnreachable(self.url, f"GET {url.path}: no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AsteriskUnreachable(self.url, f"GET {url.path}: {error or type(error).__name__}") from error

    async def reach(self) -> None:
        """Open a TCP connection to Asterisk within a second, and close it again.

        The system answers for an Asterisk that has too much to do; only one that is not there does not answer.

        Raises:
            AsteriskUnreachable: nobody listens there.
        """
        url = URL(self.url)
        try:
            async with asyncio.timeout(_REACH_TIMEOUT_S):
                _, writer = await asyncio.open_connection(url.host, url.port)
        except TimeoutError:
            raise AsteriskUnreachable(self.url, f"no connection within {_REACH_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise AsteriskUnreachable(self.url, str(error)) from None
        writer.transport.abort()

    async def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        """Send a request and return the JSON of the answer, None when it has no body.

        operation: Asterisk's nickname of the request, for the counters. path: see `path_of`.
        Raises AsteriskUnreachable, ChannelGone (404) or AsteriskRefused (any other status of 400 or more). A process
        that stood still sends nothing before it knows whether its calls are its own; ChannelGone where they are not.
        """
        if (node_id := self._acting_as()) is None:
            node_id = await self._wait_to_act(method, path)
        if _BEGUN_AS.get() not in (None, node_id):
            raise ChannelGone(method, path, 404, "another controller has taken over what this one had")
        began_s = time.monotonic()
        outcome = "unreachable"
        try:
            async with self.session.request(
                method, URL(self.url + path, encoded=True), params=parameters, json=body
            ) as response:
                text = await response.read()
                outcome = f"{response.status // 100}xx"
        except TimeoutError:
            raise AsteriskUnreachable(self.url, f"{method} {path}: no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AsteriskUnreachable(self.url, f"{method} {path}: {error or type(error).__name__}") from error
        finally:
            totals = self.totals.setdefault((operation, outcome), RequestTotals())
            totals.count += 1
            totals.seconds += time.monotonic() - began_s
        if response.status >= 400:
            raise _refusal(method, path, response.status, text)
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            raise AsteriskRefused(method, path, response.status, "an answer that is no JSON") from None

    def bind(self) -> None:
        """Bind this task, and those that it starts, to the node as which this process acts.

        Once it acts as another one, because it stood still, their requests raise ChannelGone.
        """
        _BEGUN_AS.set(self._acting_as())

    async def _wait_to_act(self, method: str, path: str) -> int:
        give_up_s = time.monotonic() + self._timeout_s
        while (node_id := self._acting_as()) is None:
            if time.monotonic() > give_up_s:
                raise AsteriskUnreachable(self.url, f"{method} {path}: the database does not say whose the calls are")
            await asyncio.sleep(_ASK_AGAIN_S)
        return node_id


def path_of(*segments: str) -> str:
    """Return a path of these segments, each escaped, so that an id from outside cannot reach another resource."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def _refusal(method: str, path: str, status: int, text: bytes) -> AsteriskRefused:
    message = _message(text)
    gone = (status == 404 and message != NO_RESOURCE) or (status == 400 and message in _GONE)
    if status == 404 and not gone:
        message = f"{message} (is res_ari_{path.split('/')[1]}.so loaded in Asterisk?)"
    return (ChannelGone if gone else AsteriskRefused)(method, path, status, message)


def _message(text: bytes) -> str:
    try:
        answer = json.loads(text)
    except ValueError:
        return text.decode(errors="replace")[:200].strip()
    if isinstance(answer, dict):
        return str(answer.get("message") or answer.get("error") or answer)[:500]
    return str(answer)[:500]
