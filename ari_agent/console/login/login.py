"""Logging in with a key or a link, and out again."""

from __future__ import annotations

import hmac
import logging
import secrets
from pathlib import Path
from typing import Final

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, SIGNER
from ari_agent.console.form import read_form
from ari_agent.console.login.access import COOKIE, ENDED_LOGINS, LOGIN, see_other
from ari_agent.console.login.login_guesses import LoginGuesses
from ari_agent.console.login.login_session import LoginSession, LoginSigner, Role
from ari_agent.console.login.shared_spent_ids import SharedSpentIds
from ari_agent.errors import ApiError
from ari_agent.spent_ids import SpentIds

log = logging.getLogger(__name__)

FIRST_PAGE: Final = "/console"
SESSION_S: Final = 12 * 3600
LINK_S: Final = 600
_USED_CODES: Final = web.AppKey("used_login_codes", SpentIds)
_GUESSES: Final = web.AppKey("login_guesses", LoginGuesses)


def login_link(api_key: str, read_only_key: str = "", *, now_s: float) -> str:
    """Return path and query of a link that logs in once, as who may change things, within LINK_S seconds."""
    signer = LoginSigner.of_keys(api_key, read_only_key)
    code = signer.login_code(secrets.token_urlsafe(16), expires_s=int(now_s) + LINK_S)
    return f"{LOGIN}?code={code}"


async def show_login(request: web.Request) -> web.Response:
    """Show the form; a good code in the query string logs in at once."""
    if code := request.query.get("code"):
        return _by_code(request, code)
    return request.app[PAGES].page("login.html", None, next=_next(request.query.get("next")), problem="")


async def log_in(request: web.Request) -> web.Response:
    """Log in with the key of the form, and go on to the page that was wanted."""
    # A form of somebody else's page would log its victim in as whom it likes.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise ApiError(403, "the login form has to be sent from this console's own page")
    form = await read_form(request)
    after = _next(form.get("next", ""))
    guesses, now_s = request.app[_GUESSES], request.app[DEPENDENCIES].now_ms() / 1000
    client = request.remote or "", ",".join(request.headers.getall("X-Forwarded-For", ()))
    if wait_s := guesses.wait_s(*client, now_s=now_s):
        return _come_back(request, after, wait_s)
    role = _role_of(request, form.get("key", ""))
    if role is None:
        guesses.was_wrong(*client, now_s=now_s)
        log.warning("a login to the console was refused", extra={"address": request.remote})
        problem = "This is no key of this controller: it is ARI_AGENT_API_KEY, or ARI_AGENT_CONSOLE_READ_ONLY_KEY."
        return request.app[PAGES].page("login.html", None, status=403, next=after, problem=problem)
    return _logged_in(request, role, after)


async def log_out(request: web.Request) -> web.Response:
    """End the login, also for whoever has a copy of its cookie, which is taken back."""
    session = request[SESSION]
    now_s = request.app[DEPENDENCIES].now_ms() / 1000
    request.app[ENDED_LOGINS].spend(session.session_id, until_s=session.expires_s, now_s=now_s)
    answer = see_other(LOGIN)
    answer.del_cookie(COOKIE, path="/console")
    return answer


def _by_code(request: web.Request, code: str) -> web.Response:
    now_s = request.app[DEPENDENCIES].now_ms() / 1000
    nonce = request.app[SIGNER].nonce(code, now_s=now_s)
    if nonce is None or not request.app[_USED_CODES].spend(nonce, until_s=now_s + LINK_S, now_s=now_s):
        problem = "This link was used already, or its time is over. A key logs in as well."
        return request.app[PAGES].page("login.html", None, status=403, next=FIRST_PAGE, problem=problem)
    return _logged_in(request, Role.ADMIN, FIRST_PAGE)


def _come_back(request: web.Request, after: str, wait_s: int) -> web.Response:
    problem = f"Too many wrong keys came from here: wait {wait_s} s, or take a link of `ari-agent console-link`."
    answer = request.app[PAGES].page("login.html", None, status=429, next=after, problem=problem)
    answer.headers["Retry-After"] = str(wait_s)
    return answer


def _role_of(request: web.Request, key: str) -> Role | None:
    dependencies = request.app[DEPENDENCIES]
    given = key.strip().encode("utf-8", "surrogatepass")
    # both are compared, whatever the first says: the delay tells nothing
    is_api_key = hmac.compare_digest(given, dependencies.api_key.encode())
    is_read_only = hmac.compare_digest(given, dependencies.read_only_key.encode())
    if is_api_key:
        return Role.ADMIN
    return Role.READER if is_read_only and dependencies.read_only_key else None


def _logged_in(request: web.Request, role: Role, after: str) -> web.Response:
    dependencies = request.app[DEPENDENCIES]
    expires_s = dependencies.now_ms() // 1000 + SESSION_S
    # A new id each time: who had the browser before has nothing of this login.
    session = LoginSession(role, expires_s, secrets.token_urlsafe(16))
    answer = see_other(after)
    answer.set_cookie(
        COOKIE,
        request.app[SIGNER].cookie(session),
        path="/console",
        max_age=SESSION_S,
        httponly=True,
        samesite="Lax",  # Strict: a link to a call in a message would ask for the key again
        secure=dependencies.is_https,
    )
    return answer


def _next(wanted: str | None) -> str:
    """Return the page that was wanted, if it is one of this console: never another host's."""
    is_ours = wanted is not None and (wanted == FIRST_PAGE or wanted.startswith((f"{FIRST_PAGE}/", f"{FIRST_PAGE}?")))
    # browsers read a backslash as a slash, and leave control characters out
    return wanted if is_ours and wanted and wanted.isprintable() and "\\" not in wanted else FIRST_PAGE


def remember_logins(app: web.Application, folder: Path | None) -> None:
    """Give the application the memory that makes a login code good for one time, ends logins, and bounds wrong keys.

    folder: where several processes share the first two; None: there is one process, which keeps them in its memory.
    """
    app[_USED_CODES] = SharedSpentIds(folder / "codes") if folder else SpentIds()
    app[ENDED_LOGINS] = SharedSpentIds(folder / "ended") if folder else SpentIds()
    app[_GUESSES] = LoginGuesses()
