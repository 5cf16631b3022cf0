"""Changing and deleting the records of calls (Retell, Call, 2026-08)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_nothing
from ari_agent.api.body import path_id, read_body
from ari_agent.api.call_links import shown_call
from ari_agent.api.call_record import call_record, not_live
from ari_agent.api.dependencies import DEPENDENCIES, ApiDependencies
from ari_agent.api.route import LIVE_WITHIN_S, delete, patch, post, put
from ari_agent.calls.call_retention import forget_call
from ari_agent.calls.stored_content import stored_content
from ari_agent.contract.call import Call
from ari_agent.contract.call_update import (
    CallUpdate,
    LiveCallUpdate,
    Success,
    TakeOver,
    becomes_stricter,
    changes_to_ended_call,
    requires_scrubbing,
)
from ari_agent.contract.disconnection import CallStatus
from ari_agent.errors import ApiError, UnknownCall
from ari_agent.store.call_records import StoredCall

_NOT_OVER = frozenset({CallStatus.REGISTERED, CallStatus.ONGOING})
_LIVE_CHANGE: Final = "PATCH /v2/update-live-call changes it"


class _ChangedMeanwhile(Exception):
    """Raised where a call is not as it was when personal data was looked for in it: its analysis has come."""


async def update_call(request: web.Request) -> web.Response:
    """Change metadata, custom attributes or the storage setting of a call that is over."""
    call_id = path_id(request, "call_id", "call")
    wanted = await read_body(request, CallUpdate)
    dependencies = request.app[DEPENDENCIES]
    while True:
        stored = await dependencies.store.calls.get_stored(call_id)
        try:
            call = await _updated(dependencies, call_id, stored, wanted)
            break
        except _ChangedMeanwhile:
            continue
    if stored and call and dependencies.artefacts and becomes_stricter(stored.call, wanted):
        await dependencies.artefacts.delete(call_id)
    if call is None:
        _require_over(await call_record(request, call_id), _LIVE_CHANGE)
        raise UnknownCall(call_id)
    return web.json_response(shown_call(request, call))


async def _updated(
    dependencies: ApiDependencies, call_id: str, stored: StoredCall | None, wanted: CallUpdate
) -> Call | None:
    """Change the record; None: there is none. Raises: _ChangedMeanwhile."""
    scrubbed = await _scrubbed(dependencies, stored, wanted) if stored else {}

    def change(call: Call) -> dict[str, Any]:
        if scrubbed and stored and call != stored.call:
            raise _ChangedMeanwhile
        return {**_changes(call, wanted), **scrubbed}

    return await dependencies.store.calls.update_fields(call_id, change)


def _changes(call: Call, wanted: CallUpdate) -> dict[str, Any]:
    _require_over(call, _LIVE_CHANGE)
    try:
        return changes_to_ended_call(call, wanted)
    except ValueError as error:
        raise ApiError(400, str(error)) from None


async def _scrubbed(dependencies: ApiDependencies, stored: StoredCall, wanted: CallUpdate) -> dict[str, Any]:
    """What of the call changes because personal data is not to be in it; looked for before the record is locked."""
    if not requires_scrubbing(stored.call, wanted):
        return {}
    call = Call.model_validate({**stored.call.as_json(), **_changes(stored.call, wanted)})
    content = await asyncio.to_thread(stored_content, call, stored.recovery.pii_categories, dependencies.find_more)
    changed = call.model_copy(update=dict(content.changes)).as_json()
    return {key: changed[key] for key in content.changes}


async def update_live_call(request: web.Request) -> web.Response:
    """Change the record of a call in progress, for its webhooks and transfers from now on, and tell its agent."""
    call_id = path_id(request, "call_id", "call")
    wanted = await read_body(request, LiveCallUpdate)
    try:
        await request.app[DEPENDENCIES].switchboard.update_call(call_id, wanted)
    except UnknownCall:
        raise await not_live(request, call_id) from None
    except ValueError as error:
        raise ApiError(400, str(error)) from None
    return answer(Success())


async def delete_call(request: web.Request) -> web.Response:
    """Delete all of a call that is over, with its recordings and logs. Webhooks that are still owed are sent."""
    call_id = path_id(request, "call_id", "call")
    _require_over(await call_record(request, call_id), "POST /v2/stop-call ends it")
    dependencies = request.app[DEPENDENCIES]
    if not await forget_call(dependencies.store, dependencies.artefacts, call_id):
        raise UnknownCall(call_id)
    return answer_nothing()


async def rerun_call_analysis(request: web.Request) -> web.Response:
    """Analyse a call that is over again and answer it; without a model its analysis is the same each time."""
    call = await call_record(request, path_id(request, "call_id", "call"))
    _require_over(call, "it is analysed when it ends")
    rerun = request.app[DEPENDENCIES].rerun_call_analysis
    return web.json_response(shown_call(request, await rerun(call.call_id) if rerun else call))


async def listen_live(request: web.Request) -> web.Response:
    """Answer 501: there is no WebRTC room to listen in."""
    await _require_live(request, path_id(request, "call_id", "call"))
    raise ApiError(501, "listening to a live call needs WebRTC, which is not served here; the PBX can: ChanSpy()")


async def take_over_live(request: web.Request) -> web.Response:
    """Answer 501: POST /v2/transfer-call hands the caller to a person's phone."""
    call_id = path_id(request, "call_id", "call")
    await read_body(request, TakeOver)
    await _require_live(request, call_id)
    raise ApiError(
        501, "taking over needs WebRTC, which is not served here; POST /v2/transfer-call sends the caller to a phone"
    )


def _require_over(call: Call, instead: str) -> None:
    if call.call_status in _NOT_OVER:
        raise ApiError(400, f"call {call.call_id} is not over: its call_status is {call.call_status.value}; {instead}")


async def _require_live(request: web.Request, call_id: str) -> None:
    if call_id not in [live.call_id for live in request.app[DEPENDENCIES].switchboard.live()]:
        raise await not_live(request, call_id)


ROUTES: Final = (
    patch("/v2/update-call/{call_id}", update_call, takes=CallUpdate, answers=Call),
    patch(
        "/v2/update-live-call/{call_id}",
        update_live_call,
        takes=LiveCallUpdate,
        answers=Success,
        live_within_s=LIVE_WITHIN_S,
    ),
    delete("/v2/delete-call/{call_id}", delete_call, 204, refuses=[400]),
    put("/rerun-call-analysis/{call_id}", rerun_call_analysis, answers=Call, refuses=[400, 502]),
    post(
        "/v2/listen-live-call/{call_id}",
        listen_live,
        answers=Success,
        refuses=[400, 501],
        live_within_s=LIVE_WITHIN_S,
    ),
    post(
        "/v2/take-over-live-call/{call_id}",
        take_over_live,
        takes=TakeOver,
        answers=Success,
        refuses=[501],
        live_within_s=LIVE_WITHIN_S,
    ),
)
