"""A speech-to-text provider on loopback: OpenAI's transcriptions and Deepgram's live stream, with real recognition.

It speaks the two public protocols as strictly as the real servers do, and understands what intents.gram foresees. What
it was asked is kept; what is to go wrong is set on it.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import wave
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

import aiohttp
import numpy as np
from aiohttp import web

from ari_agent.speech.grammar_decoder import DecoderFactory, GrammarDecoder

KEY: Final = "key-of-the-tests"
LOGIN: Final = aiohttp.encode_basic_auth("proxy", "p@ss")
"""What the servers take in place of the key: that of a reverse proxy before them."""
RATE_HZ: Final = 16000

_LISTEN_OPTIONS: Final = frozenset(
    {"model", "language", "encoding", "sample_rate", "channels", "interim_results", "punctuate", "smart_format"}
    | {"no_delay", "endpointing", "keyterm", "keywords", "vad_events", "utterance_end_ms", "version"}
)
_FORM_FIELDS: Final = frozenset(
    {"file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]", "stream"}
)
_QUIET_RMS: Final = 200
_BUFFERED_S: Final = 0.2
"""Less than this is not worth an answer to Finalize."""


@cache
def _factory() -> DecoderFactory:
    return DecoderFactory(resources.files("ari_agent.speech").joinpath("intents.gram").read_text())


_IDLE: Final[list[GrammarDecoder]] = []


def recognise(pcm: bytes) -> list[tuple[str, float, float]]:
    """The words of some audio, with seconds."""
    decoder = _IDLE.pop() if _IDLE else _factory().make()
    decoder.begin()
    decoder.feed(pcm)
    words = [(word, start_ms / 1000, end_ms / 1000) for word, start_ms, end_ms in decoder.end().words]
    _IDLE.append(decoder)
    return words


@dataclass(slots=True)
class Trouble:
    """What goes wrong with one request: after delay_s, an answer with this status and body; status 0: cut off."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass(slots=True)
class Asked:
    """A transcription that was asked for."""

    fields: dict[str, list[str]]
    duration_s: float


class SpeechServer:
    """Made by `speech_server`."""

    def __init__(self, *, idle_s: float, words: bool) -> None:
        self.url = ""
        self.idle_s = idle_s
        self.words = words
        self.troubles: deque[Trouble] = deque()
        self.asked: list[Asked] = []
        self.paths: list[str] = []
        self.streams: list[Stream] = []
        self.opened = asyncio.Condition()
        self.refusals: deque[int] = deque()
        """Statuses for the next handshakes of a stream."""

    @property
    def base_url(self) -> str:
        """Of the OpenAI API."""
        return f"{self.url}/v1"

    async def stream(self, number: int = 0) -> Stream:
        """The stream with this number, once somebody opens it."""
        async with asyncio.timeout(60), self.opened:
            await self.opened.wait_for(lambda: len(self.streams) > number)
        return self.streams[number]

    async def models(self, request: web.Request) -> web.Response:
        """GET /v1/models."""
        self.paths.append(request.path_qs)
        if refusal := _refused(request, "Bearer"):
            return refusal
        return web.json_response({"object": "list", "data": [{"id": "whisper-1", "object": "model"}]})

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/audio/transcriptions."""
        self.paths.append(request.path_qs)
        if refusal := _refused(request, "Bearer"):
            return refusal
        if not request.content_type.startswith("multipart/form-data"):
            return _bad(f"Unsupported content type: '{request.content_type}'")
        form = await request.post()
        if unknown := set(form) - _FORM_FIELDS:
            return _bad(f"Unrecognized request arguments: {sorted(unknown)}")
        fields = {name: [str(each) for each in form.getall(name) if isinstance(each, str)] for name in form}
        file, model = form.get("file"), form.get("model")
        if not isinstance(file, web.FileField) or not isinstance(model, str):
            return _bad("you must provide a file and a model parameter")
        if not file.filename.endswith(".wav"):
            return _bad("Invalid file format")
        try:
            with wave.open(file.file, "rb") as wav:
                shape = (wav.getnchannels(), wav.getsampwidth(), wav.getframerate())
                pcm = wav.readframes(wav.getnframes())
        except (wave.Error, EOFError):
            file.file.close()
            return _bad("The audio file could not be decoded or its format is not supported.")
        file.file.close()
        assert shape == (1, 2, RATE_HZ), shape
        duration_s = len(pcm) / 2 / RATE_HZ
        if duration_s < 0.1:
            return _bad("Audio file is too short. Minimum audio length is 0.1 seconds.")
        if (language := str(form.get("language", "en"))) and not re.fullmatch("[a-z]{2}", language):
            return _bad(f"Invalid language '{language}'. Language parameter must be specified in ISO-639-1 format.")
        shown = str(form.get("response_format", "json"))
        if shown not in {"json", "verbose_json"} or (shown == "verbose_json" and not self.words):
            return _bad(f"response_format '{shown}' is not compatible with model '{model}'")
        if "timestamp_granularities[]" in form and shown != "verbose_json":
            return _bad("timestamp_granularities needs response_format verbose_json")
        self.asked.append(Asked(fields, duration_s))
        if self.troubles:
            trouble = self.troubles.popleft()
            await asyncio.sleep(trouble.delay_s)
            if not trouble.status:
                assert request.transport
                request.transport.abort()
            if trouble.status != 200 or trouble.body:
                return web.Response(status=trouble.status or 500, body=trouble.body, headers=trouble.headers)
        return web.json_response(_answer(recognise(pcm), duration_s, verbose=shown == "verbose_json"))

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/listen, a websocket."""
        self.paths.append(request.path_qs)
        if self.refusals:
            return web.Response(status=self.refusals.popleft())
        if request.headers.get("Authorization") not in {f"Token {KEY}", LOGIN}:
            return web.json_response({"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}, status=401)
        query = request.query
        if unknown := set(query) - _LISTEN_OPTIONS:
            return web.Response(status=400, headers={"dg-error": f"unknown query parameters: {sorted(unknown)}"})
        if (query.get("encoding"), query.get("sample_rate"), query.get("channels", "1")) != ("linear16", "16000", "1"):
            return web.Response(status=400, headers={"dg-error": "unsupported audio format"})
        if not query.get("endpointing", "10").isdigit():
            return web.Response(status=400, headers={"dg-error": "endpointing is milliseconds"})
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        stream = Stream(socket, request)
        self.streams.append(stream)
        async with self.opened:
            self.opened.notify_all()
        await stream.run(self.idle_s)
        return socket


class Stream:
    """One connection to /v1/listen. messages: the types of what it was told, "audio" for a run of audio."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.query = request.query
        self.messages: list[str] = []
        self.heard_s = 0.0
        self.ignores_finalize = False
        self.told = asyncio.Condition()
        self._request = request
        self._endpointing_s = int(request.query.get("endpointing", "10")) / 1000
        self._start_s = 0.0
        self._quiet_s = 0.0
        self._spoken = False
        self._draft = ""
        self._decoder = _IDLE.pop() if _IDLE else _factory().make()
        self._decoder.begin()

    async def until(self, message: str, count: int = 1) -> None:
        """Wait until it was told this so often."""
        async with asyncio.timeout(60), self.told:
            await self.told.wait_for(lambda: self.messages.count(message) >= count)

    def cut(self) -> None:
        """As a network does."""
        assert self._request.transport
        self._request.transport.abort()

    async def run(self, idle_s: float) -> None:
        """Until CloseStream, or the connection's end."""
        try:
            while not self.socket.closed:
                try:
                    message = await self.socket.receive(timeout=idle_s)
                except TimeoutError:
                    await self.socket.close(code=1011, message=b"NET-0001")
                    return
                if message.type is aiohttp.WSMsgType.BINARY:
                    if message.data.startswith(b"{") or len(message.data) % 2:
                        await self.socket.close(code=1008, message=b"DATA-0000")
                        return
                    await self._note("audio")
                    for start in range(0, len(message.data), 3200):
                        await self._hear(message.data[start : start + 3200])
                elif message.type is aiohttp.WSMsgType.TEXT:
                    await self._obey(str(json.loads(message.data)["type"]))
                else:
                    return
        except ConnectionError:
            pass  # cut
        finally:
            self._decoder.end()
            _IDLE.append(self._decoder)

    async def _obey(self, order: str) -> None:
        await self._note(order)
        if order == "Finalize":
            if self.heard_s - self._start_s >= _BUFFERED_S and not self.ignores_finalize:
                await self._conclude(from_finalize=True)
        elif order == "CloseStream":
            await self._conclude()
            await self.socket.send_json(
                {
                    "type": "Metadata",
                    "transaction_key": "deprecated",
                    "request_id": "7f3e",
                    "sha256": "e3b0",
                    "created": "2026-01-01T00:00:00.000Z",
                    "duration": self.heard_s,
                    "channels": 1,
                }
            )
            await self.socket.close()
        elif order != "KeepAlive":
            await self.socket.close(code=1008, message=b"DATA-0000")

    async def _note(self, message: str) -> None:
        if message != "audio" or self.messages[-1:] != ["audio"]:
            self.messages.append(message)
        async with self.told:
            self.told.notify_all()

    async def _hear(self, pcm: bytes) -> None:
        piece_s = len(pcm) / 2 / RATE_HZ
        self.heard_s += piece_s
        self._decoder.feed(pcm)
        loud = float(np.sqrt(np.square(np.frombuffer(pcm, "<i2").astype(float)).mean())) > _QUIET_RMS
        self._spoken |= loud
        self._quiet_s = 0.0 if loud else self._quiet_s + piece_s
        draft = self._decoder.so_far()
        if draft != self._draft and self._spoken:
            self._draft = draft
            await self._results(draft.split(), final=False)
        if self._spoken and self._quiet_s >= self._endpointing_s:
            await self._conclude(speech_final=True)

    async def _conclude(self, *, from_finalize: bool = False, speech_final: bool = False) -> None:
        words = [(word, start_ms / 1000, end_ms / 1000) for word, start_ms, end_ms in self._decoder.end().words]
        await self._results(words, final=True, speech_final=speech_final, from_finalize=from_finalize)
        self._start_s, self._quiet_s, self._spoken, self._draft = self.heard_s, 0.0, False, ""
        self._decoder.begin()

    async def _results(
        self, words: list[Any], *, final: bool, speech_final: bool = False, from_finalize: bool = False
    ) -> None:
        timed = [(word, 0.0, 0.0) if isinstance(word, str) else word for word in words]
        shown = [
            {
                "word": word,
                "punctuated_word": word,
                "start": self._start_s + start,
                "end": self._start_s + end,
                "confidence": 0.9,
            }
            for word, start, end in timed
        ]
        model = {"name": "intents", "version": "1", "arch": "jsgf"}
        await self.socket.send_json(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "start": self._start_s,
                "duration": self.heard_s - self._start_s,
                "is_final": final,
                "speech_final": speech_final,
                "from_finalize": from_finalize,
                "channel": {
                    "alternatives": [
                        {"transcript": " ".join(word for word, _, _ in timed), "confidence": 0.9, "words": shown}
                    ]
                },
                "metadata": {"request_id": "7f3e", "model_info": model, "model_uuid": "9a1c"},
            }
        )


def _refused(request: web.Request, scheme: str) -> web.Response | None:
    if request.headers.get("Authorization") in {f"{scheme} {KEY}", LOGIN}:
        return None
    given = request.headers.get("Authorization", "").removeprefix(f"{scheme} ")
    error = {
        "message": f"Incorrect API key provided: {given}.",
        "type": "invalid_request_error",
        "code": "invalid_api_key",
    }
    return web.json_response({"error": error}, status=401)


def _bad(message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=400)


def _answer(words: list[tuple[str, float, float]], duration_s: float, *, verbose: bool) -> dict[str, Any]:
    text = " ".join(word for word, _, _ in words)
    if not verbose:
        return {"text": text, "usage": {"type": "duration", "seconds": round(duration_s)}}
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": duration_s,
        "text": f" {text}",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": -0.2,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }
    return {
        "task": "transcribe",
        "language": "english",
        "duration": duration_s,
        "text": text,
        "words": [{"word": word, "start": start, "end": end} for word, start, end in words],
        "segments": [segment],
    }


@asynccontextmanager
async def speech_server(*, idle_s: float = 10.0, words: bool = True) -> AsyncIterator[SpeechServer]:
    """A server on a free port. idle_s: silence on a stream that ends it; words: whether it does verbose_json."""
    server = SpeechServer(idle_s=idle_s, words=words)
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_get("/v1/models", server.models)
    app.router.add_post("/v1/audio/transcriptions", server.transcribe)
    app.router.add_get("/v1/listen", server.listen)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def wav(pcm: bytes, rate_hz: int = RATE_HZ) -> bytes:
    """A file of 16-bit mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate_hz)
        written.writeframes(pcm)
    return file.getvalue()
