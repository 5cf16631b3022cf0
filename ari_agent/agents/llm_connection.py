"""The connection to a text agent's server: dialled, kept alive, and dialled again when it is lost.

    open ─── 3 attempts ──▶ connected ──────── close code 1000 ───────▶ LlmDisconnected(None)
                              ▲  │  └── an error that is not redialled ▶ LlmDisconnected(error)
                              │  ├─ cut off (1006): up to 4 redials ─┐
                              │  └─ no ping_pong: up to 2 redials ───┤
                              └─── LlmReconnected ◀── redialled ─────┴─ none, or not reached ─▶ LlmDisconnected(error)

Source: Retell, "LLM WebSocket" (2026-08). A call needs its agent until it ends, so its connection is redialled at once.
A chat needs its agent only when there is something to say, so its owner redials (`ReconnectPolicy.redials` is empty).

Each websocket begins anew: the server sends its config again, and is told the call's details again if it asks, with
`reconnected` beside them. What was posted while there was no websocket is not sent later: whoever gets LlmReconnected
asks again, with all that was said.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_fixed

from ari_agent.agents import llm
from ari_agent.agents.llm import LlmConfig, LlmMessage, LlmPong, Turntaking
from ari_agent.agents.llm_socket import CONNECT_TIMEOUT_S, LlmSocket
from ari_agent.agents.protocol import TellMessage
from ari_agent.agents.text_agent import Transcript
from ari_agent.errors import AgentCutOff, AgentError, AgentLost

log = logging.getLogger(__name__)

_STEADY_AFTER_S: Final = 60.0
_MOST_UNSENT: Final = 200


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How often and how fast a connection to a text agent is dialled, and when it counts as lost.

    redials: for each kind of loss, how often it is redialled before the loss counts as the end; a connection that has
    lasted a minute starts that count anew. attempts: for the first connection, retry_after_s apart.
    silent_for_s: a server that asked for `auto_reconnect` and sent nothing for so long is lost.
    headers: sent with each handshake, beside the URL's authorization.
    """

    redials: Mapping[type[AgentError], int]
    attempts: int = 3
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    retry_after_s: float = 3.0
    ping_every_s: float = 2.0
    silent_for_s: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict)


CALL_POLICY: Final = ReconnectPolicy(redials={AgentLost: 2, AgentCutOff: 4})
"""The policy of calls, as Retell documents it; AgentLost itself stands for the missing ping_pong."""
CHAT_POLICY: Final = ReconnectPolicy(redials={})
"""The policy of chats, whose owner redials when there is something to say."""


@dataclass(frozen=True, slots=True)
class LlmDisconnected:
    """The agent hung up (error: None), or was lost for good; the error knows its disconnection_reason."""

    error: AgentError | None


@dataclass(frozen=True, slots=True)
class LlmReconnected:
    """The connection was redialled after a loss: what the agent was asked before is to be asked again."""


LlmEvent: TypeAlias = LlmMessage | LlmReconnected | LlmDisconnected


def _to_nobody(_round_trip_ms: float) -> None:
    """Drop a round trip, because nobody asked for it."""


class LlmConnection:
    """One call's or chat's connection to its text agent, which outlives a lost websocket.

    url: with the call's id, see llm.llm_url. details: returns the call object for a server that asks for
    `call_details`.
    on_event: called from the event loop with every message but config and ping_pong, with LlmReconnected, and, once for
    each `open`, with LlmDisconnected.
    now_ms: the time that pings carry, in ms. tell: is told of every message, both ways, pings and config included.
    on_round_trip: is told how many milliseconds the server took to answer each ping.
    config: of the websocket there is, or was. reconnected: the call had a connection before this one, which was lost.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        policy: ReconnectPolicy,
        *,
        details: Callable[[], Mapping[str, object]],
        on_event: Callable[[LlmEvent], None],
        now_ms: Callable[[], int],
        tell: TellMessage | None = None,
        on_round_trip: Callable[[float], None] = _to_nobody,
        reconnected: bool = False,
    ) -> None:
        self.config = LlmConfig()
        self._reconnected = reconnected
        self._on_round_trip = on_round_trip
        self._http, self._url, self._policy = http, url, policy
        self._details, self._on_event, self._now_ms, self._tell = details, on_event, now_ms, tell
        self._connection: _OpenConnection | None = None
        self._living: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Return whether there is a websocket, as far as is known."""
        return self._connection is not None

    async def open(self) -> None:
        """Dial, unless there is a websocket already; the policy says how often and how far apart.

        Raises:
            AgentError: why the last attempt failed.
        """
        if self._connection is not None:
            return
        dialling = AsyncRetrying(
            stop=stop_after_attempt(self._policy.attempts),
            retry=retry_if_exception_type(AgentError),
            wait=wait_fixed(self._policy.retry_after_s),
            after=self._log_attempt,
            reraise=True,
        )
        connection = self._take_up(await dialling(self._dial))
        self._living = asyncio.create_task(self._live(connection))

    @property
    def wants_tool_calls(self) -> bool:
        """Whether the server's config asks for the transcript with tool calls."""
        return bool(self.config.transcript_with_tool_calls)

    def ask(
        self, response_id: int, transcript: Transcript, with_tool_calls: Transcript | None, *, reminds: bool = False
    ) -> None:
        """Post a `response_required` or `reminder_required` message; see TextAgent.ask."""
        request = llm.reminder_required if reminds else llm.response_required
        self.post(request(response_id, transcript, with_tool_calls))

    def update(
        self, transcript: Transcript, with_tool_calls: Transcript | None, *, turntaking: Turntaking | None = None
    ) -> None:
        """Post an `update_only` message; see TextAgent.update."""
        self.post(llm.update_only(transcript, with_tool_calls, turntaking=turntaking))

    def post(self, text: str) -> None:
        """Queue a message, in order, without waiting; while there is no websocket it is dropped."""
        if self._connection:
            self._connection.post(text)

    async def close(self) -> None:
        """Hang up with close code 1000. Does nothing the second time; no event follows."""
        living, self._living = self._living, None
        if living:
            living.cancel()
            await asyncio.wait([living])
        connection, self._connection = self._connection, None
        if connection:  # a task that never ran has not closed it
            await connection.close()

    def _log_attempt(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("text agent: attempt %d of %d: %s", state.attempt_number, self._policy.attempts, error)

    async def _dial(self) -> LlmSocket:
        policy = self._policy
        return await LlmSocket.connect(
            self._http, self._url, timeout_s=policy.connect_timeout_s, headers=policy.headers, tell=self._tell
        )

    def _take_up(self, socket: LlmSocket) -> _OpenConnection:
        self.config = LlmConfig()
        self._connection = _OpenConnection(socket, self._policy, self._on_round_trip, self._now_ms)
        return self._connection

    async def _live(self, connection: _OpenConnection) -> None:
        loop = asyncio.get_running_loop()
        redials: Counter[type[AgentError]] = Counter()
        while True:
            began_s = loop.time()
            try:
                error = await self._listen(connection)
            finally:
                await connection.close()
                self._connection = None
            if loop.time() - began_s > _STEADY_AFTER_S:
                redials.clear()
            try:
                if error is None:
                    break
                connection = self._take_up(await self._redial(error, redials))
                self._reconnected = True
            except AgentError as final:
                error = final
                break
            self._on_event(LlmReconnected())
        self._on_event(LlmDisconnected(error))

    async def _listen(self, connection: _OpenConnection) -> AgentError | None:
        try:
            while (message := await connection.socket.receive()) is not None:
                connection.heard()
                if isinstance(message, LlmConfig):
                    self.config = message
                    connection.configure(message, self._call_details)
                elif isinstance(message, LlmPong):
                    connection.pong()
                else:
                    self._on_event(message)
                await asyncio.sleep(0)  # an agent that floods us has its turn, like the calls beside it
        except AgentError as error:
            return error
        except Exception:  # no call goes on without its agent because of a defect, and without a word
            log.exception("text agent: a message was not taken")
            return AgentError("a message of the text agent was not taken; the log says why")
        return None

    def _call_details(self) -> str:
        return llm.call_details(self._details(), reconnected=self._reconnected)

    async def _redial(self, error: AgentError, redials: Counter[type[AgentError]]) -> LlmSocket:
        """Return a new websocket, or raise the AgentError with which the connection ends."""
        kind, final = type(error), error
        limit = self._policy.redials.get(kind, 0)
        while redials[kind] < limit:
            redials[kind] += 1
            if redials[kind] > 1:
                await asyncio.sleep(self._policy.retry_after_s)
            log.warning("text agent: dialling again, %d of %d: %s", redials[kind], limit, error)
            try:
                return await self._dial()
            except AgentError as failure:
                final = AgentLost(1006, f"and not reached again: {failure}")
        raise final


class _OpenConnection:
    """One websocket of a connection: all that is sent goes through one queue, so that it stays in order."""

    def __init__(
        self,
        socket: LlmSocket,
        policy: ReconnectPolicy,
        on_round_trip: Callable[[float], None],
        now_ms: Callable[[], int],
    ) -> None:
        self.socket = socket
        self._policy, self._on_round_trip, self._now_ms = policy, on_round_trip, now_ms
        self._loop = asyncio.get_running_loop()
        self._unsent: asyncio.Queue[str] = asyncio.Queue(_MOST_UNSENT)
        self._tasks = [asyncio.create_task(self._send())]
        self._heard_s = self._loop.time()
        self._pinged_s: float | None = None
        self._has_details = self._is_kept_alive = False

    def post(self, text: str) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # it is being given up: the socket takes nothing any more
            self._unsent.put_nowait(text)

    def heard(self) -> None:
        self._heard_s = self._loop.time()

    def pong(self) -> None:
        if self._pinged_s is not None:
            self._on_round_trip((self._loop.time() - self._pinged_s) * 1000)
            self._pinged_s = None

    def configure(self, config: LlmConfig, call_details: Callable[[], str]) -> None:
        """Do what the server's config asks for, each thing once: it cannot make us say it again and again."""
        if config.call_details and not self._has_details:
            self._has_details = True
            self.post(call_details())
        if config.auto_reconnect and not self._is_kept_alive:
            self._is_kept_alive = True
            self._tasks.append(asyncio.create_task(self._keep_alive()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self.socket.close()

    async def _send(self) -> None:
        try:
            while True:
                await self.socket.send(await self._unsent.get())
        except AgentLost as error:
            await self.socket.give_up(error)

    async def _keep_alive(self) -> None:
        ping_at_s = self._loop.time()
        while True:
            now_s = self._loop.time()
            lost_at_s = self._heard_s + self._policy.silent_for_s
            if now_s >= lost_at_s:
                break
            if now_s >= ping_at_s:
                self.post(llm.ping(self._now_ms()))
                self._pinged_s = self._pinged_s or now_s
                ping_at_s += self._policy.ping_every_s
            await asyncio.sleep(min(ping_at_s, lost_at_s) - now_s)
        await self.socket.give_up(AgentLost(1006, f"nothing heard for {self._policy.silent_for_s:g} s"))
