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
    """The record as it is stored; of a call whose first one is not stored yet, as it will be.

    Raises:
        UnknownCall: there is no such call.
    """
    dependencies = request.app[DEPENDENCIES]
    live = dependencies.switchboard.record(call_id)  # first: a call that ends meanwhile is stored by then
    call = await dependencies.store.calls.get(call_id) or live
    if call is None:
        raise UnknownCall(call_id)
    return call


async def not_live(request: web.Request, call_id: str) -> CallNotOngoing:
    """A call that does not live here: over, if there is a record of it; else UnknownCall is raised."""
    call = await call_record(request, call_id)
    return CallNotOngoing(call.call_id, call.call_status.value)
