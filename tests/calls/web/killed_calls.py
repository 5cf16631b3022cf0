"""Recorded web calls whose controller is killed again and again, and what their records and files hold afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
from websockets.exceptions import WebSocketException

from tests.fakes.agent_server import AgentCall
from tests.fakes.controller import Controller
from tests.fakes.controller_alone import controller_alone
from tests.fakes.sound import tone
from tests.fakes.web_client import WebFrontEnd

RATE_HZ: Final = 16_000
AUDIO: Final = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": RATE_HZ}
PIECE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Played:
    """A call that the front end heard something of. lasted_s: from then until it ended; cut: by a kill."""

    call_id: str
    lasted_s: float
    cut: bool


@dataclass(frozen=True, slots=True)
class Left:
    """What a call has left. recorded_s: of its recording; None where its record has no link, or it leads to nothing."""

    played: Played
    recorded_s: float | None


async def greet(call: AgentCall) -> None:
    """The script of an agent that speaks at once."""
    await call.say(tone(300, seconds=0.2, rate_hz=RATE_HZ))


@contextlib.asynccontextmanager
async def recording(folder: Path) -> AsyncIterator[tuple[Controller, str]]:
    """A controller that records all calls, and the id of its agent."""
    async with controller_alone(folder, greet, RECORDING="on", PUBLIC_URL="") as made:
        yield made


async def play(
    controller: Controller, agent_id: str, *, calls: int, kills: int, at_once: int, seconds: float
) -> Sequence[Played]:
    """Make the calls, of so many seconds on average, and kill the controller so often; returns those that began."""
    played: list[Played] = []
    running, up = asyncio.Semaphore(at_once), asyncio.Event()
    up.set()

    async def call(number: int) -> None:
        length_s = seconds * (0.5 + number % 5 / 4)  # of the same length, all would end at once
        async with running:
            while True:
                await up.wait()
                try:
                    made = await controller.post("/register-call", {"agent_id": agent_id, **AUDIO}, expect=201)
                    if found := await _talk(controller, made.json["call_id"], length_s):
                        played.append(found)
                        return
                except (aiohttp.ClientError, OSError, WebSocketException, AssertionError):
                    await asyncio.sleep(0.1)  # it is being killed

    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            group.create_task(call(number))
        for kill in range(1, kills + 1):
            await _until(partial(_has, played, kill * calls // (kills + 1)))
            up.clear()
            await controller.kill()
            await controller.start(ready=False)
            up.set()
    return played


def _has(played: Sequence[Played], count: int) -> bool:
    return len(played) >= count


async def _until(look: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if look():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the calls do not go on")


async def _talk(controller: Controller, call_id: str, seconds: float) -> Played | None:
    """Speak in real time for so many seconds; None if the call was over before anything was heard."""
    url = f"{controller.url.replace('http', 'ws')}/audio-websocket/{call_id}"
    async with WebFrontEnd(url, rate_hz=RATE_HZ) as front:
        with contextlib.suppress(ConnectionError, TimeoutError):
            await front.until(lambda: front.audio)
        if not front.audio:
            return None
        begun_s, piece = time.monotonic(), tone(440, seconds=PIECE_S, rate_hz=RATE_HZ)
        while time.monotonic() < begun_s + seconds and not front.closed.is_set():
            with contextlib.suppress(WebSocketException):
                await front.say(piece, samples=len(piece))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(front.closed.wait(), PIECE_S)
        return Played(call_id, time.monotonic() - begun_s, cut=front.closed.is_set())


async def what_is_left(controller: Controller, played: Sequence[Played]) -> Sequence[Left]:
    """Look at the record and the recording of each call."""
    return [Left(call, await _recorded_s(controller, call.call_id)) for call in played]


async def _recorded_s(controller: Controller, call_id: str) -> float | None:
    record = await controller.ended_call(call_id, timeout_s=30)
    if (url := record.get("recording_multi_channel_url")) is None:
        return None
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        if response.status != 200:
            return None
        with wave.open(io.BytesIO(await response.read())) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, RATE_HZ)
            return int(file.getnframes()) / RATE_HZ


def orphans(folder: Path, known: Sequence[str]) -> Sequence[str]:
    """Return the files of spool and store that belong to none of these calls, or that are no whole artefact."""
    files = [path for place in ("spool", "artefacts") for path in (folder / place).rglob("*") if path.is_file()]
    return sorted(
        str(path.relative_to(folder))
        for path in files
        if path.name != ".lock" and (path.parent.name not in known or "spool" in path.relative_to(folder).parts)
    )
