"""The state of trunks: an extension of ours, beside the phone numbers that they belong to."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_list
from ari_agent.api.body import unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import get
from ari_agent.contract.parsing.e164 import require_pseudo_number
from ari_agent.contract.trunk_status import TrunkStatus


async def get_trunk(request: web.Request) -> web.Response:
    """Answer with the state of a number's trunk as Asterisk knows it now; 422 where it has none."""
    given = request.match_info["phone_number"]
    dependencies = request.app[DEPENDENCIES]
    try:
        phone_number = require_pseudo_number(given)
    except ValueError:
        raise unknown("trunk of phone number", given) from None
    trunks = dependencies.trunks
    status = await trunks.status(phone_number, now_ms=dependencies.now_ms()) if trunks else None
    if status is None:
        raise unknown("trunk of phone number", phone_number)
    return answer(status)


async def list_trunks(request: web.Request) -> web.Response:
    """Answer with the states of all trunks, in the order of their numbers."""
    dependencies = request.app[DEPENDENCIES]
    trunks = dependencies.trunks
    return await answer_list(await trunks.statuses(now_ms=dependencies.now_ms()) if trunks else ())


ROUTES: Final = (
    get("/get-trunk/{phone_number}", get_trunk, answers=TrunkStatus),
    get("/list-trunks", list_trunks, lists=TrunkStatus),
)
