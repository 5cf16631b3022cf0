"""One call, whole: how it ended and why, its sound, its words, its signalling, its log, and the record itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.console.access import see_other
from ari_agent.console.call_story import told
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.sip_ladder import ladder
from ari_agent.console.transcript_rows import transcript_rows
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import HangupRequest
from ari_agent.errors import UnknownCall

_LOG_BYTES: Final = 512 * 1024
"""How much of a call's log one page shows; the rest is in the file."""
_SECRET: Final = frozenset({"access_token"})


async def show_call(request: web.Request) -> web.Response:
    """Show the page of the call that the path names."""
    call = await _record(request)
    dependencies = request.app[DEPENDENCIES]
    shown = call.as_json()
    if dependencies.artefacts:
        shown = dependencies.artefacts.links.renewed(shown, now_ms=dependencies.now_ms())
    log, is_whole = await _log(dependencies.artefacts, call)
    return request.app[PAGES].page(
        "call.html",
        request[SESSION],
        call=call,
        story=told(call),
        is_live=dependencies.calls.record(call.call_id) is not None,
        rows=transcript_rows(call),
        ladder=ladder(call),
        recording=_path(shown.get("recording_multi_channel_url") or shown.get("recording_url")),
        log=log,
        log_is_whole=is_whole,
        log_link=_path(shown.get("public_log_url")),
        raw=json.dumps({k: v for k, v in shown.items() if k not in _SECRET}, indent=2, ensure_ascii=False),
    )


async def hang_up(request: web.Request) -> web.Response:
    """Hang a call up, and show its page."""
    call_id = request.match_info["call_id"]
    await request.app[DEPENDENCIES].calls.stop_call(call_id, HangupRequest())
    return see_other(f"/console/calls/{call_id}")


async def _record(request: web.Request) -> Call:
    dependencies, call_id = request.app[DEPENDENCIES], request.match_info["call_id"]
    live = dependencies.calls.record(call_id)
    call = live or await dependencies.store.calls.get(call_id)
    if call is None:
        raise UnknownCall(call_id)
    return call


def _path(url: str | None) -> str:
    """Return path and query of a link to an artefact: this server has it, whatever the world calls this server."""
    if not url:
        return ""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.path.startswith("/artefacts/") else ""


async def _log(artefacts: Artefacts | None, call: Call) -> tuple[Sequence[dict[str, Any]], bool]:
    """Return the lines of a call's log as far as the page shows them, and whether these are all."""
    path = _path(call.public_log_url)
    if artefacts is None or not path:
        return (), True
    name = ArtefactName.of_path(urlsplit(path).path.removeprefix("/artefacts/"))
    async with artefacts.opened(name) as found:
        if found is None:
            return (), True
        size = min(found.size_bytes, _LOG_BYTES)
        text = b"".join([piece async for piece in found.read(0, size)])
        return [_entry(line) for line in text.split(b"\n")[:-1]], size == found.size_bytes


def _entry(line: bytes) -> dict[str, Any]:
    facts = json.loads(line)
    after_ms, event, content = facts.pop("ms", 0), facts.pop("event", ""), facts.pop("content", None)
    return {
        "ms": after_ms,
        "event": event,
        "facts": ", ".join(f"{name} {_fact(value)}" for name, value in facts.items()),
        "content": "" if content is None else _fact(content),
    }


def _fact(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
