"""One call, whole: how it ended and why, its sound, its words, its turns, its signalling, its log, and the record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.one_call.artefact_links import link_path
from ari_agent.console.one_call.call_story import told
from ari_agent.console.one_call.call_variables import variables_of
from ari_agent.console.one_call.cause_words import q850_words, sip_words
from ari_agent.console.one_call.log_choice import log_choice
from ari_agent.console.one_call.log_entries import log_entries
from ari_agent.console.one_call.media_course import columns, media_course
from ari_agent.console.one_call.read_log import ReadLog, read_log
from ari_agent.console.one_call.recording_choice import recording_of
from ari_agent.console.one_call.requested_call import call_id_of, find_call
from ari_agent.console.one_call.routing_facts import routing_of
from ari_agent.console.one_call.sip_ladder import ladder
from ari_agent.console.one_call.transcript_rows import fitting, transcript_rows
from ari_agent.console.one_call.turn_times import MOST_TURNS, SLOW_MS, STEPS
from ari_agent.console.one_call.waterfall import WIDTH, waterfall
from ari_agent.contract.call import Call
from ari_agent.contract.call_list import ARTEFACT_URLS, TRANSCRIPTS

_LOG_ROWS: Final = 2000
_LONG_TRANSCRIPT: Final = 500
"""Utterances; the record of a call with more of them is shown without its transcripts, which the page has."""
_RAW_CHARACTERS: Final = 256 * 1024
_SECRET: Final = frozenset({"access_token"})


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call, and what is read for its page.

    is_live: it has not ended. subject, kind: what is shown of the log. shared_at: the path of a link for somebody
    without a login, to whom no other link is shown; "" for who is logged in.
    """

    call: Call
    log: ReadLog
    is_live: bool
    subject: str = ""
    kind: str = ""
    shared_at: str = ""


async def show_call(request: web.Request) -> web.Response:
    """Show the page of the call that the path names."""
    shown = await read_call(request, call_id_of(request))
    deliveries = await request.app[DEPENDENCIES].store.webhooks.of_call(shown.call.call_id)
    # in a thread: the page of a long call takes so long that callers would hear it
    page = partial(request.app[PAGES].page, "call.html", request[SESSION], deliveries=deliveries)
    return await asyncio.to_thread(lambda: page(**page_values(request.app, shown)))


async def show_end(request: web.Request) -> web.Response:
    """Answer nothing while the call goes on, then that it is over, for a page of the call that is open."""
    call_id = call_id_of(request)
    if request.app[DEPENDENCIES].calls.record(call_id) is not None:
        return web.Response(status=204)
    return request.app[PAGES].piece("call_over.html", {"call_id": call_id})


async def read_call(request: web.Request, call_id: str) -> ShownCall:
    """Read what the page of a call shows. Raises UnknownCall, StoreError, ArtefactError."""
    dependencies, query = request.app[DEPENDENCIES], request.query
    call = await find_call(request.app, call_id)
    log = await read_log(dependencies.artefacts, call)
    is_live = dependencies.calls.record(call_id) is not None
    return ShownCall(call, log, is_live, query.get("log", ""), query.get("kind", ""))


def page_values(app: web.Application, shown: ShownCall) -> Mapping[str, Any]:
    """Return what the template shows of a call."""
    dependencies, call, lines = app[DEPENDENCIES], shown.call, shown.log.lines
    # all transcripts at once would be made by one long step, for which even another thread's audio waits
    is_long = len(call.transcript_with_tool_calls or call.transcript_object or ()) > _LONG_TRANSCRIPT
    known = (call.model_copy(update=dict.fromkeys(TRANSCRIPTS)) if is_long else call).as_json()
    if dependencies.artefacts:
        known = dependencies.artefacts.links.renewed(known, now_ms=dependencies.now_ms())
    hidden = _SECRET | ARTEFACT_URLS if shown.shared_at else _SECRET
    raw = json.dumps({k: v for k, v in known.items() if k not in hidden}, indent=2, ensure_ascii=False)
    rows = transcript_rows(call)
    shown_rows = fitting(rows)
    choice = log_choice(lines, shown.subject, shown.kind)
    course = media_course(lines) if call.call_type == "phone_call" else ()
    return {
        "call": call,
        "story": told(call, lines),
        "hangup_codes": _codes(call),
        "is_live": shown.is_live,
        "rows": shown_rows,
        "more_rows": len(rows) - len(shown_rows),
        "ladder": ladder(call),
        "waterfall": waterfall(call, lines, shown_rows),
        "steps": STEPS,
        "slow_ms": SLOW_MS,
        "most_turns": MOST_TURNS,
        "picture_width": WIDTH,
        "course": course,
        "course_columns": columns(course),
        "routing": routing_of(lines),
        "variables": variables_of(call),
        "here_path": shown.shared_at or f"/console/calls/{call.call_id}",
        "shared_until_ms": None,
        "recording": recording_of(call, for_others=bool(shown.shared_at)) if dependencies.artefacts else None,
        "has_log": bool(lines),
        "choice": choice,
        "log": log_entries(choice.lines[:_LOG_ROWS]),
        "log_is_whole": shown.log.is_whole and len(choice.lines) <= _LOG_ROWS,
        "log_link": "" if shown.shared_at else link_path(known.get("public_log_url")),
        "raw": raw[:_RAW_CHARACTERS],
        "raw_is_whole": not is_long and len(raw) <= _RAW_CHARACTERS,
    }


def _codes(call: Call) -> str:
    """Return the codes of a call's end with their meaning; "" where there are none."""
    hangup = call.hangup
    status = sip_words(hangup.sip_status) if hangup and hangup.sip_status else ""
    cause = f"Q.850 {q850_words(hangup.q850_cause)}" if hangup and hangup.q850_cause else ""
    return "; ".join(filter(None, (status, cause)))
