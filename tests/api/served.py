"""The API in a thread of its own, for clients that block: the vendor's SDK, and the tester of OpenAPI descriptions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.http_server import ApiRunner
from ari_agent.api.server import build_api
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.registrar import Registrar
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.node import NodeDrain
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.store.store import Store
from tests.api import lines, pens
from tests.api.conftest import API_KEY, AUDIO, NOW_MS, Board, OneCall, random_call_id
from tests.api.test_calls import a_call

LIVE = OneCall("call_live")
ENDED = a_call(1)
NUMBER = "+14157770000"


@contextmanager
def served(folder: Path, database_url: str | None = None) -> Iterator[tuple[str, str]]:
    """The base URL of an API that has one agent, one number, one live and one ended call; and the agent's id.

    database_url: of an empty database; else one is made in the folder.
    """
    database_url = database_url or f"sqlite+aiosqlite:///{folder}/served.db"
    ready: Future[tuple[str, str]] = Future()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(database_url, ready, stop)))
    thread.start()
    try:
        yield ready.result(timeout=30)
    finally:
        stop.set()
        thread.join()


async def _serve(database_url: str, ready: Future[tuple[str, str]], stop: threading.Event) -> None:
    try:
        store = Store(database_url)
        await store.open()
        agent = await store.agents.create(AgentCreate.model_validate({"response_engine": AUDIO}))
        number = PhoneNumberImport.model_validate({"phone_number": NUMBER, "termination_uri": "sip.example.com"})
        await store.phone_numbers.create(number.number(now_ms=NOW_MS))
        await store.calls.save(ENDED)
        slots = Slots(20)
        originator = lines.originator(store, lines.Lines(), slots, now_ms=NOW_MS)
        registrar = Registrar(store, new_call_id=random_call_id, now_ms=lambda: NOW_MS)
        chats = pens.chat_service(store, pens.Pens(), now_ms=NOW_MS)
        dependencies = ApiDependencies(
            store=store,
            switchboard=Board([LIVE]),
            api_key=API_KEY,
            outbound=originator,
            batches=lines.batches(store, originator, slots, now_ms=NOW_MS),
            registrar=registrar,
            chats=await chats.__aenter__(),
            drain=lambda: NodeDrain(calls=1, process_id=4711),
        )
        runner = ApiRunner(build_api(dependencies))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        ready.set_result((f"http://{host}:{port}", agent.agent_id))
    except BaseException as error:
        ready.set_exception(error)
        raise
    await asyncio.to_thread(stop.wait)
    await runner.cleanup()
    await chats.__aexit__(None, None, None)
    await store.close()
