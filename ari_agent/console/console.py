"""The pages of the console as an application of its own, which is put under /console of the API's."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from ari_agent.console import call_list, call_page, login, now, phone, static_files
from ari_agent.console.access import cut_off_who_does_not_read, guard, require_login, show_errors
from ari_agent.console.dependencies import DEPENDENCIES, NOW_FEED, PAGES, SIGNER, ConsoleDependencies
from ari_agent.console.login_session import LoginSigner
from ari_agent.console.pages import Pages

PREFIX: Final = "/console"
_ROUTES: Final = (
    web.get("", now.show_now),
    web.get("/now/events", now.watch_now, allow_head=False),
    web.get("/login", login.show_login, allow_head=False),
    web.post("/login", login.log_in),
    web.post("/logout", login.log_out),
    web.get("/calls", call_list.show_calls),
    web.get("/calls.csv", call_list.show_calls_as_csv, allow_head=False),
    web.get("/calls/{call_id}", call_page.show_call),
    web.post("/calls/{call_id}/hang-up", call_page.hang_up),
    web.get("/phone", phone.show_phone),
    web.get("/phone/sip", phone.carry_sip, allow_head=False),
    web.get("/static/{file}", static_files.show_static_file),
)


def build_console(dependencies: ConsoleDependencies) -> web.Application:
    """Return the application; `root.add_subapp(PREFIX, ...)` puts it where its pages expect to be.

    A request has passed, from the outside in: cut_off_who_does_not_read, show_errors, require_login.
    """
    app = web.Application(middlewares=[cut_off_who_does_not_read, show_errors, require_login])
    app.on_response_prepare.append(guard)
    app[DEPENDENCIES] = dependencies
    app[SIGNER] = LoginSigner.of_keys(dependencies.api_key, dependencies.read_only_key)
    app[static_files.STATIC_FILES] = static_files.read_static_files()
    app[PAGES] = Pages(app[SIGNER], partial(static_files.versioned_path, app[static_files.STATIC_FILES]))
    app[NOW_FEED] = now.now_feed(dependencies, app[PAGES])
    login.remember_logins(app)
    app[phone.OPEN_LINES] = set()
    app.add_routes(_ROUTES)
    app.on_shutdown.extend((_close_feeds, phone.close_lines))
    return app


async def _close_feeds(app: web.Application) -> None:
    await app[NOW_FEED].close()
