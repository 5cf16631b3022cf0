"""The links that a call leaves behind, fetched as anybody would: with nothing but the link.

links       both recordings and the public log, whole and in part; a link that is changed is of no use
recording   each voice is on its side, at its moment: recorded_call.py
public_log  each step of the call is there, in order: logged_call.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp

from ari_agent.demo.logged_call import checked_log, has_ended, lines_of
from ari_agent.demo.recorded_call import Dialogue, checked_recording
from ari_agent.demo.report import Report, StepFailed

CONTENT_TYPES: Final[Mapping[str, str]] = {
    "recording_multi_channel_url": "audio/wav",
    "recording_url": "audio/wav",
    "public_log_url": "application/x-ndjson",
}
"""The fields of a call object that hold a link, each with the content type of what it leads to."""
_NAMES: Final[Mapping[str, str]] = {
    "recording_multi_channel_url": "stereo recording",
    "recording_url": "recording",
    "public_log_url": "public log",
}
_TIMEOUT_S: Final = 10.0
_CHECK_TIMEOUT_S: Final = 30.0
_FIRST_BYTES: Final = 100
_LOOK_AGAIN_S: Final = 0.2


async def check_artefacts(
    report: Report, call: Mapping[str, Any], dialogue: Dialogue, *, number: str, customer_name: str
) -> None:
    """Run the steps `links`, `recording` and `public_log`; they fail in the report, and nowhere else.

    call: the call object, after its end. number: what was dialled. customer_name: what the inbound webhook answered.
    """
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        try:
            files = await _fetch_all(http, report, call)
        except StepFailed:
            return
        with suppress(StepFailed):  # the report has it, and the log is looked at all the same
            await _check_recording(report, dialogue, files)
        with suppress(StepFailed):
            await _check_log(http, report, call, number=number, customer_name=customer_name)


def tell_links(report: Report, call: Mapping[str, Any]) -> None:
    """Print the links of a call, each on a line of its own."""
    for field, name in _NAMES.items():
        report.say(f"{name}: {call.get(field) or 'there is none'}")


async def _fetch_all(http: aiohttp.ClientSession, report: Report, call: Mapping[str, Any]) -> dict[str, bytes]:
    """Run the step `links`; return what each leads to, by the name of its field."""
    files: dict[str, bytes] = {}
    async with report.step("links", timeout_s=3 * _TIMEOUT_S) as seen:
        for field, content_type in CONTENT_TYPES.items():
            if not (url := call.get(field)):
                raise StepFailed(f"{field} of the call object is {url!r}")
            files[field] = await _fetched(http, url, content_type=content_type)
            part = await _fetched(http, url, content_type=content_type, first_bytes=_FIRST_BYTES)
            if part != files[field][:_FIRST_BYTES]:
                raise StepFailed(f"{field}: the first {_FIRST_BYTES} bytes are not those of the file")
            if (status := (await _get(http, _changed(url)))[0]) != 403:
                raise StepFailed(f"{field}: a link that was changed is answered with {status}, expected was 403")
        sizes = ", ".join(f"{_NAMES[field]} {len(body)} bytes" for field, body in files.items())
        seen(f"{sizes}; a Range is answered with that part; a changed link is refused")
    return files


async def _check_recording(report: Report, dialogue: Dialogue, files: Mapping[str, bytes]) -> None:
    async with report.step("recording", timeout_s=_CHECK_TIMEOUT_S) as seen:
        stereo, mixed = files["recording_multi_channel_url"], files["recording_url"]
        seen(await asyncio.to_thread(checked_recording, dialogue, stereo=stereo, mixed=mixed))


async def _check_log(
    http: aiohttp.ClientSession, report: Report, call: Mapping[str, Any], *, number: str, customer_name: str
) -> None:
    async with report.step("public_log", timeout_s=_CHECK_TIMEOUT_S) as seen:
        while True:
            log = await _fetched(http, call["public_log_url"], content_type=CONTENT_TYPES["public_log_url"])
            if has_ended(lines := lines_of(log.decode())):
                break
            await asyncio.sleep(_LOOK_AGAIN_S)  # its last lines tell of the webhooks, which come after the call
        seen(checked_log(lines, call_id=call["call_id"], number=number, customer_name=customer_name))


async def _fetched(
    http: aiohttp.ClientSession, url: str, *, content_type: str, first_bytes: int | None = None
) -> bytes:
    """Return what a link leads to, or so many bytes of it. Raises: StepFailed."""
    headers = {"Range": f"bytes=0-{first_bytes - 1}"} if first_bytes else {}
    expected = (206 if first_bytes else 200, content_type)
    *answer, body = await _get(http, url, headers)
    if tuple(answer) != expected:
        raise StepFailed(f"GET {url} {headers} answered {answer}, expected was {expected}: {body[:200]!r}")
    return body


async def _get(
    http: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None
) -> tuple[int, str, bytes]:
    """Return the status, the content type and the body of an answer. Raises: StepFailed, if there is none."""
    try:
        async with http.get(url, headers=headers) as response:
            return response.status, response.content_type, await response.read()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise StepFailed(f"GET {url} failed: {error or 'no answer in time'}") from None


def _changed(url: str) -> str:
    """Return the link with another signature, which is its end."""
    return url[:-2] + ("A" if url[-2] != "A" else "B") + url[-1]
