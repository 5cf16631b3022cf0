"""The API's description, to read and to try, and all settings of the controller."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.pages import Allowance

_RAPIDOC: Final = Allowance(policy={"style-src": "'self' 'unsafe-inline'"})
"""RapiDoc makes styles of its theme, in elements and attributes; its script needs no more than ours."""


async def show_api(request: web.Request) -> web.Response:
    """Show /openapi.json; what is tried there goes to this server, with the key that the reader types."""
    return request.app[PAGES].page("api.html", request[SESSION], allowance=_RAPIDOC)


async def show_settings(request: web.Request) -> web.Response:
    """Show every setting: its name, its meaning, its default, and whether it is set here."""
    rows = request.app[DEPENDENCIES].settings
    # in a thread: so long a table takes milliseconds
    return await asyncio.to_thread(request.app[PAGES].page, "settings.html", request[SESSION], rows=rows)


async def to_api_page(_request: web.Request) -> web.Response:
    """Answer /docs, where people look for the description of an API: it is a page of the console."""
    return web.Response(status=302, headers={"Location": "/console/api", "Cache-Control": "no-store"})
