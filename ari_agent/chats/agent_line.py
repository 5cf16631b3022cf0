"""The line to a chat's agent: dialled when there is something to say, dialled again when it was lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from ari_agent.agents import llm
from ari_agent.agents.llm import LlmConfig, LlmMessage, LlmPong
from ari_agent.agents.llm_socket import CONNECT_TIMEOUT_S, LlmSocket
from ari_agent.errors import AgentError, AgentLost

log = logging.getLogger(__name__)

ATTEMPTS: Final = 3
RETRY_AFTER_S: Final = 3.0
PING_EVERY_S: Final = 2.0
SILENT_FOR_S: Final = 5.0
"""Without an answer to a ping the connection counts as lost."""


@dataclass(frozen=True, slots=True)
class AgentGone:
    """The agent hung up (error: None), or was lost."""

    error: AgentError | None


class AgentLine:
    """One chat's connection, or none.

    details: what the agent's server is told of the chat if it asks for `call_details`. on_event: called with every
    message and, at most once for each connection, AgentGone.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        *,
        details: Callable[[], Mapping[str, object]],
        on_event: Callable[[LlmMessage | AgentGone], None],
        now_ms: Callable[[], int],
        retry_after_s: float = RETRY_AFTER_S,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        self.config = LlmConfig()
        self._http = http
        self._url = url
        self._details = details
        self._on_event = on_event
        self._now_ms = now_ms
        self._retry_after_s = retry_after_s
        self._connect_timeout_s = connect_timeout_s
        self._socket: LlmSocket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._heard_s = 0.0

    @property
    def is_open(self) -> bool:
        """There is a connection, as far as is known."""
        return self._socket is not None

    async def open(self) -> None:
        """Dial, unless there is a connection: three attempts, a pause between them.

        Raises:
            AgentError: why the last one failed.
        """
        attempt = 1
        while self._socket is None:
            try:
                socket = await LlmSocket.connect(self._http, self._url, timeout_s=self._connect_timeout_s)
            except AgentError as error:
                log.warning("text agent: attempt %d of %d: %s", attempt, ATTEMPTS, error)
                if attempt == ATTEMPTS:
                    raise
                attempt += 1
                await asyncio.sleep(self._retry_after_s)
                continue
            self.config = LlmConfig()  # each connection begins anew
            self._socket = socket
            self._tasks = [asyncio.create_task(self._listen(socket))]

    async def send(self, text: str) -> None:
        """One message.

        Raises:
            AgentLost: there is no connection any more.
        """
        if self._socket is None:
            raise AgentLost(1006)
        await self._socket.send(text)

    async def close(self) -> None:
        """Hang up. Idempotent; no event follows."""
        socket, self._socket = self._socket, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if socket:
            await socket.close()

    async def _listen(self, socket: LlmSocket) -> None:
        error: AgentError | None = None
        try:
            while (message := await socket.receive()) is not None:
                if isinstance(message, LlmConfig):
                    await self._configured(socket, message)
                elif isinstance(message, LlmPong):
                    self._heard_s = asyncio.get_running_loop().time()
                else:
                    self._on_event(message)
        except AgentError as failure:
            error = failure
        if self._socket is socket:
            self._socket = None
            for task in self._tasks[1:]:
                task.cancel()
            self._on_event(AgentGone(error))

    async def _configured(self, socket: LlmSocket, config: LlmConfig) -> None:
        self.config = config
        if config.call_details:
            await socket.send(llm.call_details(self._details()))
        if config.auto_reconnect and len(self._tasks) == 1:
            self._heard_s = asyncio.get_running_loop().time()
            self._tasks.append(asyncio.create_task(self._keep_alive(socket)))

    async def _keep_alive(self, socket: LlmSocket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(AgentLost):
            while loop.time() - self._heard_s < SILENT_FOR_S:
                await socket.send(llm.ping(self._now_ms()))
                await asyncio.sleep(PING_EVERY_S)
        await socket.give_up(f"no ping_pong for {SILENT_FOR_S:g} s")


def is_hopeless(error: AgentError) -> bool:
    """Dialling again would bring the same."""
    return not isinstance(error, AgentLost)
