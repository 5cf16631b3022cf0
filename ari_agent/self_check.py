"""Builds what `ari-agent check` looks at from the settings, and runs its checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from ari_agent.asterisk.inspection import Inspection
from ari_agent.calls.realtime.realtime_server import RealtimeServer
from ari_agent.check.machine import is_serving
from ari_agent.check.report import Entry
from ari_agent.check.runner import WHOLE_S, run_checks
from ari_agent.check.surroundings import ModelsAsked, Surroundings, look_into_database
from ari_agent.check.table import CHECKS
from ari_agent.config import SERVICE_ENVIRONMENT, Settings
from ari_agent.conversation_analyses import analysis_settings, listed_models
from ari_agent.gather import gather
from ari_agent.http_client import http_client
from ari_agent.services import browser_phone, opened_model, started_speech

_ANSWER_S: Final = 3.0


async def check(settings: Settings, *, config_file: Path | None = None, deep: bool = False) -> list[Entry]:
    """Look at everything that calls need, as it is set. Leaves everything as it is.

    config_file: the file of settings, if there is one. deep: open the websockets of agents, too.
    """
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + WHOLE_S
    looking = look_into_database(
        settings.database_url, folder_is_made=settings.database_is_default, webhook_url=settings.webhook_url
    )
    (database, stored), serving = await gather(looking, is_serving(*settings.bind))
    files = [Path(".env"), *SERVICE_ENVIRONMENT, config_file, database.file if database.is_there else None]
    inspection = Inspection(
        url=settings.ari_url,
        username=settings.ari_username,
        password=settings.ari_password.get_secret_value(),
        app=settings.app,
    )
    model = analysis_settings(settings).model
    http = http_client()
    around = Surroundings(
        settings=settings,
        inspection=inspection,
        database=database,
        stored=stored,
        serving=serving,
        secret_files=[file for file in files if file],
        start_speech=lambda: _speech(settings),
        now_s=time.time,
        deep=deep,
        list_models=partial(listed_models, model, timeout_s=_ANSWER_S) if model else None,
        ask_models=(lambda: _models(settings)) if settings.llm_model else None,
        try_session=_try_session(settings),
        phone=browser_phone(settings, http),
    )
    try:
        return await run_checks(CHECKS, around, whole_s=give_up_s - loop.time())
    finally:
        await http.close()
        await inspection.close()


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
