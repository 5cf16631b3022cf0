"""Placing phone calls (Retell, Create Phone Call, 2026-08, and its first version)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.body import read_body
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import post
from ari_agent.api.without_effect import answer_overridden
from ari_agent.contract.call import Call
from ari_agent.contract.phone_call import OlderPhoneCallCreate, PhoneCallCreate
from ari_agent.errors import ApiError


async def create_phone_call(request: web.Request) -> web.Response:
    """Place a call. It is answered at once, registered; whether anybody picks up is told by its record and webhooks."""
    return await _place(request, await read_body(request, PhoneCallCreate))


async def create_phone_call_v1(request: web.Request) -> web.Response:
    """Place a call as /v2/create-phone-call does, asked for in the words of Retell's first version."""
    return await _place(request, await read_body(request, OlderPhoneCallCreate))


async def _place(request: web.Request, wanted: PhoneCallCreate) -> web.Response:
    originator = request.app[DEPENDENCIES].outbound
    if originator is None:
        raise ApiError(501, "this server places no calls")
    call = await originator.place(wanted)
    return answer_overridden(call, wanted.agent_override, status=201, call_id=call.call_id)


ROUTES: Final = (
    post("/v2/create-phone-call", create_phone_call, 201, takes=PhoneCallCreate, answers=Call, refuses=[422, 429, 502]),
    post(
        "/create-phone-call",
        create_phone_call_v1,
        201,
        takes=OlderPhoneCallCreate,
        answers=Call,
        refuses=[422, 429, 502],
    ),
)
