"""Who may see a page and change something: a login for all but the login itself, and a token with each change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, SIGNER, Handler
from ari_agent.console.form import read_form
from ari_agent.console.login.login_session import LoginSession
from ari_agent.console.pages import GUARDS
from ari_agent.errors import (
    ApiError,
    ArtefactError,
    AsteriskRefused,
    AsteriskUnreachable,
    CallError,
    CallNotOngoing,
    ChannelGone,
    StoreError,
    UnknownCall,
)
from ari_agent.slow_readers import send_whole
from ari_agent.spent_ids import SpentIds

log = logging.getLogger(__name__)

COOKIE: Final = "ari_agent_console"
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf_token"
LOGIN: Final = "/console/login"

ENDED_LOGINS: Final = web.AppKey("ended_logins", SpentIds)
"""The ids of those that somebody has ended."""
_SHARED: Final = ("/console/shared/{token}", "/console/shared/{token}/recording", "/console/shared/{token}/peaks.json")
_OPEN: Final = frozenset({LOGIN, "/console/static/{file}", *_SHARED})
_SAFE: Final = frozenset({"GET", "HEAD"})
_NOT_OURS: Final = "this request did not come from a page of this console: open the page again, and repeat it there"


async def guard(_request: web.Request, response: web.StreamResponse) -> None:
    """Give an answer that is about to be sent what keeps others' pages from using it, unless it has its own."""
    for name, value in GUARDS.items():
        response.headers.setdefault(name, value)


@web.middleware
async def cut_off_who_does_not_read(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send long pages piece by piece, each of which the browser has to read in time."""
    answer = await handler(request)
    if not isinstance(answer, web.Response):
        return answer
    return await send_whole(request, answer, within_s=request.app[DEPENDENCIES].read_within_s)


@web.middleware
async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a handler into a page that says it; what is unexpected is logged, and not shown."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        text = "There is no such page." if error.status == 404 else error.reason
        return _error_page(request, error.status, text)
    except Exception as error:
        if told := in_words(error):
            return _error_page(request, *told)
        log.exception("a page of the console failed", extra={"path": _path_for_log(request)})
        return _error_page(request, 500, "This page failed; the controller's log says why.")


def _without_store(error: Exception) -> tuple[int, str]:
    log.error("the console cannot read what it shows: %s", error)
    return 503, "The database or the store of recordings is not reachable; the controller's log says why."


def _not_now(error: CallNotOngoing) -> tuple[int, str]:
    if error.status in _OVER:
        return error.http_status, "The call is over."
    return error.http_status, f"The call is {error.status} now: that can be done while caller and agent talk."


_OVER: Final = frozenset({"ended", "not_connected", "error"})
# The first that fits: a special kind stands before the general one.
_TRANSLATIONS: Final[Sequence[tuple[type[Exception], Callable[[Any], tuple[int, str]]]]] = (
    (ApiError, lambda error: (error.status, str(error))),
    (
        UnknownCall,
        lambda error: (error.http_status, f"{error}: it was deleted, as old calls are, or the id is wrong"),
    ),
    (CallNotOngoing, _not_now),
    (CallError, lambda error: (error.http_status, str(error))),
    (ChannelGone, lambda _: (400, "The call has just ended.")),
    (AsteriskRefused, lambda error: (502, f"Asterisk refused: {error.message}")),
    (AsteriskUnreachable, lambda _: (503, "Asterisk is not reachable.")),
    (StoreError, _without_store),
    (ArtefactError, _without_store),
)


def in_words(error: Exception) -> tuple[int, str] | None:
    """Return the HTTP status of an error and what people are told of it; None for one that is not expected."""
    return next((translate(error) for kind, translate in _TRANSLATIONS if isinstance(error, kind)), None)


@web.middleware
async def require_login(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send a stranger to the login, and refuse a change without the login's token or by somebody who may only look."""
    resource = request.match_info.route.resource
    session = session_of(request)
    if session:
        request[SESSION] = session
    if resource is not None and resource.canonical in _OPEN:
        return await handler(request)
    if session is None:
        return _to_login(request)
    if request.method not in _SAFE:
        check_change(request, session, await _given_token(request), may_look=request.path == "/console/logout")
    return await handler(request)


def check_change(request: web.Request, session: LoginSession, token: str, *, may_look: bool = False) -> None:
    """Let a change pass that brings the login's token, of somebody who may change something.

    may_look: also of somebody who may only look.

    Raises:
        ApiError: 403, with what is wrong.
    """
    if not request.app[SIGNER].is_csrf_token(session, token):
        raise ApiError(403, _NOT_OURS)
    if not session.may_change and not may_look:
        raise ApiError(403, "you are logged in with the key that may only look")


def session_of(request: web.Request) -> LoginSession | None:
    """Return the login that a request came with; None where there is none, or it is over or was ended since."""
    now_s = request.app[DEPENDENCIES].now_ms() / 1000
    session = request.app[SIGNER].session(request.cookies.get(COOKIE, ""), now_s=now_s)
    return None if session is None or request.app[ENDED_LOGINS].is_spent(session.session_id) else session


def see_other(path: str) -> web.Response:
    """Return the answer that shows another page by GET."""
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


async def _given_token(request: web.Request) -> str:
    if token := request.headers.get(CSRF_HEADER):
        return token
    return (await read_form(request)).get(CSRF_FIELD, "")


def _path_for_log(request: web.Request) -> str:
    """Return the path of a request; not with the token in it that would let everybody in who reads the log."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None and resource.canonical in _SHARED else request.path


def _to_login(request: web.Request) -> web.Response:
    if request.headers.get("HX-Request") == "true":  # a part of a page: the whole page has to go there
        shown = request.headers.get("HX-Current-URL", "").partition("://")[2].partition("/")[2]
        login = _login_before(f"/{shown}" if shown else "")
        return web.Response(status=401, headers={"HX-Redirect": login, "Cache-Control": "no-store"})
    return see_other(_login_before(request.path_qs if request.method == "GET" else ""))


def _login_before(wanted: str) -> str:
    """Return the path of the login that leads on to a page; "" leads to the first one."""
    return f"{LOGIN}?next={quote(wanted)}" if wanted else LOGIN


def _error_page(request: web.Request, status: int, text: str) -> web.Response:
    if request.headers.get("HX-Request") == "true":  # said in the page that asked
        return request.app[PAGES].piece("outcome.html", {"outcome": text, "failed": True}, status=status)
    return request.app[PAGES].page("error.html", request.get(SESSION), status=status, text=text)
