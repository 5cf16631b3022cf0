"""A server of OpenAI's realtime API, on loopback, that answers as its script says (OpenAI, 2026-11, and the beta).

Written from the description of the protocol, on the independent `websockets` library. The test says when the caller
speaks (`Session.user_begins`, `Session.user_said`), because what is heard here is noise.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the model. text, sound: what is said; calls: tools: name and arguments. status: how it ends.

    error: of a failed one. usage: tokens in and out; None: the server does not count. ends: False leaves it open.
    deltas: in how many pieces the sound comes.
    """

    text: str = ""
    sound: bytes = b""
    calls: Sequence[tuple[str, str]] = ()
    status: str = "completed"
    error: str = ""
    usage: tuple[int, int] | None = (20, 10)
    ends: bool = True
    deltas: int = 4


@dataclass(slots=True)
class Session:
    """One session: all that the client has sent, and what the server can tell it."""

    server: RealtimeServer
    connection: ServerConnection
    path: str
    headers: dict[str, str]
    received: list[Event] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    count: int = 0
    playing: set[str] = field(default_factory=set)

    def of(self, kind: str) -> list[Event]:
        """Return the client's events of one type, in order."""
        return [event for event in self.received if event["type"] == kind]

    async def event(self, kind: str, *, index: int = 0, timeout_s: float = 15.0) -> Event:
        """Wait for the n-th event of one type."""
        async with asyncio.timeout(timeout_s):
            while len(self.of(kind)) <= index:
                self.news.clear()
                await self.news.wait()
        return self.of(kind)[index]

    async def tell(self, kind: str, **more: Any) -> None:
        """Send an event; a client that is gone is told nothing."""
        self.count += 1
        name = _BETA_NAMES.get(kind, kind) if self.server.beta else kind
        with contextlib.suppress(ConnectionClosed):
            await self.connection.send(json.dumps({"type": name, "event_id": f"event_{self.count}", **more}))

    async def user_begins(self, item_id: str) -> None:
        """Tell that the caller's voice was found."""
        await self.tell("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item_id)

    async def user_said(self, item_id: str, text: str, answer: Answer | None = None) -> None:
        """Tell that the caller has spoken, and answer it."""
        await self.tell("input_audio_buffer.speech_stopped", audio_end_ms=500, item_id=item_id)
        await self.tell("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        if answer:
            await self.answer(answer)
        await self.tell(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript=text,
            usage={"type": "duration", "seconds": 1.0},
        )

    async def answer(self, answer: Answer) -> str:
        """Give an answer, and return the id of its spoken item."""
        self.count += 1
        response_id, item_id = f"resp_{self.count}", f"item_{self.count}"
        place = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        output: list[Event] = []
        await self.tell("response.created", response={"id": response_id, "status": "in_progress"})
        if answer.sound or answer.text:
            message = {"id": item_id, "type": "message", "role": "assistant", "content": []}
            added = {"response_id": response_id, "output_index": 0, "item": message}
            await self.tell("response.output_item.added", **added)
            size = -(-len(answer.sound) // answer.deltas) or 1
            for start in range(0, len(answer.sound), size):
                delta = base64.b64encode(answer.sound[start : start + size]).decode()
                await self.tell("response.output_audio.delta", **place, delta=delta)
            for word in answer.text.split(" "):
                await self.tell("response.output_audio_transcript.delta", **place, delta=f"{word} ")
            await self.tell("response.output_audio.done", **place)
            await self.tell("response.output_audio_transcript.done", **place, transcript=answer.text)
            output.append({**message, "content": [{"type": "output_audio", "transcript": answer.text}]})
        for index, (name, arguments) in enumerate(answer.calls):
            call_id = f"call_{self.count}_{index}"
            call = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name}
            item = {**call, "arguments": arguments}
            at = {"response_id": response_id, "output_index": index + 1}
            await self.tell("response.output_item.added", **at, item={**call, "arguments": ""})
            done = {"item_id": call["id"], "call_id": call_id, "arguments": arguments}
            named = {} if self.server.beta else {"name": name}
            await self.tell("response.function_call_arguments.done", **at, **done, **named)
            await self.tell("response.output_item.done", **at, item=item)
            output.append(item)
        if answer.ends:
            await self.done(response_id, answer, output)
        return item_id

    async def done(self, response_id: str, answer: Answer, output: list[Event]) -> None:
        """End an answer."""
        response: Event = {"id": response_id, "object": "realtime.response", "status": answer.status, "output": output}
        if answer.error:
            response["status_details"] = {"type": "failed", "error": {"message": answer.error, "code": "server_error"}}
        if answer.usage:
            given, made = answer.usage
            response["usage"] = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
        await self.tell("response.done", response=response)


_BETA_NAMES = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}


class RealtimeServer:
    """url: ws, up to /v1/realtime. script: the answers to `response.create`, in order. sessions: all so far.

    beta: speaks the beta's dialect. key: that a client must have. refuses: parts of a session that it refuses, by name.
    is_silent: never takes the session's settings. says_nothing: not even that there is a session. first_error: is told
    in place of one. closes: ends every session at once, for this reason.
    """

    def __init__(
        self,
        *script: Answer,
        beta: bool = False,
        key: str = "",
        refuses: Sequence[str] = (),
        is_silent: bool = False,
        says_nothing: bool = False,
        first_error: str = "",
        closes: str = "",
    ) -> None:
        self.script, self.sessions = list(script), list[Session]()
        self.beta, self.key, self.refuses, self.is_silent = beta, key, refuses, is_silent
        self.says_nothing, self.first_error, self.closes = says_nothing, first_error, closes
        self.url = ""
        self._news = asyncio.Event()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, process_request=self._check, max_size=None)
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/v1/realtime"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def session(self, index: int = -1, *, timeout_s: float = 15.0) -> Session:
        """Wait for a session; the newest, if none is named."""
        async with asyncio.timeout(timeout_s):
            while len(self.sessions) <= max(index, 0):
                self._news.clear()
                await self._news.wait()
        return self.sessions[index]

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return connection.respond(401, "no such key")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        session = Session(self, connection, request.path, dict(request.headers.raw_items()))
        self.sessions.append(session)
        self._news.set()
        kind: Event = {"type": "realtime", "object": "realtime.session", "audio": {}}
        given = {"input_audio_format": "pcm16", "voice": "alloy"} if self.beta else kind
        if self.closes:
            await connection.close(3000, self.closes)
        elif self.first_error:
            await session.tell("error", error={"type": "invalid_request_error", "message": self.first_error})
        elif not self.says_nothing:
            await session.tell("session.created", session={**given, "model": "gpt-realtime"})
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                await self._take(session, json.loads(text))

    async def _take(self, session: Session, event: Event) -> None:
        session.received.append(event)
        if event["type"] == "input_audio_buffer.append":
            session.heard += base64.b64decode(event["audio"])
        session.news.set()
        match event["type"]:
            case "session.update" if not self.is_silent:
                told = json.dumps(event["session"])
                refused = next((part for part in self.refuses if f'"{part}"' in told), None)
                if refused:
                    error = {"type": "invalid_request_error", "message": f"Invalid {refused}.", "param": refused}
                    await session.tell("error", error={**error, "event_id": event.get("event_id")})
                else:
                    await session.tell("session.updated", session=event["session"])
            case "response.create" if self.script:
                await session.answer(self.script.pop(0))
            case "conversation.item.truncate":
                place = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
                await session.tell("conversation.item.truncated", **place)
