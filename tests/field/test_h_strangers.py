"""Strangers at the HTTP port, names that are never answered, and a database that goes away: calls go on."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import resource
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ari_agent import name_resolver
from ari_agent.api.connection_limits import OWN_FILES
from ari_agent.name_resolver import Address, NameResolver
from tests.api.web_house import WEB, House
from tests.fakes.agent_server import echo
from tests.fakes.controller import Controller
from tests.fakes.controller_alone import controller_alone
from tests.fakes.sound import tone
from tests.fakes.web_client import WebFrontEnd


@dataclass(frozen=True, slots=True)
class Place:
    """A controller in a process of its own, without Asterisk, and an agent that echoes."""

    controller: Controller
    agent_id: str

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, _, port = self.controller.url.removeprefix("http://").partition(":")
        return host, int(port)

    @contextlib.asynccontextmanager
    async def call(self) -> AsyncIterator[WebFrontEnd]:
        """A web call to the agent."""
        made = await self.controller.post("/register-call", {"agent_id": self.agent_id, **WEB}, expect=201)
        url = f"{self.controller.url.replace('http', 'ws')}/audio-websocket/{made.json['call_id']}"
        async with WebFrontEnd(url) as front:
            yield front

    async def missing(self) -> dict[str, str]:
        """What /readyz says is missing."""
        reply = await self.controller.get("/readyz")
        assert reply.status == 503  # there is no Asterisk
        found: dict[str, str] = reply.json["missing"]
        return found

    async def until(self, *, database_is_missing: bool) -> str:
        """Until /readyz says so; what it says of the database."""
        for _ in range(600):
            missing = await self.missing()
            if ("database" in missing) is database_is_missing:
                return missing.get("database", "")
            await asyncio.sleep(0.1)
        raise TimeoutError(str(missing))


async def hears_itself(front: WebFrontEnd) -> None:
    """Now: the agent says what it hears."""
    before = len(front.audio)
    for _ in range(100):  # what is said before the agent is there may be lost
        await front.say(tone(440, seconds=0.3, rate_hz=24000))
        with contextlib.suppress(TimeoutError):
            return await front.until(lambda: len(front.audio) > before, timeout_s=0.5)
    raise TimeoutError("nothing is heard")


@contextlib.asynccontextmanager
async def place(folder: Path, **options: Any) -> AsyncIterator[Place]:
    """Runs inside; its agent echoes."""
    async with controller_alone(folder, echo, **options) as (controller, agent_id):
        yield Place(controller, agent_id)


async def read_all(place: Place, request: bytes) -> bytes:
    """What the server says to these bytes until it closes, or has said all."""
    reader, writer = await asyncio.open_connection(*place.address)
    try:
        writer.write(request)
        return await reader.read(4096)
    finally:
        writer.close()


async def test_a_name_that_is_never_answered_harms_no_call_to_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, give_up = threading.Event(), threading.Event()

    def ask(host: str) -> Sequence[Address]:
        if host == "dead.example":
            asked.set()
            give_up.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return name_resolver.ask_system(host)

    monkeypatch.setattr("ari_agent.agents.tcp_connection.NAMES", NameResolver(ask=ask, threads=2))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(give_up.set)
        for host in ("dead.example",) * 8 + ("127.0.0.1", "localhost"):
            agent = house.agents.agent(echo, protocol="web")
            agent.engine["audio_websocket_url"] = agent.engine["audio_websocket_url"].replace("127.0.0.1", host)
            front = await stack.enter_async_context(WebFrontEnd(house.url(await house.register(agent))))
            if host == "dead.example":
                await asyncio.to_thread(asked.wait, 60)
            else:
                await hears_itself(front)


async def test_nothing_of_a_call_outlives_it(house: House) -> None:
    agent_id = await house.agent_id(house.agents.agent(echo, protocol="web"))

    async def calls(count: int) -> None:
        for _ in range(count):
            made = await house.post("/register-call", {"agent_id": agent_id, **WEB})
            async with WebFrontEnd(house.url(made["call_id"])) as front:
                await hears_itself(front)
            await house.ended(made["call_id"])

    await calls(2)
    before = of_calls()
    await calls(5)
    for _ in range(100):  # tasks may still be ending
        if not (more := of_calls() - before):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(more)


def of_calls() -> Counter[str]:
    """How many objects of each class of calls and agents there are."""
    gc.collect()
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(
        kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(("ari_agent.calls", "ari_agent.agents"))
    )


async def test_a_packed_body_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(97_000_000), compresslevel=1)
    head = b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with place(tmp_path) as here, here.call() as front:
        answers = await asyncio.gather(*(read_all(here, head + bomb) for _ in range(40)))
        assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 415 Unsupported Media Type"}
        await hears_itself(front)


async def test_more_connections_than_files_leave_calls_theirs(tmp_path: Path) -> None:
    """`serve` raises its limit of files to the hard one, and keeps enough of them."""
    prefix = ("prlimit", "--nofile=200:400")
    async with place(tmp_path, prefix=prefix, CONCURRENCY_LIMIT="10", CONNECTIONS_PER_ADDRESS="0") as here:
        assert resource.prlimit(here.controller.pid, resource.RLIMIT_NOFILE) == (400, 400)
        writers = []
        with contextlib.suppress(ConnectionError):
            for _ in range(450):
                _, writer = await asyncio.open_connection(*here.address)
                writers.append(writer)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")  # a head without end
        await here.controller.logged("HTTP connections are refused")
        assert here.controller.open_files() < 400 - OWN_FILES // 2
        for writer in writers[:100]:
            writer.close()
        async with here.call() as front:
            await hears_itself(front)
        for writer in writers:
            writer.close()


async def test_one_address_has_so_many_connections(tmp_path: Path) -> None:
    async with place(tmp_path, CONNECTIONS_PER_ADDRESS="5") as here:
        writers = []
        for _ in range(8):
            reader, writer = await asyncio.open_connection(*here.address)
            writers.append(writer)
        assert (await reader.read()).startswith(b"HTTP/1.1 429 ")
        for writer in writers:
            writer.close()


async def test_a_database_whose_file_is_deleted(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.call() as front:
        await hears_itself(front)
        assert "database" not in await here.missing()
        (tmp_path / "calls.db").unlink()
        assert "was deleted or moved" in await here.until(database_is_missing=True)
        await here.controller.logged("what is recorded now is not kept")
        await hears_itself(front)


async def test_a_database_on_a_disk_that_fills(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.call() as front:
        await hears_itself(front)
        pid, size = here.controller.pid, (tmp_path / "calls.db-wal").stat().st_size
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        assert "failed" in await here.until(database_is_missing=True)
        await here.controller.logged("what is recorded now is not kept")
        await hears_itself(front)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        await here.until(database_is_missing=False)
        await here.controller.logged("the database can be written again")
        assert here.controller.log_text().count("what is recorded now is not kept") == 1
