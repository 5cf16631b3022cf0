"""Several controllers behind one API port, as an administrator runs them: `ari-agent serve --processes 2`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from ari_agent.config import Settings, load
from ari_agent.console.login.login import login_link
from ari_agent.errors import ConfigurationError
from ari_agent.one_of_several import settings_of_process, told_by_parent
from ari_agent.processes import check_settings, serve_processes
from ari_agent.stop_signals import stop_signals
from tests.asterisk.fake_asterisk import PASSWORD, FakeAsterisk
from tests.fakes.agent_server import AgentServer, echo
from tests.fakes.controller import Controller, free_tcp_port
from tests.fakes.web_client import WebFrontEnd

NODE_URL = re.compile(r"API listens .*node_url=(?P<url>\S+) process_number=(?P<number>\d)")
STARTED = re.compile(r"controller started process_number=(?P<number>\d) pid=(?P<pid>\d+)")


def settings_with(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    usual = {
        "ARI_PASSWORD": "p4ss",
        "API_KEY": "k3y",
        "PROCESSES": "3",
        "BIND": f"127.0.0.1:{free_tcp_port()}",
        "DATABASE_URL": "postgresql+asyncpg://u:p@h/d",
    }
    for name, value in (usual | given).items():
        monkeypatch.setenv(f"ARI_AGENT_{name}", value)
    return load()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"DATABASE_URL": "sqlite+aiosqlite:///x.db"}, "PROCESSES is 3, which needs PostgreSQL"),
        ({"BIND": "127.0.0.1:0"}, "ARI_AGENT_BIND: .*needs a port"),
        ({"NODE_URL": "http://10.0.0.1:8080"}, "ARI_AGENT_NODE_URL: .*set ARI_AGENT_NODE_BIND"),
        ({"RTP_PORTS": "30000-30003"}, "ARI_AGENT_RTP_PORTS: 30000-30003 has 2 even ports, and 3 processes need 3"),
    ],
)
def test_settings_that_several_cannot_run_with_are_refused_in_words(
    given: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        check_settings(settings_with(monkeypatch, **given))


async def test_a_port_that_others_have_is_refused_although_it_could_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        bind = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match="ARI_AGENT_BIND: cannot listen on"):
            await serve_processes(settings_with(monkeypatch, BIND=bind))


def test_each_has_a_name_ports_and_a_spool_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_with(monkeypatch, RTP_PORTS="30000-30999", SPOOL_DIR="/spool", PROCESSES="2")
    check_settings(settings)
    first, second = (settings_of_process(settings, number) for number in (1, 2))
    assert (first.own_app, second.own_app) == ("ari_agent_1", "ari_agent_2")
    assert list(second.apps_behind_port) == list(settings.all_apps) == ["ari_agent_1", "ari_agent_2"]
    assert (tuple(first.rtp_ports), tuple(second.rtp_ports)) == ((30000, 30499), (30500, 30999))
    assert (first.spool_folder, second.spool_folder) == (Path("/spool/1"), Path("/spool/2"))
    assert (first.text_messages, second.text_messages) == ("on", "off")  # Asterisk tells each of all of them


def found_in_log(log: str, pattern: re.Pattern[str], group: str) -> dict[str, str]:
    """The last of each process."""
    return {found["number"]: found[group] for found in pattern.finditer(log)}


@asynccontextmanager
async def two_processes(folder: Path, database_url: str) -> AsyncIterator[tuple[Controller, FakeAsterisk]]:
    async with FakeAsterisk() as asterisk:
        controller = Controller(
            folder,
            ari_url=asterisk.url,
            ari_username="ari_agent",
            ari_password=PASSWORD,
            PROCESSES="2",
            DATABASE_URL=database_url,
        )
        async with controller:
            await controller.start()
            async with asyncio.timeout(60):
                for _ in range(2):
                    await asterisk.opened.get()
            yield controller, asterisk


async def test_two_are_one_api(tmp_path: Path, shared_url: str) -> None:
    async with two_processes(tmp_path, shared_url) as (controller, asterisk):
        log = controller.log_text()
        urls = found_in_log(log, NODE_URL, "url")
        pids = {number: int(pid) for number, pid in found_in_log(log, STARTED, "pid").items()}
        assert {request.query["app"] for request in asterisk.requests if request.path == "/events"} == {
            "ari_agent_1,ari_agent_1-messages",
            "ari_agent_2",
        }
        await logins_hold_at_both(controller, urls["1"], urls["2"])
        await a_web_call_and_its_links_are_known_at_both(controller, urls["1"], urls["2"])

        assert await controller.stop() == 0
        assert controller.log_text().count("serve: stopping") == 2
        assert not alive(*pids.values())


async def test_a_first_start_that_fails_ends_all_with_its_status(tmp_path: Path) -> None:
    nowhere = "postgresql+asyncpg://u:p@127.0.0.1:9/d"
    async with Controller(
        tmp_path,
        ari_url="http://127.0.0.1:9/ari",
        ari_username="ari_agent",
        ari_password=PASSWORD,
        PROCESSES="2",
        DATABASE_URL=nowhere,
    ) as controller:
        with pytest.raises(RuntimeError, match="the controller ended with 2"):
            await controller.start()
        log = controller.log_text()
        assert log.count("ari-agent: ARI_AGENT_DATABASE_URL: ") == 1
        assert "a controller could not start process_number=1 status=2" in log


@pytest.mark.parametrize(
    ("said", "leaves_time"), [(b"stop\n", True), (b"stop\nstop\n", True), (b"stop at once\n", False), (b"", True)]
)
async def test_the_parent_says_when_to_stop_and_so_does_its_death(
    said: bytes, leaves_time: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr("sys.stdin", os.fdopen(reading, "rb"))
    async with stop_signals() as signals, told_by_parent(signals):
        signals.started()
        if said:
            os.kill(os.getpid(), signal.SIGTERM)  # a service manager tells all of its processes
            os.write(writing, said)
        else:
            os.close(writing)
        async with asyncio.timeout(20):
            await signals.wait()
            done = asyncio.Event()

            async def work() -> None:
                await asyncio.sleep(0.1)
                done.set()

            await signals.unless_at_once(work())
        assert done.is_set() is leaves_time
    if said:
        os.close(writing)


async def test_the_parent_says_when_to_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr("sys.stdin", os.fdopen(reading, "rb"))
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    async with stop_signals() as signals, told_by_parent(signals):
        signals.started()
        os.write(writing, b"drain\n")
        async with asyncio.timeout(20):
            await signals.wait()
            await signals.unless_stopped(work())
    os.close(writing)
    assert done.is_set()


def alive(*pids: int) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def a_web_call_and_its_links_are_known_at_both(controller: Controller, first: str, second: str) -> None:
    """Registered at one, joined at the other, its log read at the first."""
    headers = {"Authorization": f"Bearer {controller.api_key}"}
    async with AgentServer() as agents, aiohttp.ClientSession(first, headers=headers) as http:
        body = {"response_engine": agents.agent(echo).engine, "voice_id": "none"}
        async with http.post("/create-agent", json=body) as made:
            agent_id = (await made.json())["agent_id"]
        async with http.post("/v2/create-web-call", json={"agent_id": agent_id}) as made:
            call_id = (await made.json())["call_id"]
        async with WebFrontEnd(f"ws{second[4:]}/audio-websocket/{call_id}"):
            await asyncio.sleep(0.2)
        call = await controller.ended_call(call_id)
        link = urlsplit(call["public_log_url"])
        async with http.get(f"{link.path}?{link.query}") as answer:
            assert answer.status == 200 and "call" in await answer.text()
        async with http.get(f"{link.path}?signature=x") as answer:
            assert answer.status == 403


async def logins_hold_at_both(controller: Controller, first: str, second: str) -> None:
    """A login at one of them, its form token, and what was changed there, are good at the other."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        link = login_link(controller.api_key, now_s=time.time())
        async with http.get(first + link) as page:
            assert page.status == 200, await page.text()
        async with http.get(second + link) as page:
            assert page.status == 403  # it was for one time
        async with http.get(f"{second}/console/calls", allow_redirects=False) as page:
            assert page.status == 200
            found = re.search(r'name="csrf_token" value="([^"]+)"', await page.text())
        assert found
        kept = "; ".join(f"{cookie.key}={cookie.value}" for cookie in jar)
        async with http.post(f"{first}/console/logout", data={"csrf_token": found[1]}, allow_redirects=False) as page:
            assert page.status == 303, await page.text()
    async with (
        aiohttp.ClientSession(headers={"Cookie": kept}) as http,
        http.get(f"{second}/console/calls", allow_redirects=False) as page,
    ):
        assert page.status == 303  # to the login: that one was ended, for a copy of its cookie as well
