"""The record of the call that a request is about.

An agent is dialled while the first record of its call is still being stored, so that no caller rings longer for it, and
may ask for it at once. Until there is a stored one, the call itself knows it.
"""

from __future__ import annotations

from aiohttp import web

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.contract.call import Call
from ari_agent.errors import CallNotOngoing, UnknownCall


async def call_record(request: web.Request, call_id: str) -> Call:
    """Return the record of a call as it is stored, or, before the first one is stored, as it will be.

    Signalling and audio quality of a call that goes on are those of now: they are stored with what happens next.

    Raises:
        UnknownCall: there is no such call.
    """
    dependencies = request.app[DEPENDENCIES]
    live = dependencies.switchboard.record(call_id)  # first: a call that ends meanwhile is stored by then
    call = await dependencies.store.calls.get(call_id) or live
    if call is None:
        raise UnknownCall(call_id)
    if live and live.sip and call.disconnection_reason is None:
        return call.model_copy(update={"sip": live.sip, "media_quality": live.media_quality})
    return call


async def not_live(request: web.Request, call_id: str) -> CallNotOngoing:
    """Return the error for a live call's request about a call that is not live: it is over, if it has a record.

    Raises:
        UnknownCall: there is no record of it either.
    """
    call = await call_record(request, call_id)
    return CallNotOngoing(call.call_id, call.call_status.value)
