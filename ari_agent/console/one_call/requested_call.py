"""The call that the path of a request names, or a link that was shared."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES
from ari_agent.console.live_record import live_record
from ari_agent.contract.call import Call
from ari_agent.errors import UnknownCall

_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def call_id_of(request: web.Request) -> str:
    """Return the id of the call. Raises UnknownCall for what is no id, and is not looked up."""
    value = request.match_info["call_id"]
    if not _CALL_ID.fullmatch(value):  # NUL, among others, is nothing that a database is asked for
        raise UnknownCall(ascii(value[:32]))
    return value


async def record_of(request: web.Request) -> Call:
    """Return the call as it is now, as far as it may be shown, or as it is stored. Raises UnknownCall, StoreError."""
    return await find_call(request.app, call_id_of(request))


async def find_call(app: web.Application, call_id: str) -> Call:
    """Return the call that has this id, as `record_of` does. Raises UnknownCall, StoreError."""
    dependencies = app[DEPENDENCIES]
    if live := dependencies.calls.record(call_id):
        return live_record(live)
    call = await dependencies.store.calls.get(call_id)
    if call is None:
        raise UnknownCall(call_id)
    return call
