"""Pausing and resuming the recording of a call in progress, which Retell has not."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer_nothing
from ari_agent.api.body import path_id
from ari_agent.api.call_record import not_live
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import LIVE_WITHIN_S, post
from ari_agent.errors import UnknownCall


async def pause_recording(request: web.Request) -> web.Response:
    """Record silence of the call from now on, as while a card's number is said."""
    return await _pause(request, paused=True)


async def resume_recording(request: web.Request) -> web.Response:
    """Record the call again."""
    return await _pause(request, paused=False)


async def _pause(request: web.Request, *, paused: bool) -> web.Response:
    call_id = path_id(request, "call_id", "call")
    try:
        request.app[DEPENDENCIES].switchboard.pause_recording(call_id, paused)
    except UnknownCall:
        raise await not_live(request, call_id) from None
    return answer_nothing()


ROUTES: Final = (
    post("/v2/pause-recording/{call_id}", pause_recording, 204, refuses=[400], live_within_s=LIVE_WITHIN_S),
    post("/v2/resume-recording/{call_id}", resume_recording, 204, refuses=[400], live_within_s=LIVE_WITHIN_S),
)
