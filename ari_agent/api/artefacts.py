"""GET /artefacts/{call_id}/{file}: recordings and logs, to whoever has a signed link; see artefacts/links.py."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_response import send_artefact
from ari_agent.artefacts.links import PATH
from ari_agent.errors import ApiError

__all__ = ["PATH", "show_artefact"]

_NONE: Final = "there is no such recording or log; it may have been deleted"


async def show_artefact(request: web.Request) -> web.StreamResponse:
    """Answer the file that the link names, or the part of it that the header Range asks for."""
    dependencies = request.app[DEPENDENCIES]
    artefacts = dependencies.artefacts
    try:
        name = ArtefactName(request.match_info["call_id"], request.match_info["file"])
    except ValueError:
        raise ApiError(404, _NONE) from None
    if artefacts is None:
        raise ApiError(404, _NONE)
    if refusal := artefacts.links.refusal(name, request.query, now_ms=dependencies.now_ms()):
        raise ApiError(403, refusal)
    async with artefacts.opened(name) as found:
        if found is None:
            raise ApiError(404, _NONE)
        return await send_artefact(request, name, found)
