"""Passes requests about calls in progress on to the controllers that have them in hand, over HTTP.

Not through the database: a request and its answer would take two transactions and two waits, and whoever waits for a
transfer would do so for as long as it rings.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import aiohttp
from aiohttp import web

from ari_agent.api.answer import answer_error
from ari_agent.api.body import arrived_body, path_id
from ari_agent.api.dependencies import DEPENDENCIES, Handler
from ari_agent.contract.node import NodeInfo
from ari_agent.errors import UnknownCall
from ari_agent.nodes.passed_on import HEADER, prove
from ari_agent.store.calls import Calls

log = logging.getLogger(__name__)

_CONNECT_S: Final = 2.0
_FIRST_RECORD_S: Final = 0.1
"""An agent may ask for its call while another node still stores the first record of it."""
_RETRY_AFTER_S: Final = "1"
_READING: Final = frozenset({"GET", "HEAD"})
_NOT_AGAIN: Final = {"x-should-retry": "false"}  # it may have been done
_OF_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "trailer", "upgrade"}
)


class OtherNodes:
    """Where the calls of other controllers are asked for. calls: their records. nodes: returns all controllers."""

    def __init__(
        self,
        calls: Calls,
        http: aiohttp.ClientSession,
        api_key: str,
        *,
        nodes: Callable[[], Sequence[NodeInfo]],
        now_ms: Callable[[], int],
    ) -> None:
        self._calls, self._http, self._api_key = calls, http, api_key
        self._nodes, self._now_ms = nodes, now_ms

    async def holder(self, call_id: str) -> int | None:
        """Return the node_id of another node that has a call in hand; None where no other has it.

        Raises:
            StoreError: the database failed.
        """
        try:
            node_id = await self._calls.holder(call_id)
        except UnknownCall:
            await asyncio.sleep(_FIRST_RECORD_S)
            try:
                node_id = await self._calls.holder(call_id)
            except UnknownCall:
                return None
        is_own = any(node.is_this and node.node_id == node_id for node in self._nodes())
        return None if is_own else node_id

    async def ask(self, request: web.Request, call_id: str, node_id: int, *, within_s: float) -> web.Response:
        """Return what the node answers to a request, or why it does not."""
        node = next((node for node in self._nodes() if node.node_id == node_id), None)
        if node is None or node.state == "lost":
            return _gone(f"call {call_id} was with a controller that has died; another one takes over what it had")
        if node.url is None:
            what = f"call {call_id} is with {node.name}, and nobody knows its address: set ARI_AGENT_NODE_URL there"
            return answer_error(503, what, _NOT_AGAIN)
        try:
            return await self._ask(request, node.url, within_s)
        except aiohttp.ClientConnectorError as error:
            log.warning("a node is not reached: %s", error, extra={"node_id": node_id, "url": node.url})
            return _gone(f"call {call_id} is with {node.name}, which is not reached at {node.url} at the moment")
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("a node does not answer: %s", error or type(error).__name__, extra={"node_id": node_id})
            what = f"call {call_id} is with {node.name}, which has not answered: it may have done this, or not"
            return answer_error(504, what, _NOT_AGAIN)

    async def _ask(self, request: web.Request, url: str, within_s: float) -> web.Response:
        body = await arrived_body(request)
        given = request.method, request.path_qs, body
        proof = prove(*given, api_key=self._api_key, nonce=secrets.token_hex(8), now_ms=self._now_ms())
        async with self._http.request(
            request.method,
            url + request.path_qs,
            data=body or None,
            headers={HEADER: proof, "Content-Type": "application/json"},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=within_s, sock_connect=_CONNECT_S),
        ) as answer:
            if answer.status == 401:
                log.error("a node does not take our requests: have both the same API key?", extra={"url": url})
                what = f"the controller at {url} has another API key, or its clock is wrong"
                return answer_error(502, what, _NOT_AGAIN)
            return web.Response(status=answer.status, body=await answer.read(), headers=_passed(answer.headers))


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_CONNECTION}


def _gone(message: str) -> web.Response:
    return answer_error(503, message, {"Retry-After": _RETRY_AFTER_S})


def by_its_node(handler: Handler, within_s: float) -> Handler:
    """Return a handler that answers requests about calls that are here, and has other nodes answer for theirs.

    within_s: how long another node may take. To read a call, what is stored will do where its node is out of reach.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        dependencies = request.app[DEPENDENCIES]
        others = dependencies.other_nodes
        call_id = path_id(request, "call_id", "call")
        if others is None or dependencies.switchboard.has_call(call_id):
            return await handler(request)
        if (node_id := await others.holder(call_id)) is None:
            return await handler(request)
        if HEADER in request.headers:  # passed on once already
            return _gone(f"call {call_id} goes from one controller to another at the moment")
        answer = await others.ask(request, call_id, node_id, within_s=within_s)
        return await handler(request) if request.method in _READING and answer.status >= 500 else answer

    return handle
