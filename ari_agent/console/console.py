"""The pages of the console as an application of its own, which is put under /console of the API's."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from ari_agent.console import api_pages, phone, static_files
from ari_agent.console.agents import agent_list, agent_page, talk
from ari_agent.console.calls import call_list
from ari_agent.console.check import check_page
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SIGNER, ConsoleDependencies
from ari_agent.console.login import login
from ari_agent.console.login.access import cut_off_who_does_not_read, guard, require_login, show_errors
from ari_agent.console.login.login_session import LoginSigner
from ari_agent.console.now import call_control, listen, now
from ari_agent.console.numbers import dial_page, number_list, number_page
from ari_agent.console.one_call import call_page, call_sound, shared_call
from ari_agent.console.pages import Pages
from ari_agent.console.webhooks import webhook_list, webhook_page

PREFIX: Final = "/console"
_SHARED_PAGES_AT_ONCE: Final = 2
_ROUTES: Final = (
    web.get("", now.show_now),
    web.get("/", now.to_now),
    web.get("/now/events", now.watch_now, allow_head=False),
    web.get("/login", login.show_login, allow_head=False),
    web.post("/login", login.log_in),
    web.post("/logout", login.log_out),
    web.get("/calls", call_list.show_calls),
    web.get("/calls.csv", call_list.show_calls_as_csv, allow_head=False),
    web.get("/calls/{call_id}", call_page.show_call),
    web.get("/calls/{call_id}/live", call_page.show_end),
    web.get("/calls/{call_id}/listen", listen.listen_to_call, allow_head=False),
    web.get("/calls/{call_id}/control", call_control.show_control),
    web.post("/calls/{call_id}/hang-up", call_control.hang_up),
    web.post("/calls/{call_id}/transfer", call_control.transfer),
    web.post("/calls/{call_id}/keys", call_control.send_keys),
    web.get("/calls/{call_id}/recording", call_sound.show_recording),
    web.get("/calls/{call_id}/peaks.json", call_sound.show_peaks),
    web.post("/calls/{call_id}/share", shared_call.share_call),
    web.get("/shared/{token}", shared_call.show_shared_call),
    web.get("/shared/{token}/recording", shared_call.show_shared_recording),
    web.get("/shared/{token}/peaks.json", shared_call.show_shared_peaks),
    web.get("/numbers", number_list.show_numbers),
    web.get("/numbers/{phone_number}", number_page.show_number),
    web.post("/numbers/{phone_number}/try-webhook", number_page.try_webhook),
    web.get("/dial", dial_page.show_dial),
    web.get("/check", check_page.show_check),
    web.post("/check", check_page.run_check),
    web.get("/check/lines", check_page.show_lines),
    web.get("/webhooks", webhook_list.show_webhooks),
    web.post("/webhooks/replay", webhook_list.replay_dead),
    web.get("/webhooks/{webhook_id}", webhook_page.show_webhook),
    web.get("/webhooks/{webhook_id}/delivery", webhook_page.show_delivery),
    web.post("/webhooks/{webhook_id}/replay", webhook_page.replay),
    web.get("/agents", agent_list.show_agents),
    web.get("/agents/{agent_id}", agent_page.show_agent),
    web.get("/agents/{agent_id}/talk", talk.show_talk),
    web.post("/agents/{agent_id}/talk", talk.register_talk),
    web.get("/api", api_pages.show_api),
    web.get("/settings", api_pages.show_settings),
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
    static_files.read_static_files()  # now: callers would hear it if the first page did
    app[PAGES] = Pages(app[SIGNER], static_files.versioned_path)
    app[now.NOW_FEEDS] = now.now_feeds(dependencies, app[PAGES])
    login.remember_logins(app, dependencies.logins_folder)
    call_sound.remember_peaks(app)
    app[call_list.SEARCH_TURN] = asyncio.Lock()
    app[shared_call.SHARED_PAGES] = asyncio.Semaphore(_SHARED_PAGES_AT_ONCE)
    app[phone.OPEN_LINES] = set()
    app.add_routes(_ROUTES)
    app.on_shutdown.extend((_close_feeds, phone.close_lines))
    return app


def put_under(api: web.Application, pages: web.Application) -> None:
    """Put the pages under /console of the API's application, and the way to the one that explains it at /docs."""
    api.add_subapp(PREFIX, pages)
    api.router.add_get("/docs", api_pages.to_api_page)


async def _close_feeds(app: web.Application) -> None:
    await app[now.NOW_FEEDS].close()
    if checks := app[DEPENDENCIES].checks:
        await checks.close()
