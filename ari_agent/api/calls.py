"""Calls: get, list, and control of a call in progress (Retell, Call, 2026-08; transfer-call and send-dtmf are ours)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiohttp import web
from pydantic import ValidationError

from ari_agent.api.answer import answer_array, answer_items, answer_nothing
from ari_agent.api.body import path_id, read_body
from ari_agent.api.call_links import shown_call, shown_calls, shown_items
from ari_agent.api.call_record import call_record, not_live
from ari_agent.api.call_selection import Selection, body_of_query, select_v2, select_v3
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import LIVE_WITHIN_S, get, post
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import (
    TRANSFER_TIMEOUT_S,
    DtmfRequest,
    HangupNotice,
    HangupRequest,
    TransferOutcome,
    TransferRequest,
)
from ari_agent.contract.call_list import CallListRequest, CallPage, OlderCallListQuery, OlderCallListRequest
from ari_agent.contract.parsing.explain import explain
from ari_agent.errors import ApiError, UnknownCall
from ari_agent.store.calls import CallPage as StoredPage

Shown = TypeVar("Shown")


async def get_call(request: web.Request) -> web.Response:
    """Answer the call object as far as it is known now; a call in progress has one too."""
    call = await call_record(request, path_id(request, "call_id", "call"))
    return web.json_response(shown_call(request, call))


async def list_calls(request: web.Request) -> web.Response:
    """Answer a page of calls, without their transcripts."""
    wanted = await read_body(request, CallListRequest, optional=True)
    listing = request.app[DEPENDENCIES].store.calls.list_items
    filters = select_v3(wanted.filter_criteria)
    page = await _page(listing, filters, wanted, skip=wanted.skip, with_total=wanted.include_total)
    return answer_items(shown_items(request, page.calls), next_key=page.next_key, total=page.total)


async def list_calls_v2(request: web.Request) -> web.Response:
    """Answer a page of whole calls, as a bare array; the next page begins after the last call_id of this one."""
    wanted = await read_body(request, OlderCallListRequest, optional=True)
    page = await _page(request.app[DEPENDENCIES].store.calls.list, select_v2(wanted.filter_criteria), wanted)
    return await answer_array(shown_calls(request, page.calls))


async def list_calls_v1(request: web.Request) -> web.Response:
    """Answer what v2 answers, asked for in the query string: `filter_criteria[agent_id]=a,b`."""
    given = body_of_query(list(request.query.items()))
    try:
        wanted = OlderCallListRequest.model_validate(given)
    except ValidationError as error:
        raise ApiError(400, explain(error, given, root="query")) from None
    page = await _page(request.app[DEPENDENCIES].store.calls.list, select_v2(wanted.filter_criteria), wanted)
    return await answer_array(shown_calls(request, page.calls))


async def stop_call(request: web.Request) -> web.Response:
    """Hang up the call by BYE, with the Q.850 cause of the body if it names one; say what of the body is not done."""
    call_id = path_id(request, "call_id", "call")
    wanted = await read_body(request, HangupRequest, optional=True)
    try:
        await request.app[DEPENDENCIES].switchboard.stop_call(call_id, wanted)
    except UnknownCall:
        raise await not_live(request, call_id) from None
    notice = wanted.notice
    return web.json_response(notice.model_dump(mode="json")) if notice else answer_nothing()


async def transfer_call(request: web.Request) -> web.Response:
    """Transfer the caller, and answer how that went. A transfer that failed is a 200 too: the caller is back."""
    call_id = path_id(request, "call_id", "call")
    wanted = await read_body(request, TransferRequest)
    dependencies = request.app[DEPENDENCIES]
    try:
        async with asyncio.timeout(dependencies.transfer_timeout_s):
            outcome = await dependencies.switchboard.transfer_call(call_id, wanted)
    except UnknownCall:
        raise await not_live(request, call_id) from None
    except TimeoutError:
        raise ApiError(504, "the transfer goes on without an outcome so far; the call's record will show it") from None
    return web.json_response(outcome.model_dump(mode="json", exclude_none=True))


async def send_dtmf(request: web.Request) -> web.Response:
    """Play digits to the caller."""
    call_id = path_id(request, "call_id", "call")
    wanted = await read_body(request, DtmfRequest)
    try:
        await request.app[DEPENDENCIES].switchboard.send_dtmf(call_id, wanted)
    except UnknownCall:
        raise await not_live(request, call_id) from None
    return answer_nothing()


async def _page(
    listing: Callable[..., Awaitable[StoredPage[Shown]]],
    filters: Selection,
    wanted: CallListRequest | OlderCallListRequest,
    **more: object,
) -> StoredPage[Shown]:
    """Return the records of calls that this method of the store finds."""
    try:
        return await listing(
            filters,
            ascending=wanted.sort_order == "ascending",
            limit=wanted.limit,
            pagination_key=wanted.pagination_key,
            **more,
        )
    except UnknownCall as error:
        raise ApiError(400, f"pagination_key: {error.call_id!r} is none that a page before answered") from None


ROUTES: Final = (
    get("/v2/get-call/{call_id}", get_call, answers=Call, live_within_s=LIVE_WITHIN_S),
    get("/get-call/{call_id}", get_call, answers=Call, live_within_s=LIVE_WITHIN_S),
    post("/v3/list-calls", list_calls, may_take=CallListRequest, answers=CallPage),
    post("/v2/list-calls", list_calls_v2, may_take=OlderCallListRequest, lists=Call),
    get("/list-calls", list_calls_v1, lists=Call, query=OlderCallListQuery),
    post(
        "/v2/stop-call/{call_id}",
        stop_call,
        204,
        may_take=HangupRequest,
        otherwise={200: HangupNotice},
        refuses=[502],
        live_within_s=LIVE_WITHIN_S,
    ),
    post(
        "/v2/transfer-call/{call_id}",
        transfer_call,
        takes=TransferRequest,
        answers=TransferOutcome,
        refuses=[429, 502, 504],
        live_within_s=TRANSFER_TIMEOUT_S + LIVE_WITHIN_S,
    ),
    post("/v2/send-dtmf/{call_id}", send_dtmf, 204, takes=DtmfRequest, refuses=[502], live_within_s=LIVE_WITHIN_S),
)
