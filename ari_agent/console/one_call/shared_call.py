"""A link that shows the page of one call to whoever has it, for a day: nothing of it is stored.

It is a capability (see LoginSigner.share_token): it stands in no log, no search engine is to list it, and the page that
it leads to tells no other host where it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, SIGNER
from ari_agent.console.one_call.call_page import ShownCall, page_values, read_call
from ari_agent.console.one_call.call_sound import send_peaks, send_recording
from ari_agent.console.one_call.requested_call import call_id_of, find_call
from ari_agent.console.one_call.shown_to_others import for_others
from ari_agent.errors import ApiError

log = logging.getLogger(__name__)

SHARED_PAGES: Final = web.AppKey("shared_pages", asyncio.Semaphore)
"""Takes as many as are made at once: whoever has a link may ask for them, and a long log costs a second."""

LINK_S: Final = 24 * 3600
_HEADERS: Final = {"X-Robots-Tag": "noindex, nofollow, noarchive", "Referrer-Policy": "no-referrer"}
_REFUSED: Final = "This link is not good: its day is over, or it was not copied whole. Ask for a new one."


async def share_call(request: web.Request) -> web.Response:
    """Make a link to the page of the call that the path names, and show it."""
    dependencies, call_id = request.app[DEPENDENCIES], call_id_of(request)
    await find_call(request.app, call_id)
    until_s = dependencies.now_ms() // 1000 + LINK_S
    token = request.app[SIGNER].share_token(call_id, expires_s=until_s)
    log.info("the page of a call was shared", extra={"call_id": call_id})
    base = dependencies.artefacts.links.base_url if dependencies.artefacts else ""
    link = f"{base or request.url.origin()}/console/shared/{token}"
    values: Mapping[str, Any] = {"call_id": call_id, "link": link, "until_ms": until_s * 1000}
    return request.app[PAGES].page("share.html", request[SESSION], **values)


async def show_shared_call(request: web.Request) -> web.Response:
    """Show the page of the call that the link is for, without a way to anything else."""
    call_id, until_s = _shared(request)
    here_path = f"/console/shared/{request.match_info['token']}"
    async with request.app[SHARED_PAGES]:
        found = await read_call(request, call_id)
        return await asyncio.to_thread(_page, request.app, found, here_path, until_s)


async def show_shared_recording(request: web.Request) -> web.StreamResponse:
    """Answer the recording of the call that the link is for, or a part of it."""
    return await send_recording(request, _shared(request)[0], for_others=True)


async def show_shared_peaks(request: web.Request) -> web.Response:
    """Answer the peaks of the recording of the call that the link is for."""
    return await send_peaks(request, _shared(request)[0], for_others=True)


def _page(app: web.Application, found: ShownCall, here_path: str, until_s: int) -> web.Response:
    call, lines = for_others(found.call, found.log.lines)
    shown = replace(found, call=call, log=replace(found.log, lines=lines), shared_at=here_path)
    values = {**page_values(app, shown), "shared_until_ms": until_s * 1000}
    answer = app[PAGES].page("call.html", None, **values)
    answer.headers.update(_HEADERS)
    return answer


def _shared(request: web.Request) -> tuple[str, int]:
    now_s = request.app[DEPENDENCIES].now_ms() / 1000
    found = request.app[SIGNER].shared_call(request.match_info["token"], now_s=now_s)
    if found is None:
        raise ApiError(403, _REFUSED)
    return found
