"""The page Phone: a telephone in the browser, and the way of its SIP messages through this server to Asterisk.

Asterisk would take the page's websocket itself. But its port commands the PBX as well, its certificate is another one
that browsers have to be told to trust, and the page would need the account's password. So the messages go to the
console's own address, with the login that the page has already; only the audio goes to Asterisk directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, PhoneLine
from ari_agent.console.login.access import check_change, in_words, session_of
from ari_agent.console.pages import Allowance
from ari_agent.contract.agent import Agent
from ari_agent.errors import ApiError, AsteriskError
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

OPEN_LINES: Final = web.AppKey("open_phone_lines", set[web.WebSocketResponse])
_MOST_LINES: Final = 50
_OFFERED: Final = 100
"""Numbers, and agents, that the page offers to call; whichever else is typed in is called as well."""
_LONGEST_NUMBER: Final = 200
_MAX_MESSAGE_BYTES: Final = 64 * 1024
_PING_S: Final = 20.0
_CLOSE_TIMEOUT_S: Final = 1.0
_LOGIN_OVER: Final = "the login is over"


@dataclass(frozen=True, slots=True)
class Destination:
    """A number or an agent to call. label: what people call it."""

    number: str
    label: str


async def show_phone(request: web.Request) -> web.Response:
    """Show the telephone; `number` of the query stands in its field already."""
    dependencies, session = request.app[DEPENDENCIES], request[SESSION]
    phone = dependencies.phone
    account = phone.account if phone and session.may_change else ""
    return request.app[PAGES].page(
        "phone.html",
        session,
        allowance=Allowance(microphone=bool(account)),
        account=account,
        is_set_up=phone is not None,
        number=request.query.get("number", "")[:_LONGEST_NUMBER],
        destinations=await _destinations(dependencies.store) if account else [],
    )


async def _destinations(store: Store) -> list[Destination]:
    numbers = (await store.phone_numbers.list(limit=_OFFERED)).phone_numbers
    agents = (await store.agents.list(limit=_OFFERED)).agents
    return [
        *(Destination(number.phone_number, number.nickname or "number") for number in numbers),
        *(Destination(agent.agent_id, agent.agent_name or "agent") for agent in agents if type(agent) is Agent),
    ]


async def carry_sip(request: web.Request) -> web.StreamResponse:
    """Carry the SIP messages of a page to Asterisk and back, until one of them goes or the login is over.

    A websocket is a GET, which other sites can have a browser open with its cookie: so it brings the login's token.

        101, then   1001   the controller stops
                    1008   the login is over
                    1011   Asterisk has closed the line
                    1013   Asterisk does not take it, or too many are open; the reason says why

    Raises:
        ApiError: 400, 403 or 404, before the websocket is opened.
    """
    dependencies, session, lines = request.app[DEPENDENCIES], request[SESSION], request.app[OPEN_LINES]
    check_change(request, session, request.query.get("csrf_token", ""))
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise ApiError(403, "the telephone has to be opened from this console's own page")
    if dependencies.phone is None:
        raise ApiError(404, "this controller has no telephone for browsers")
    page = web.WebSocketResponse(
        protocols=("sip",), heartbeat=_PING_S, timeout=_CLOSE_TIMEOUT_S, max_msg_size=_MAX_MESSAGE_BYTES, compress=False
    )
    if not page.can_prepare(request).ok:
        raise ApiError(400, "this path is a websocket: expected the headers Upgrade: websocket and Connection: upgrade")
    await page.prepare(request)
    if len(lines) >= _MOST_LINES:
        await _close(page, WSCloseCode.TRY_AGAIN_LATER, "too many telephones are open already")
        return page
    lines.add(page)
    try:
        async with asyncio.timeout(session.expires_s - dependencies.now_ms() / 1000), dependencies.phone.line() as line:
            await _carry(request, page, line)
    except TimeoutError:
        await _close(page, WSCloseCode.POLICY_VIOLATION, _LOGIN_OVER)
    except AsteriskError as error:
        log.warning("no line for the telephone in the console: %s", error)
        _, told = in_words(error) or (500, "")
        await _close(page, WSCloseCode.TRY_AGAIN_LATER, told)
    finally:
        lines.discard(page)
    return page


async def _carry(request: web.Request, page: web.WebSocketResponse, line: PhoneLine) -> None:
    to_page = asyncio.create_task(_carry_to_page(request, page, line), name="phone-line")
    try:
        async for message in page:
            if session_of(request) is None:  # ended in another window
                await _close(page, WSCloseCode.POLICY_VIOLATION, _LOGIN_OVER)
                break
            if message.type is WSMsgType.TEXT:
                await line.send(message.data)
    except ConnectionError:
        await _close(page, WSCloseCode.INTERNAL_ERROR, "Asterisk has closed the line")
    finally:
        to_page.cancel()
        await asyncio.gather(to_page, return_exceptions=True)


async def _carry_to_page(request: web.Request, page: web.WebSocketResponse, line: PhoneLine) -> None:
    with contextlib.suppress(ConnectionError):  # the browser is gone
        async for message in line.messages():
            if session_of(request) is None:  # it must not ring on where somebody has logged out
                await _close(page, WSCloseCode.POLICY_VIOLATION, _LOGIN_OVER)
                return
            await page.send_str(message)
        await _close(page, WSCloseCode.INTERNAL_ERROR, "Asterisk has closed the line")


async def _close(page: web.WebSocketResponse, code: int, why: str) -> None:
    # a close frame holds at most 125 bytes, two of them the code (RFC 6455 section 5.5)
    reason = why.encode()[:123].decode(errors="ignore").encode()
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(2 * _CLOSE_TIMEOUT_S):  # a page that does not read lets none of it out
            await page.close(code=code, message=reason)


async def close_lines(app: web.Application) -> None:
    """Close the websocket of every page that has its telephone on."""
    closing = [_close(page, WSCloseCode.GOING_AWAY, "the controller stops") for page in app[OPEN_LINES]]
    await asyncio.gather(*closing)
