"""One call, whole: how it ended and why, its sound, its words, its signalling, its log, and the record itself."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from aiohttp import web

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.console.access import see_other
from ari_agent.console.call_story import told
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.live_record import live_record
from ari_agent.console.log_entries import log_entries
from ari_agent.console.login_session import LoginSession
from ari_agent.console.sip_ladder import ladder
from ari_agent.console.transcript_rows import fitting, transcript_rows
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import HangupRequest
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.contract.webhook_delivery import WebhookDelivery
from ari_agent.errors import UnknownCall

_LOG_BYTES: Final = 512 * 1024
"""How much of a call's log one page shows; the rest is in the file."""
_LOG_ROWS: Final = 2000
_LONG_TRANSCRIPT: Final = 500
"""Utterances; the record of a call with more of them is shown without its transcripts, which the page has."""
_RAW_CHARACTERS: Final = 256 * 1024
_ARTEFACTS: Final = "/artefacts/"
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SECRET: Final = frozenset({"access_token"})


async def show_call(request: web.Request) -> web.Response:
    """Show the page of the call that the path names."""
    call = await _record(request)
    deliveries = await request.app[DEPENDENCIES].store.webhooks.of_call(call.call_id)
    log, is_whole = await _log(request.app[DEPENDENCIES].artefacts, call)
    is_live = request.app[DEPENDENCIES].calls.record(call.call_id) is not None
    # in a thread: the page of a long call takes so long that callers would hear it
    page = partial(_page, log=log, log_is_whole=is_whole, is_live=is_live, deliveries=deliveries)
    return await asyncio.to_thread(page, request.app, request[SESSION], call)


def _page(
    app: web.Application,
    session: LoginSession,
    call: Call,
    *,
    log: bytes,
    log_is_whole: bool,
    is_live: bool,
    deliveries: Sequence[WebhookDelivery],
) -> web.Response:
    dependencies = app[DEPENDENCIES]
    # all transcripts at once would be made by one long step, for which even another thread's audio waits
    is_long = len(call.transcript_with_tool_calls or call.transcript_object or ()) > _LONG_TRANSCRIPT
    shown = (call.model_copy(update=dict.fromkeys(TRANSCRIPTS)) if is_long else call).as_json()
    if dependencies.artefacts:
        shown = dependencies.artefacts.links.renewed(shown, now_ms=dependencies.now_ms())
    raw = json.dumps({k: v for k, v in shown.items() if k not in _SECRET}, indent=2, ensure_ascii=False)
    rows = transcript_rows(call)
    lines = log.split(b"\n")[:-1]  # the last one does not end yet
    shown_rows = fitting(rows)
    return app[PAGES].page(
        "call.html",
        session,
        call=call,
        story=told(call),
        is_live=is_live,
        rows=shown_rows,
        more_rows=len(rows) - len(shown_rows),
        ladder=ladder(call),
        recording=_path(shown.get("recording_multi_channel_url") or shown.get("recording_url")),
        log=log_entries(lines[:_LOG_ROWS]),
        log_is_whole=log_is_whole and len(lines) <= _LOG_ROWS,
        log_link=_path(shown.get("public_log_url")),
        deliveries=deliveries,
        raw=raw[:_RAW_CHARACTERS],
        raw_is_whole=not is_long and len(raw) <= _RAW_CHARACTERS,
    )


async def hang_up(request: web.Request) -> web.Response:
    """Hang a call up, and show its page."""
    call_id = _call_id(request)
    await request.app[DEPENDENCIES].calls.stop_call(call_id, HangupRequest())
    return see_other(f"/console/calls/{call_id}")


async def _record(request: web.Request) -> Call:
    dependencies, call_id = request.app[DEPENDENCIES], _call_id(request)
    if live := dependencies.calls.record(call_id):
        return live_record(live)
    call = await dependencies.store.calls.get(call_id)
    if call is None:
        raise UnknownCall(call_id)
    return call


def _call_id(request: web.Request) -> str:
    value = request.match_info["call_id"]
    if not _CALL_ID.fullmatch(value):  # NUL, among others, is nothing that a database is asked for
        raise UnknownCall(ascii(value[:32]))
    return value


def _path(url: str | None) -> str:
    """Return path and query of a link to an artefact: this server has it, whatever the world calls this server."""
    _, found, name = (url or "").rpartition(_ARTEFACTS)
    return found + name if found else ""


async def _log(artefacts: Artefacts | None, call: Call) -> tuple[bytes, bool]:
    """Return a call's log as far as the page shows it, and whether this is all."""
    path = _path(call.public_log_url)
    if artefacts is None or not path:
        return b"", True
    try:
        name = ArtefactName.of_path(path.removeprefix(_ARTEFACTS).partition("?")[0])
    except ValueError:
        return b"", True
    async with artefacts.opened(name) as found:
        if found is None:
            return b"", True
        size = min(found.size_bytes, _LOG_BYTES)
        return b"".join([piece async for piece in found.read(0, size)]), size == found.size_bytes
