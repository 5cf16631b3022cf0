"""Changing and deleting the records of calls (Retell, Call, 2026-08)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_nothing
from ari_agent.api.body import path_id, read_body
from ari_agent.api.call_links import shown_call
from ari_agent.api.call_record import call_record, not_live
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import delete, patch, post, put
from ari_agent.contract.call import Call
from ari_agent.contract.call_update import CallUpdate, LiveCallUpdate, Success, TakeOver, changes_to_ended_call
from ari_agent.contract.disconnection import CallStatus
from ari_agent.errors import ApiError, UnknownCall

_NOT_OVER = frozenset({CallStatus.REGISTERED, CallStatus.ONGOING})
_LIVE_CHANGE: Final = "PATCH /v2/update-live-call changes it"


async def update_call(request: web.Request) -> web.Response:
    """Change metadata, custom attributes or the storage setting of a call that is over."""
    call_id = path_id(request, "call_id", "call")
    wanted = await read_body(request, CallUpdate)

    def change(call: Call) -> dict[str, Any]:
        _require_over(call, _LIVE_CHANGE)
        try:
            return changes_to_ended_call(call, wanted)
        except ValueError as error:
            raise ApiError(400, str(error)) from None

    call = await request.app[DEPENDENCIES].store.calls.update_fields(call_id, change)
    if call is None:
        _require_over(await call_record(request, call_id), _LIVE_CHANGE)
        raise UnknownCall(call_id)
    return web.json_response(shown_call(request, call))


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
    """Delete the record of a call that is over. Webhooks that are still owed are sent."""
    call_id = path_id(request, "call_id", "call")
    _require_over(await call_record(request, call_id), "POST /v2/stop-call ends it")
    if not await request.app[DEPENDENCIES].store.calls.delete(call_id):
        raise UnknownCall(call_id)
    return answer_nothing()


async def rerun_call_analysis(request: web.Request) -> web.Response:
    """Answer the call with its analysis. That is made of how the call went, so it is the same each time."""
    call = await call_record(request, path_id(request, "call_id", "call"))
    _require_over(call, "it is analysed when it ends")
    return web.json_response(shown_call(request, call))


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
    patch("/v2/update-live-call/{call_id}", update_live_call, takes=LiveCallUpdate, answers=Success),
    delete("/v2/delete-call/{call_id}", delete_call, 204, refuses=[400]),
    put("/rerun-call-analysis/{call_id}", rerun_call_analysis, answers=Call, refuses=[400]),
    post("/v2/listen-live-call/{call_id}", listen_live, answers=Success, refuses=[400, 501]),
    post("/v2/take-over-live-call/{call_id}", take_over_live, takes=TakeOver, answers=Success, refuses=[501]),
)
