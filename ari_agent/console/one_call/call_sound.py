"""The sound of a call: its recording, in parts as a player asks for them, and the peaks for the picture of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_response import send_artefact
from ari_agent.artefacts.artefacts import OpenArtefact
from ari_agent.calls.recording_peaks import RecordingPeaks
from ari_agent.console.dependencies import DEPENDENCIES
from ari_agent.console.one_call.recording_choice import recording_of
from ari_agent.console.one_call.requested_call import call_id_of, find_call
from ari_agent.errors import ApiError

_PEAKS: Final = web.AppKey("recording_peaks", RecordingPeaks)
_NONE: Final = "this call has no recording, or not any more"


def remember_peaks(app: web.Application) -> None:
    """Give the application the memory of the peaks that were made."""
    app[_PEAKS] = RecordingPeaks()


async def show_recording(request: web.Request) -> web.StreamResponse:
    """Answer the recording of the call that the path names, or the part of it that is asked for."""
    return await send_recording(request, call_id_of(request), for_others=False)


async def show_peaks(request: web.Request) -> web.Response:
    """Answer the peaks of the recording of the call that the path names, as JSON."""
    return await send_peaks(request, call_id_of(request), for_others=False)


async def send_recording(request: web.Request, call_id: str, *, for_others: bool) -> web.StreamResponse:
    """Answer a call's recording, or the part of it that is asked for. Raises ApiError 404: there is none.

    for_others: who asks has a link and no login; see recording_of.
    """
    async with _recording(request, call_id, for_others=for_others) as (name, found):
        return await send_artefact(request, name, found, read_within_s=request.app[DEPENDENCIES].read_within_s)


async def send_peaks(request: web.Request, call_id: str, *, for_others: bool) -> web.Response:
    """Answer the peaks of a call's recording. Raises ApiError 404: there is none, or none that can be drawn."""
    async with _recording(request, call_id, for_others=for_others) as (name, found):
        try:
            peaks = await request.app[_PEAKS].of(name, found)
        except ValueError as error:
            raise ApiError(404, str(error)) from None
    told = {"duration_s": peaks.duration_s, "channels": peaks.channels}
    return web.json_response(told, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


@contextlib.asynccontextmanager
async def _recording(
    request: web.Request, call_id: str, *, for_others: bool
) -> AsyncIterator[tuple[ArtefactName, OpenArtefact]]:
    chosen = recording_of(await find_call(request.app, call_id), for_others=for_others)
    artefacts = request.app[DEPENDENCIES].artefacts
    if chosen is None or artefacts is None:
        raise ApiError(404, _NONE)
    async with artefacts.opened(chosen.name) as found:
        if found is None:
            raise ApiError(404, _NONE)
        yield chosen.name, found
