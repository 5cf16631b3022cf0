"""Builds what `ari-agent check` looks at from the settings, and runs its checks; so does the console's page of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from ari_agent.asterisk.inspection import Inspection
from ari_agent.calls.realtime.realtime_server import RealtimeServer
from ari_agent.check.machine import is_serving
from ari_agent.check.report import Entry
from ari_agent.check.runner import WHOLE_S, Tell, run_checks
from ari_agent.check.surroundings import ModelsAsked, Surroundings, look_into_database
from ari_agent.check.table import CHECKS
from ari_agent.config import SERVICE_ENVIRONMENT, Settings
from ari_agent.conversation_analyses import analysis_settings, listed_models
from ari_agent.gather import gather
from ari_agent.http_client import http_client
from ari_agent.own_loop import in_own_loop
from ari_agent.services import browser_phone, opened_model, started_speech

_ANSWER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Serving:
    """What is known to a controller that checks itself. connected: to Asterisk. speech: who listens and who speaks."""

    connected: bool
    speech: tuple[str, str] | None


async def check(
    settings: Settings,
    *,
    config_file: Path | None = None,
    deep: bool = False,
    serving: Serving | None = None,
    tell: Tell = lambda _: None,
) -> list[Entry]:
    """Look at everything that calls need, as it is set. Leaves everything as it is.

    config_file: the file of settings, if there is one. deep: open the websockets of agents, too. serving: of the
    controller that checks itself; None: it is another process that checks. tell: is told what each check has found.
    """
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + WHOLE_S
    looking = look_into_database(
        settings.database_url, folder_is_made=settings.database_is_default, webhook_url=settings.webhook_url
    )
    (database, stored), serves = await gather(looking, _is_served(settings, serving))
    files = [Path(".env"), *SERVICE_ENVIRONMENT, config_file, database.file if database.is_there else None]
    inspection = Inspection(
        url=settings.ari_url,
        username=settings.ari_username,
        password=settings.ari_password.get_secret_value(),
        app=settings.app,
        apps=(settings.own_app,) if serving else settings.all_apps,
    )
    model = analysis_settings(settings).model
    http = http_client()
    around = Surroundings(
        settings=settings,
        inspection=inspection,
        database=database,
        stored=stored,
        serving=serves,
        secret_files=[file for file in files if file],
        # Those of a controller listen and speak already: a second pair would take the CPU that its calls need.
        start_speech=(lambda: nullcontext(serving.speech)) if serving else (lambda: _speech(settings)),
        now_s=time.time,
        deep=deep,
        list_models=partial(listed_models, model, timeout_s=_ANSWER_S) if model else None,
        ask_models=(lambda: _models(settings)) if settings.llm_model else None,
        try_session=_try_session(settings),
        connected=serving.connected if serving else None,
        phone=browser_phone(settings, http),
    )
    try:
        return await run_checks(CHECKS, around, whole_s=give_up_s - loop.time(), tell=tell)
    finally:
        await http.close()
        await inspection.close()


async def check_serving(settings: Settings, serving: Serving, *, deep: bool, tell: Tell) -> list[Entry]:
    """Check a controller from within it, in a thread and an event loop of their own, so that no call waits for it.

    serving, deep, tell: as for `check`; tell is called in that thread.
    """
    return await in_own_loop(lambda: check(settings, deep=deep, serving=serving, tell=tell))


async def _is_served(settings: Settings, serving: Serving | None) -> bool:
    return True if serving else await is_serving(*settings.bind)


def _try_session(settings: Settings) -> Callable[[str], Awaitable[None]] | None:
    if not settings.has_realtime:
        return None
    server = RealtimeServer(settings.realtime_url, settings.realtime_api_key.get_secret_value())
    return partial(server.try_session, timeout_s=_ANSWER_S)


async def _models(settings: Settings) -> ModelsAsked:
    model = await opened_model(settings)
    try:
        return ModelsAsked(model.name, model.host, await model.known())
    finally:
        await model.close()


@asynccontextmanager
async def _speech(settings: Settings) -> AsyncIterator[tuple[str, str] | None]:
    async with http_client() as http, started_speech(settings, http) as speech:
        yield speech.providers if speech else None
