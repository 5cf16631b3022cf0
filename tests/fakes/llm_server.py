"""Text agents on loopback, on the independent `websockets` library: the server's side of the custom-LLM protocol.

Each agent has a URL and a way to answer; what it was told is kept. A script that raises closes with 1011, as
Retell's own servers do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fakes.schemas import require_described

Message = dict[str, Any]


@dataclass(slots=True)
class LlmTalk:
    """One connection."""

    connection: ServerConnection
    path: str
    heard: list[Message] = field(default_factory=list)

    async def say(self, **message: Any) -> None:
        """Send a message as it is."""
        await self.connection.send(json.dumps(message))

    async def respond(self, response_id: int, *pieces: str, **last: Any) -> None:
        """Answer in pieces, as a language model does; `last` goes with the last one."""
        for piece in pieces[:-1]:
            nulls = {"end_call": False, "transfer_number": None}
            await self.say(response_id=response_id, content=piece, content_complete=False, **nulls)
        await self.say(
            response_type="response", response_id=response_id, content=pieces[-1], content_complete=True, **last
        )


Script = Callable[[LlmTalk, Message], Awaitable[None]]


async def echo(talk: LlmTalk, message: Message) -> None:
    """Say what was said, in two pieces."""
    if message["interaction_type"] == "response_required":
        await talk.respond(message["response_id"], "you said ", str(message["transcript"][-1]["content"]))


@dataclass(slots=True)
class LlmAgent:
    """One URL. opening: sent at once on every connection. refusals: how many handshakes are still answered with 503."""

    url: str
    script: Script
    opening: tuple[Message, ...] = ()
    refusals: int = 0
    talks: list[LlmTalk] = field(default_factory=list)

    @property
    def engine(self) -> dict[str, Any]:
        """For create-agent."""
        return {"type": "custom-llm", "llm_websocket_url": self.url}


class LlmServer:
    """One port, any number of agents."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._agents: dict[str, LlmAgent] = {}

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, process_request=self._refuse)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    def agent(self, script: Script = echo, *, opening: tuple[Message, ...] = (), refusals: int = 0) -> LlmAgent:
        """A new URL."""
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        name = f"agent-{len(self._agents) + 1}"
        self._agents[name] = LlmAgent(f"ws://127.0.0.1:{port}/{name}/", script, opening, refusals)
        return self._agents[name]

    def _refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        agent = self._agents.get(request.path.split("/")[1])
        if agent is None or not agent.refusals:
            return None
        agent.refusals -= 1
        return connection.respond(503, "not now")

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        agent = self._agents.get(path.split("/")[1])
        if agent is None:
            await connection.close(1008)
            return
        talk = LlmTalk(connection, path)
        agent.talks.append(talk)
        try:
            for message in agent.opening:
                await talk.say(**message)
            async for text in connection:
                message = json.loads(text)
                require_described(message, "llm-to-agent")
                talk.heard.append(message)
                await agent.script(talk, message)
        except ConnectionClosed:
            pass


async def until(condition: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    """Wait for something that a peer does."""
    for _ in range(int(timeout_s / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"it did not happen within {timeout_s:g} s")
