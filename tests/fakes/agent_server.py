"""Agents on loopback, on the independent `websockets` library: each URL plays the script that a test gave it.

Both protocols of audio agents are spoken here from their descriptions (Twilio Media Streams; Retell's web audio
socket), without the product's code. A script is a coroutine over one connection; when it returns, the agent
goes on listening until the other side closes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fakes.schemas import require_described
from tests.fakes.sound import SILENCE_FLOOR_DBFS, level_dbfs, silence, ulaw_decode, ulaw_encode

Script = Callable[["AgentCall"], Awaitable[None]]
Message = dict[str, Any]


@dataclass(frozen=True)
class HeardSound:
    """One piece of the caller's audio. time_s: monotonic clock; timestamp_ms: as the twilio protocol gives it."""

    time_s: float
    pcm: NDArray[np.int16]
    timestamp_ms: int | None = None

    @cached_property  # of all pieces it is asked again with each new one
    def level_dbfs(self) -> float:
        """How loud it is."""
        return level_dbfs(self.pcm)


@dataclass(slots=True)
class AgentCall:
    """One connection: what the agent heard and was told, and what it can do."""

    connection: ServerConnection
    protocol: str
    rate_hz: int
    encoding: str
    headers: Mapping[str, str]
    path: str
    opened_s: float = field(default_factory=time.monotonic)
    heard: list[HeardSound] = field(default_factory=list)
    messages: list[Message | str] = field(default_factory=list)
    close_code: int | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    script_error: BaseException | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    # what it was told

    def events(self, name: str) -> list[Message]:
        """Messages of one `event` (or `event_type`), in order."""
        found = [m for m in self.messages if isinstance(m, dict)]
        return [m for m in found if name in (m.get("event"), m.get("event_type"))]

    async def event(self, name: str, *, index: int = 0, timeout_s: float = 10.0) -> Message:
        """Until the n-th message of one `event` is there."""
        await self._until(lambda: len(self.events(name)) > index, f"{name} {index}", timeout_s)
        return self.events(name)[index]

    @property
    def about(self) -> Mapping[str, Any]:
        """What the first message told of the call: call_id, numbers, dynamic variables, flat."""
        for start in self.events("start"):
            parameters: Mapping[str, Any] = start["start"].get("customParameters", {})
            return parameters
        for message in self.events("metadata"):
            metadata: Mapping[str, Any] = message["metadata"]
            return metadata
        return {}

    @property
    def variables(self) -> Mapping[str, str]:
        """The call's dynamic variables, as this protocol tells them."""
        nested: Mapping[str, str] = self.about.get("retell_llm_dynamic_variables", self.about)
        return nested

    @property
    def digits(self) -> str:
        """DTMF that the caller pressed."""
        return "".join(m["dtmf"]["digit"] for m in self.events("dtmf"))

    @property
    def marks(self) -> list[str]:
        """Marks that came back."""
        return [m["mark"]["name"] for m in self.events("mark")]

    def sound(self) -> NDArray[np.int16]:
        """Everything heard, joined."""
        return np.concatenate([piece.pcm for piece in self.heard]) if self.heard else silence(0)

    async def hears(self, *, seconds: float = 0.1, timeout_s: float = 10.0) -> None:
        """Until so much sound that is no silence came in."""

        def enough() -> bool:
            loud = [piece for piece in self.heard if piece.level_dbfs > SILENCE_FLOOR_DBFS]
            return sum(len(piece.pcm) for piece in loud) >= seconds * self.rate_hz

        await self._until(enough, f"{seconds} s of sound", timeout_s)

    async def hears_on(self, seconds: float, *, timeout_s: float = 30.0) -> None:
        """Until so much more audio of any kind came in, from now on."""
        wanted = len(self.sound()) + seconds * self.rate_hz
        await self._until(lambda: sum(len(piece.pcm) for piece in self.heard) >= wanted, f"{seconds} s", timeout_s)

    async def heard_pieces(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Until so many messages with audio came in."""
        await self._until(lambda: len(self.heard) >= count, f"{count} pieces of sound", timeout_s)

    async def _until(self, look: Callable[[], bool], what: str, timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        while not look():
            self.news.clear()
            if self.closed.is_set():
                raise ConnectionError(f"closed with {self.close_code} before {what}; heard {self.messages[-3:]}")
            try:
                await asyncio.wait_for(self.news.wait(), max(0.001, end_s - time.monotonic()))
            except TimeoutError:
                raise TimeoutError(f"no {what} in {timeout_s} s; last messages: {self.messages[-3:]}") from None

    async def gone(self, timeout_s: float = 10.0) -> int | None:
        """Until the connection is closed; returns the close code."""
        await asyncio.wait_for(self.closed.wait(), timeout_s)
        return self.close_code

    # what it does

    async def send(self, message: Message | str | bytes) -> None:
        """Anything: a message, bare text, bytes."""
        await self.connection.send(json.dumps(message) if isinstance(message, dict) else message)

    async def say(self, pcm: NDArray[np.int16], *, chunk_ms: int | None = None) -> None:
        """Samples at the agent's own rate, in one message or in pieces, faster than real time."""
        size = len(pcm) if chunk_ms is None else chunk_ms * self.rate_hz // 1000
        for start in range(0, len(pcm), size or 1):
            await self._say_chunk(pcm[start : start + size])

    async def _say_chunk(self, pcm: NDArray[np.int16]) -> None:
        octets = ulaw_encode(pcm) if self.encoding == "mulaw" else pcm.astype("<i2").tobytes()
        if self.protocol == "web":
            await self.send(octets)
            return
        payload = base64.b64encode(octets).decode()
        await self.send({"event": "media", "streamSid": self.stream_sid, "media": {"payload": payload}})

    @property
    def stream_sid(self) -> str:
        """Of the twilio protocol; empty before `start` and in the web protocol."""
        starts = self.events("start")
        return str(starts[0]["streamSid"]) if starts and self.protocol == "twilio" else ""

    async def clear(self) -> None:
        """Take back all that has not been played."""
        await self.send("clear" if self.protocol == "web" else {"event": "clear", "streamSid": self.stream_sid})

    async def mark(self, name: str) -> None:
        """Ask to be told when everything before has been played."""
        await self.send({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}})

    async def transfer(self, to: str, **more: Any) -> None:
        """Ask for a transfer."""
        await self.send({"event": "transfer", "transfer": {"to": to, **more}})

    async def transfer_result(self, *, index: int = 0, timeout_s: float = 20.0) -> Message:
        """The answer to a transfer."""
        result: Message = (await self.event("transfer", index=index, timeout_s=timeout_s))["transfer"]
        return result

    async def hang_up(self, **more: Any) -> None:
        """Ask for the end of the call; `q850_cause` may be given."""
        await self.send({"event": "hangup", "hangup": more})

    async def press(self, digits: str) -> None:
        """Ask for DTMF towards the caller."""
        await self.send({"event": "dtmf", "dtmf": {"digits": digits}})

    async def close(self, code: int = 1000) -> None:
        """Close the websocket from the agent's side."""
        await self.connection.close(code)

    def abort(self) -> None:
        """Drop the TCP connection without a word."""
        self.connection.transport.abort()

    # the wire

    def take(self, frame: str | bytes) -> None:
        """One frame of the other side."""
        now_s = time.monotonic()
        if isinstance(frame, bytes):
            self.heard.append(HeardSound(now_s, self._samples(frame)))
        else:
            self._take_text(frame, now_s)
        self.news.set()

    def _take_text(self, text: str, now_s: float) -> None:
        try:
            message: Message | str = json.loads(text)
        except ValueError:
            message = text
        if isinstance(message, dict):
            self._require_described(message)
        if isinstance(message, dict) and message.get("event") == "media":
            media = message["media"]
            pcm = self._samples(base64.b64decode(media["payload"], validate=True))
            self.heard.append(HeardSound(now_s, pcm, int(media["timestamp"])))
            return
        self.messages.append(message)

    def _require_described(self, message: Message) -> None:
        try:
            require_described(message, f"{self.protocol}-to-agent")
        except AssertionError as error:
            self.script_error = error

    def _samples(self, octets: bytes) -> NDArray[np.int16]:
        return ulaw_decode(octets) if self.encoding == "mulaw" else np.frombuffer(octets, "<i2").astype(np.int16)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a URL answers the handshake instead of opening."""

    status: int = 503
    delay_s: float = 0.0


@dataclass(slots=True)
class Agent:
    """One URL: its script, and every call that came."""

    url: str
    engine: dict[str, Any]
    """The `response_engine` of an agent that is reached here."""
    script: Script
    refusal: Refusal | None = None
    at_handshake: Callable[[Request], Awaitable[None]] | None = None
    """Awaited before the websocket opens; what goes wrong there fails the test as a script does."""
    handshake_error: BaseException | None = None
    calls: list[AgentCall] = field(default_factory=list)
    attempts: int = 0

    async def call(self, *, index: int = 0, timeout_s: float = 10.0) -> AgentCall:
        """Until the n-th connection is open and has been told of its call."""
        end_s = time.monotonic() + timeout_s
        while len(self.calls) <= index or not self.calls[index].about:
            if time.monotonic() > end_s:
                raise TimeoutError(f"{len(self.calls)} calls, {self.attempts} attempts after {timeout_s} s")
            await asyncio.sleep(0.01)
        return self.calls[index]

    async def attempted(self, *, timeout_s: float = 10.0) -> None:
        """Until somebody asked to connect, whether that is answered or not."""
        for _ in range(int(timeout_s / 0.01)):
            if self.attempts:
                return
            await asyncio.sleep(0.01)
        raise TimeoutError(f"nobody connected in {timeout_s} s")


async def listen(call: AgentCall) -> None:
    """The script of an agent that says nothing."""


async def echo(call: AgentCall) -> None:
    """The script of an agent that says at once what it hears."""
    said = 0
    while True:
        await call.heard_pieces(said + 1)
        pieces = call.heard[said:]
        said += len(pieces)
        await call.say(np.concatenate([piece.pcm for piece in pieces]))


class AgentServer:
    """One listening port for any number of agents, told apart by path. Use as `async with`."""

    def __init__(self, *, sock: socket.socket | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._sock, self._tls = sock, tls
        self._agents: dict[str, Agent] = {}
        self._server: Server | None = None
        self._host, self._port = "127.0.0.1", 0
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._sock is None:
            self._server = await serve(self._run, "127.0.0.1", 0, **self._options)
        else:
            self._server = await serve(self._run, sock=self._sock, **self._options)
        self._host, self._port = next(iter(self._server.sockets)).getsockname()[:2]
        return self

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "process_request": self._handshake,
            "ssl": self._tls,
            "compression": None,
            "max_size": None,
            "open_timeout": None,
        }

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def agent(
        self,
        script: Script = listen,
        *,
        protocol: str = "twilio",
        rate_hz: int | None = None,
        encoding: str | None = None,
        refusal: Refusal | None = None,
        headers: Mapping[str, str] | None = None,
        redial_ms: int | None = None,
    ) -> Agent:
        """A new URL that plays this script; encoding and rate default to what the protocol defaults to.

        redial_ms: how long the controller dials it again when it is lost, else as its settings say.
        """
        coded = encoding or ("mulaw" if protocol == "twilio" else "s16le")
        rate = rate_hz or (8000 if coded == "mulaw" else 16000)
        path = f"/agent-{len(self._agents) + 1}"
        url = f"{'wss' if self._tls else 'ws'}://{self._host}:{self._port}{path}"
        engine = {
            "type": "audio-websocket",
            "audio_websocket_url": url,
            "audio_websocket_protocol": protocol,
            "audio_encoding": coded,
            "sample_rate": rate,
        }
        if headers:
            engine["audio_websocket_headers"] = dict(headers)
        if redial_ms is not None:
            engine["audio_websocket_redial_ms"] = redial_ms
        agent = Agent(url, engine, script, refusal)
        self._agents[path] = agent
        return agent

    def known(self) -> Sequence[Agent]:
        """All URLs, in the order in which they were made."""
        return tuple(self._agents.values())

    async def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        agent = self._agents.get(urlsplit(request.path).path)
        if agent is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such agent\n")
        agent.attempts += 1
        if agent.at_handshake:
            try:
                await agent.at_handshake(request)
            except (TimeoutError, AssertionError, KeyError, ValueError) as error:
                agent.handshake_error = error
        if agent.refusal is None:
            return None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), agent.refusal.delay_s)
        return connection.respond(HTTPStatus(agent.refusal.status), "refused\n")

    async def _run(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        agent = self._agents[urlsplit(path).path]
        call = AgentCall(
            connection,
            protocol=agent.engine["audio_websocket_protocol"],
            rate_hz=agent.engine["sample_rate"],
            encoding=agent.engine["audio_encoding"],
            headers={name.lower(): value for name, value in connection.request.headers.raw_items()},
            path=path,
        )
        agent.calls.append(call)
        script = asyncio.create_task(self._play(agent, call))
        try:
            with contextlib.suppress(ConnectionClosed):
                async for frame in connection:
                    call.take(frame)
        finally:
            call.close_code = connection.close_code
            call.closed.set()
            call.news.set()
            script.cancel()
            await asyncio.gather(script, return_exceptions=True)

    async def _play(self, agent: Agent, call: AgentCall) -> None:
        try:
            if not call.about:
                first = "start" if call.protocol == "twilio" else "metadata"
                await call.event(first)
            await agent.script(call)
        except (ConnectionClosed, ConnectionError):
            return
        except (TimeoutError, AssertionError, KeyError, ValueError) as error:
            call.script_error = error

    def take_script_errors(self) -> list[BaseException]:
        """What went wrong inside scripts since the last time: a test that ends with some has failed."""
        calls = [call for agent in self._agents.values() for call in agent.calls]
        errors = [call.script_error for call in calls if call.script_error]
        for call in calls:
            call.script_error = None
        for agent in self._agents.values():
            if agent.handshake_error:
                errors.append(agent.handshake_error)
                agent.handshake_error = None
        return errors


CONNECT_ONLY: Final = Refusal(status=200, delay_s=3600.0)
"""Takes the TCP connection and the request, and never answers."""
