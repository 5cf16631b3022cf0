"""Registering calls that begin later (Retell, Register Call, Register Phone Call, Create Web Call, 2026-08)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer
from ari_agent.api.body import read_body
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import post
from ari_agent.api.without_effect import answer_overridden
from ari_agent.calls.registrar import Registrar
from ari_agent.contract.call import Call
from ari_agent.contract.registered_call import (
    CallRegister,
    PhoneCallRegister,
    RegisteredCall,
    WebCallCreate,
    WebCallTicket,
)
from ari_agent.errors import ApiError


async def register_call(request: web.Request) -> web.Response:
    """Register a call over the audio websocket: open /audio-websocket/{call_id} within five minutes."""
    return answer(await _registrar(request).register(await read_body(request, CallRegister)), status=201)


async def register_phone_call(request: web.Request) -> web.Response:
    """Register a call that your own system dials: INVITE sip:{call_id}@pbx within five minutes."""
    wanted = await read_body(request, PhoneCallRegister)
    call = await _registrar(request).register_phone_call(wanted)
    return answer_overridden(call, wanted.agent_override, status=201, call_id=call.call_id)


async def create_web_call(request: web.Request) -> web.Response:
    """Register a web call: open /audio-websocket/{call_id} within 30 seconds. There is no WebRTC."""
    wanted = await read_body(request, WebCallCreate)
    call = await _registrar(request).create_web_call(wanted)
    return answer_overridden(call, wanted.agent_override, status=201, call_id=call.call_id)


async def create_web_call_v3(request: web.Request) -> web.Response:
    """Register a web call as v2 does; the answer holds what a client needs to join, and no more."""
    wanted = await read_body(request, WebCallCreate)
    ticket = await _registrar(request).web_call_ticket(wanted)
    return answer_overridden(ticket, wanted.agent_override, status=201, call_id=ticket.call_id)


def _registrar(request: web.Request) -> Registrar:
    registrar = request.app[DEPENDENCIES].registrar
    if registrar is None:
        raise ApiError(501, "this server registers no calls")
    return registrar


ROUTES: Final = (
    post("/register-call", register_call, 201, takes=CallRegister, answers=RegisteredCall, refuses=[422]),
    post("/v2/register-phone-call", register_phone_call, 201, takes=PhoneCallRegister, answers=Call, refuses=[422]),
    post("/v2/create-web-call", create_web_call, 201, takes=WebCallCreate, answers=Call, refuses=[422]),
    post("/v3/create-web-call", create_web_call_v3, 201, takes=WebCallCreate, answers=WebCallTicket, refuses=[422]),
)
