"""Text to speech on loopback: OpenAI's /v1/audio/speech and ElevenLabs' stream-input, with real speech by flite.

Both are strict about their protocol, keep what they were asked, and can be told to fail: `faults` are used up one by
one, a request for each.
"""

from __future__ import annotations

import asyncio
import base64
import http
import json
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit
from xml.etree.ElementTree import fromstring

import aiohttp
import numpy as np
from aiohttp import web
from numpy.typing import NDArray
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fakes import flite

KEY: Final = "sk-secret-of-the-tests"
LOGIN: Final = aiohttp.encode_basic_auth("proxy", "p@ss")
"""What the OpenAI server takes in place of the key: that of a reverse proxy before it."""
ODD_CHUNKS: Final = (1, 1023, 4097, 333, 9001)
ELEVENLABS_MODELS = ("eleven_flash_v2_5", "eleven_flash_v2")
ELEVENLABS_VOICES: Final[Mapping[str, str]] = {"EXAVITQu4vr4xnSDxMaL": "slt", "JBFqnCBsd6RMkjVDRZzb": "rms"}
OPENAI_VOICES: Final[Mapping[str, str]] = {"alloy": "slt", "onyx": "rms"}


@dataclass(slots=True)
class Asked:
    """One request. ended: set when its connection is done with; cut: the client went before the end."""

    headers: Mapping[str, str]
    body: Any = None
    path: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False


class OpenAiSpeechServer:
    """`url` is what ARI_AGENT_OPENAI_BASE_URL takes.

    Faults: an HTTP status; "stall" and "cut" after half a second of audio; "silence" before any; "wav", "mp3", "empty".
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connections: set[tuple[str, int]] = set()
        self.faults: deque[int | str] = deque()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/audio/speech", self._speak)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        asked = Asked(dict(request.headers), path=request.path_qs)
        self.asked.append(asked)
        try:
            asked.body = await request.json()
            return await self._answer(request, asked.body)
        except (asyncio.CancelledError, ConnectionError):
            asked.cut = True
            raise
        finally:
            asked.ended.set()

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, int):
            return _error(fault, f"The server says {fault}, with {KEY} in its words.")
        if request.headers.get("Authorization") not in {f"Bearer {KEY}", LOGIN}:
            return _error(401, f"Incorrect API key provided: {request.headers.get('Authorization')}")
        if set(body) - {"model", "voice", "input", "response_format", "speed"} or body["model"] != "gpt-4o-mini-tts":
            return _error(400, "Unknown parameter or model.")
        if body["response_format"] != "pcm" or not 0 < len(body["input"]) <= 4096:
            return _error(400, "Invalid response_format or input.")
        if body["voice"] not in OPENAI_VOICES:
            return _error(400, f"Invalid value: '{body['voice']}'. Supported voices are: 'alloy', 'onyx'.")
        if fault == "silence":
            await asyncio.Event().wait()
        spoken = flite.speech(body["input"], OPENAI_VOICES[body["voice"]])
        pcm = flite.resampled(spoken, 16000, 24000).tobytes()
        kind = "audio/pcm"
        if fault == "wav":
            pcm, kind = _wav(flite.resampled(spoken, 16000, 22050), 22050), "audio/wav"
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg" if fault == "mp3" else kind})
        response.enable_chunked_encoding()
        await response.prepare(request)
        half_a_second, sent = 24000, 0
        for chunk in _cut(pcm if fault != "empty" else b""):
            await response.write(chunk)
            sent += len(chunk)
            if sent > half_a_second and fault == "stall":
                await asyncio.Event().wait()
            if sent > half_a_second and fault == "cut":
                assert request.transport is not None
                request.transport.abort()
                return response
        await response.write_eof()
        return response


class ElevenLabsServer:
    """`url` is what ARI_AGENT_ELEVENLABS_URL takes.

    Faults: an HTTP status of the handshake; one of ElevenLabs' error codes; "stall" and "cut" after half a second of
    audio; "silence"; "garbage": what is no JSON.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []  # those that were asked to speak
        self.open: set[ServerConnection] = set()
        self.dialled = 0
        self.faults: deque[int | str] = deque()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server: Server = await serve(self._serve, "127.0.0.1", 0, process_request=self._refuse, close_timeout=0.1)
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.faults and isinstance(self.faults[0], int):
            status = http.HTTPStatus(int(self.faults.popleft()))
            return connection.respond(status, "no")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self.open.add(connection)
        self.dialled += 1
        assert connection.request is not None
        asked = Asked(dict(connection.request.headers.raw_items()), [], connection.request.path)
        try:
            await self._converse(connection, asked)
        except ConnectionClosed:
            asked.cut = True
        finally:
            self.open.discard(connection)
            asked.ended.set()

    async def _converse(self, connection: ServerConnection, asked: Asked) -> None:
        while True:  # until the empty text
            told = json.loads(await connection.recv())
            if not asked.body:
                self.asked.append(asked)
            asked.body.append(told)
            if not told["text"]:
                break
        error = _wrong(asked)
        fault = self.faults.popleft() if self.faults else None
        voice = urlsplit(asked.path).path.split("/")[3]
        if error is None and voice not in ELEVENLABS_VOICES:
            error = "voice_id_does_not_exist"
        if isinstance(fault, str) and "_" in fault:
            error = fault
        if error:
            words = f"It is {error}, with {KEY}."
            await connection.send(json.dumps({"message": words, "error": error, "code": 1008}))
            await connection.close(1008, words)
            return
        text = "".join(told["text"] for told in asked.body).strip()
        if "enable_ssml_parsing=true" in asked.path:  # markup that is wrong is an error, and none is spoken
            text = "".join(fromstring(f"<speak>{text}</speak>").itertext())
        if fault == "silence":
            await connection.wait_closed()
            asked.cut = True
            return
        if fault == "garbage":
            await connection.send("[]]")
        pcm = flite.speech(text, ELEVENLABS_VOICES[voice])
        for number, message in enumerate(_messages(text, pcm)):
            await connection.send(json.dumps(message))
            if number == 1 and fault == "cut":
                connection.transport.close()
                return
            if number == 1 and fault == "stall":
                await connection.wait_closed()
                asked.cut = True
                return
        await connection.send(json.dumps({"audio": None, "isFinal": True, "alignment": None}))
        await connection.close()


def _wrong(asked: Asked) -> str | None:
    """By the reference: what a client gets wrong."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
    if {name.lower(): value for name, value in asked.headers.items()}.get("xi-api-key") != KEY:
        return "invalid_api_key"
    if query.get("output_format") != "pcm_16000" or query.get("auto_mode") != "true":
        return "invalid_output_format"
    if (
        query.get("model_id") not in {"eleven_flash_v2_5", "eleven_flash_v2"}
        or not 5 <= int(query.get("inactivity_timeout", 20)) <= 180
    ):
        return "model_not_found"
    first, *others = asked.body
    settings = first.get("voice_settings", {})
    if first["text"] != " " or not (0.7 <= settings.get("speed", 1) <= 1.2 and 0 <= settings["stability"] <= 1):
        return "invalid_input_message"
    if any(not told["text"].endswith(" ") or "voice_settings" in told for told in others[:-1]):
        return "invalid_input_message"
    return None


def _messages(text: str, samples: NDArray[np.int16], each: int = 4800) -> list[dict[str, Any]]:
    """300 ms of audio in each, with its characters' times from its own beginning: evenly, for want of better ones."""
    a_character = len(samples) / 16 / len(text)
    messages = []
    for start in range(0, len(samples), each):
        first_ms, last_ms = start / 16, min(start + each, len(samples)) / 16
        spoken = [i for i in range(len(text)) if first_ms <= i * a_character < last_ms]
        alignment = {
            "chars": [text[i] for i in spoken],
            "charStartTimesMs": [round(i * a_character - first_ms) for i in spoken],
            "charDurationsMs": [round(a_character) for _ in spoken],
        }
        audio = base64.b64encode(samples[start : start + each].tobytes()).decode()
        messages.append({"audio": audio, "isFinal": None, "alignment": alignment, "normalizedAlignment": alignment})
    return messages


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "error", "code": None}}, status=status)


def _cut(pcm: bytes) -> list[bytes]:
    chunks: list[bytes] = []
    start = 0
    for size in cycle(ODD_CHUNKS):
        if start >= len(pcm):
            return chunks
        chunks.append(pcm[start : start + size])
        start += size
    raise AssertionError


def _wav(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    """Of unknown length, as a server that streams writes it."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + form + b"data\xff\xff\xff\xff" + samples.tobytes()
