"""The pictures of docs/images: each page of the console, of a real system with calls in progress.

    python -m tests.console.browser.screenshots [NAME...]

Each is a row of PICTURES. Needs Asterisk and Chromium (`make test` gets both) and flite, and takes a minute.
"""

from __future__ import annotations

import asyncio
import base64
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page

from tests.console.browser.chromium import Chromium
from tests.console.browser.conftest import log_in
from tests.fakes.agent_server import AgentCall
from tests.fakes.flite import resampled, speech
from tests.integration.stage import Connected, Stage, staged

FOLDER: Final = Path(__file__).parents[3] / "docs" / "images"
WIDTH: Final = 1200
MOST_BYTES: Final = 60_000
_COLOURS: Final = 256
_PIXELS_OF: Final = """async (picture) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const {data} = canvas.getImageData(0, 0, image.width, image.height);
    let bytes = "";
    for (let at = 0; at < data.length; at += 8192) bytes += String.fromCharCode(...data.subarray(at, at + 8192));
    return btoa(bytes);
}"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One page. path: {call_id}, {agent_id} and {number} stand for those of a call that is over. height: pixels.

    shows: text that is on the page when it is ready.
    """

    name: str
    path: str
    height: int
    shows: str


PICTURES: Final = (
    Picture("now", "/console", 420, "Shall I put you down"),
    Picture("calls", "/console/calls", 420, "Bakery"),
    Picture("call", "/console/calls/{call_id}", 1000, "loaves"),
    Picture("number", "/console/numbers/{number}", 700, "Trunk"),
    Picture("agent", "/console/agents/{agent_id}", 700, "Talk to this agent"),
    Picture("webhooks", "/console/webhooks", 420, "call_ended"),
    Picture("phone", "/console/phone", 420, "Phone"),
    Picture("check", "/console/check", 420, "Run the check"),
    Picture("api", "/console/api", 420, "API"),
)
SAID: Final = (
    ("agent", "Miller's bakery, how can I help?"),
    ("user", "Two loaves for tomorrow, please."),
    ("agent", "Gladly. Is seven in the morning fine?"),
    ("user", "Yes, thank you. Goodbye."),
)
LIVE: Final = (
    ("Reservations", "A table for four at eight? Let me look."),
    ("Reservations", "Shall I put you down for half past seven?"),
    ("Night desk", "I am connecting you to the porter."),
)


def palette_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of the most frequent colours, and of the nearest of them for any other. pixels: height x width x RGB.

    Source: W3C, "Portable Network Graphics Specification", colour type 3.
    """
    height, width, _ = pixels.shape
    colours, places, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    kept = colours[np.argsort(-counts)[:_COLOURS]].astype(np.int64)
    nearest = [int(((kept - colour) ** 2).sum(axis=1).argmin()) for colour in colours.astype(np.int64)]
    rows = np.array(nearest, np.uint8)[places.ravel()].reshape(height, width)
    unfiltered = np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", kept.astype(np.uint8).tobytes()), (b"IDAT", zlib.compress(unfiltered, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in (*parts, (b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


async def main(names: Sequence[str]) -> None:
    """Make all pictures, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = await stack.enter_async_context(staged(folder / "stage", RECORDING="on"))
        chromium = Chromium(folder)
        stack.push_async_callback(chromium.close)
        known = await _call_that_is_over(stage)
        for agent_name, words in LIVE:
            call = await stack.enter_async_context(stage.connected(agent={"agent_name": agent_name}))
            await _tell(call.agent, [{"role": "agent", "content": words}])
        for picture in PICTURES:
            if not names or picture.name in names:
                size = await _take(chromium, stage, picture, known)
                print(f"{picture.name}: {size} bytes")


async def _take(chromium: Chromium, stage: Stage, picture: Picture, known: Mapping[str, str]) -> int:
    viewport = {"width": WIDTH, "height": picture.height}
    async with chromium.page(stage.controller.url, viewport=viewport, color_scheme="light") as (page, _):
        await page.goto("/console")
        await log_in(page, stage.controller.api_key)
        await page.goto(picture.path.format_map(known))
        await page.get_by_text(picture.shows).first.wait_for()
        await asyncio.sleep(1)  # what is drawn when its data has come
        image = palette_png(await pixels_of(page, await page.screenshot()))
    if len(image) > MOST_BYTES:
        raise ValueError(f"{picture.name} has {len(image)} bytes: make it less high")
    (FOLDER / f"{picture.name}.png").write_bytes(image)
    return len(image)


async def pixels_of(page: Page, png: bytes) -> NDArray[np.uint8]:
    """The colours of a picture, height x width x RGB, as a browser sees them. page: of the browser that is asked."""
    width, height = struct.unpack_from(">II", png, 16)
    blank = await page.context.new_page()  # whose policy lets it look
    data = base64.b64decode(await blank.evaluate(_PIXELS_OF, base64.b64encode(png).decode()))
    return np.frombuffer(data, np.uint8).reshape(height, width, 4)[:, :, :3]


async def _call_that_is_over(stage: Stage) -> Mapping[str, str]:
    """Hold a conversation. Return how its page, its agent's and its number's are found."""
    async with stage.connected(agent={"agent_name": "Bakery"}, headers=[("X-Caller", "Miller")]) as call:
        record = (await stage.controller.get(f"/v2/get-call/{call.call_id}")).json
        said: list[Mapping[str, Any]] = []
        for role, text in SAID:
            sound = resampled(speech(text, "slt" if role == "agent" else "rms"), 16_000, 8_000)
            said.append(_utterance(role, text, time.time() - record["start_timestamp"] / 1000, len(sound) / 8000))
            await _tell(call.agent, said)
            await _say(call, role, sound)
        await call.caller.hang_up()
    await stage.events.event("call_analyzed", call_id=call.call_id)
    return {"call_id": call.call_id, "agent_id": call.agent_id, "number": call.number}


def _utterance(role: str, text: str, start_s: float, lasts_s: float) -> Mapping[str, Any]:
    each_s = lasts_s / len(text.split())
    words = [
        {"word": word, "start": start_s + place * each_s, "end": start_s + (place + 1) * each_s}
        for place, word in enumerate(text.split())
    ]
    return {"role": role, "content": text, "words": words}


async def _say(call: Connected, role: str, sound: NDArray[np.int16]) -> None:
    if role == "agent":
        await call.agent.say(sound)
    else:
        call.caller.audio.say(sound)
    await asyncio.sleep(len(sound) / 8000 + 0.4)


async def _tell(agent: AgentCall, said: Sequence[Mapping[str, Any]]) -> None:
    await agent.send({"event": "update", "update": {"transcript": list(said)}})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
