"""`ari-agent check`: nothing is wrong with a good PBX, and each thing that a test breaks in one is named."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from ari_agent.check.finding import Status
from ari_agent.check.report import Entry
from ari_agent.config import Settings
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.phone_number import PhoneNumberImport, PhoneNumberUpdate
from ari_agent.demo.pbx import Pbx
from ari_agent.self_check import check
from ari_agent.store.store import Store
from tests.fakes.agent_server import echo
from tests.fakes.carrier import Reply, carrier
from tests.fakes.certificate import self_signed
from tests.fakes.controller import free_tcp_port
from tests.fakes.preloaded import run_and_read
from tests.integration.stage import Stage, audio_ports
from tests.integration.test_trunk_registration import ADDRESS as REGISTRAR
from tests.integration.test_trunk_registration import registered, state_becomes

UNREACHED: Final = "203.0.113.7"
"""An address of nobody (RFC 5737)."""


async def _take_connection(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@dataclass
class Office:
    """A PBX, and the servers of an office that has nothing broken; tests break it, and mend it again."""

    pbx: Pbx
    folder: Path
    store: Store
    agents: asyncio.Server
    agent_port: int
    trunk_port: int
    web_port: int = field(default_factory=free_tcp_port)
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Those of the office, with what a test has changed."""
        given: dict[str, Any] = {
            "ari_url": self.pbx.ari_url,
            "ari_username": self.pbx.ari_username,
            "ari_password": SecretStr(self.pbx.ari_password),
            "api_key": SecretStr("key_office"),
            "database_url": f"sqlite+aiosqlite:///{self.folder / 'calls.db'}",
            "bind": f"127.0.0.1:{free_tcp_port()}",
            "webhook_url": f"https://localhost:{self.web_port}/hook?token=hidden",
            "extensions_context": "from-softphone",
            "browser_phone_password": SecretStr(self.pbx.browser_phone_password),
        }
        return Settings(**{**given, **self.changed})

    def configuration(self, name: str) -> Path:
        """A file of Asterisk's configuration."""
        return self.pbx.work_path.parent / "etc" / name

    async def check(self) -> list[Entry]:
        """What is found now, and that nothing of it is left in Asterisk."""
        found = await check(self.settings)
        if self.pbx.running:
            assert "0 active channels" in await self.pbx.cli("core show channels count")
            assert "check" not in await self.pbx.cli("ari show apps")
        return found


class WebServer:
    """The office's webhooks. ahead_s: of its clock. redirect: where it sends everybody to, if anywhere."""

    def __init__(self, ahead_s: float, redirect: str) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self._ahead_s, self._redirect = ahead_s, redirect

    async def answer(self, request: web.Request) -> web.Response:
        """Take any request."""
        self.requests.append((request.method, request.path_qs, request.headers.get("Authorization", "")))
        headers = {"Date": formatdate(time.time() + self._ahead_s, usegmt=True)}
        if self._redirect:
            return web.Response(status=308, headers={**headers, "Location": self._redirect})
        return web.Response(status=405, headers=headers)  # it takes POST alone


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """An agent, a webhook and a trunk, all of them there."""
    folder = tmp_path_factory.mktemp("office")
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(Pbx(sip_port=0, tls_port=0, ari_port=0, rtp_ports=audio_ports(200)))
        agents, trunk = [await asyncio.start_server(_take_connection, "127.0.0.1", free_tcp_port()) for _ in "at"]
        stack.callback(trunk.close)
        ports = [server.sockets[0].getsockname()[1] for server in (agents, trunk)]
        store = Store(f"sqlite+aiosqlite:///{folder / 'calls.db'}")
        await store.open()
        stack.push_async_callback(store.close)
        engine = {"type": "audio-websocket", "audio_websocket_url": f"ws://127.0.0.1:{ports[0]}/agent?key=hidden"}
        agent = await store.agents.create(
            AgentCreate.model_validate({"agent_name": "Weather", "response_engine": engine, "voice_id": "none"})
        )
        number = PhoneNumberImport.model_validate(
            {
                "phone_number": "+14155550123",
                "termination_uri": f"127.0.0.1:{ports[1]}",
                "inbound_agents": [{"agent_id": agent.agent_id, "weight": 1}],
            }
        )
        await store.phone_numbers.create(number.number(now_ms=0))
        made = Office(pbx, folder, store, agents, agent_port=ports[0], trunk_port=ports[1])
        yield made
        made.agents.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def webhooks(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebServer]:
    """The server of webhooks, whose certificate this machine trusts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "both.pem"))
    async with served(self_signed(tmp_path, days=90), office.web_port) as server:
        yield server


@asynccontextmanager
async def served(certificate: Path, port: int, *, ahead_s: float = 0.0, redirect: str = "") -> AsyncIterator[WebServer]:
    """Webhooks behind this certificate, on a machine whose clock is ahead."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server = WebServer(ahead_s, redirect)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield server
    finally:
        await runner.cleanup()


def wrong(found: list[Entry]) -> Mapping[str, tuple[Status, str]]:
    """What is not ok, by the name of the check."""
    return {
        entry.name: (entry.finding.status, str(entry.finding))
        for entry in found
        if entry.finding.status in (Status.FAILED, Status.WARNING)
    }


async def test_nothing_is_wrong_with_a_good_pbx_and_webhooks_are_told_no_secret(
    office: Office, webhooks: WebServer
) -> None:
    found = await office.check()
    assert wrong(found) == {}
    skipped = [entry.name for entry in found if entry.finding.status is Status.SKIPPED]
    assert skipped == ["trunk state", "speech", "analysis", "model", "speaking model"]  # there is none of these
    assert webhooks.requests == [("HEAD", "/hook", "")]
    assert "hidden" not in repr(found)


# --- what is broken: each for as long as the context lasts


Broken = Callable[[Office], AbstractAsyncContextManager[None]]


def setting(**changed: Any) -> Broken:
    """Other settings of the controller."""

    @asynccontextmanager
    async def broken(office: Office) -> AsyncIterator[None]:
        office.changed = changed
        try:
            yield
        finally:
            office.changed = {}

    return broken


def file(name: str, old: str, new: str, *commands: str) -> Broken:
    """A file of Asterisk's configuration with another text in it, which these commands have it read."""

    @asynccontextmanager
    async def broken(office: Office) -> AsyncIterator[None]:
        path = office.configuration(name)
        text = path.read_text()
        changed = re.sub(old, new, text, flags=re.DOTALL)
        assert changed != text
        path.write_text(changed)
        await told(office, *commands)
        try:
            yield
        finally:
            path.write_text(text)
            await told(office, *commands)

    return broken


def dialplan(old: str, new: str) -> Broken:
    """Another text in extensions.conf."""
    return file("extensions.conf", old, new, "dialplan reload")


async def told(office: Office, *commands: str) -> None:
    for command in commands:
        if command == "restart":
            await office.pbx.restart()
        else:
            await office.pbx.cli(command)


def without(module: str) -> Broken:
    """Asterisk without a module."""

    @asynccontextmanager
    async def broken(office: Office) -> AsyncIterator[None]:
        await office.pbx.cli(f"module unload {module}")
        try:
            yield
        finally:
            await office.pbx.cli(f"module load {module}")

    return broken


def both(first: Broken, second: Broken) -> Broken:
    """Two things that are wrong together only."""

    @asynccontextmanager
    async def broken(office: Office) -> AsyncIterator[None]:
        async with first(office), second(office):
            yield

    return broken


@asynccontextmanager
async def another_controller(office: Office) -> AsyncIterator[None]:
    headers = {"Authorization": aiohttp.encode_basic_auth(office.pbx.ari_username, office.pbx.ari_password)}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{office.pbx.ari_url}/events", params={"app": "ari_agent"}),
    ):
        yield


@asynccontextmanager
async def no_ari_in_the_url(office: Office) -> AsyncIterator[None]:
    office.changed = {"ari_url": office.pbx.ari_url.removesuffix("/ari")}
    try:
        yield
    finally:
        office.changed = {}


@asynccontextmanager
async def dead(office: Office) -> AsyncIterator[None]:
    await office.pbx.kill()
    try:
        yield
    finally:
        await office.pbx.restart()


_LATER_KEYS: Final = ("fallback_number", "inbound_addresses", "termination_uris")


def number(**changes: Any) -> Broken:
    """Another trunk of the number."""

    @asynccontextmanager
    async def broken(office: Office) -> AsyncIterator[None]:
        before = {"termination_uri": f"127.0.0.1:{office.trunk_port}", "transport": "TCP", **dict.fromkeys(_LATER_KEYS)}
        await office.store.phone_numbers.update("+14155550123", PhoneNumberUpdate.model_validate(changes))
        try:
            yield
        finally:
            await office.store.phone_numbers.update("+14155550123", PhoneNumberUpdate.model_validate(before))

    return broken


def webhook(*, days: int | None = 90, **server: Any) -> Broken:
    """Another server of webhooks, whose certificate is valid for so many days; None: not any more."""

    @asynccontextmanager
    async def broken(office: Office) -> AsyncIterator[None]:
        certificate = await expired(office.pbx) if days is None else self_signed(Path.cwd(), days=days)
        port = free_tcp_port()
        async with served(certificate, port, **server):
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("SSL_CERT_FILE", str(certificate))
                office.changed = {"webhook_url": f"https://localhost:{port}/hook"}
                try:
                    yield
                finally:
                    office.changed = {}

    return broken


async def expired(pbx: Pbx) -> Path:
    """A certificate of the past, with its key, made by the openssl of Asterisk's root."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "past", "-out", "past"]
    dates = ["-not_before", "20200101000000Z", "-not_after", "20200201000000Z"]
    done = await pbx.run_tool(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *dates, *names])
    assert done.returncode == 0, done.output
    return pbx.work_path / "past"


@asynccontextmanager
async def agent_away(office: Office) -> AsyncIterator[None]:
    office.agents.close()
    await office.agents.wait_closed()
    try:
        yield
    finally:
        office.agents = await asyncio.start_server(_take_connection, "127.0.0.1", office.agent_port)


@asynccontextmanager
async def env_open_to_all(_: Office) -> AsyncIterator[None]:
    open_to_all(Path(".env"))
    yield


def open_to_all(path: Path) -> None:
    path.write_text("ARI_AGENT_API_KEY=key_of_somebody\n")
    path.chmod(0o644)


BREAKAGES: Final[Mapping[str, tuple[Broken, str, Status, str]]] = {
    "chan_rtp": (without("chan_rtp.so"), "modules", Status.FAILED, "chan_rtp.so (every call's audio)"),
    "no Stasis line": (
        dialplan(r"Stasis\(ari_agent(,agent_id=[^)]*)?\)", "NoOp()"),
        "dialplan",
        Status.FAILED,
        "no line Stasis(ari_agent) in extensions.conf where calls of SIP endpoints arrive",
    ),
    "dialplan unseen": (without("func_config.so"), "dialplan", Status.WARNING, "load func_config.so in Asterisk"),
    "contexts unseen": (without("func_dialplan.so"), "contexts", Status.WARNING, "load func_dialplan.so in Asterisk"),
    "another application": (setting(app="other"), "dialplan", Status.FAILED, "There is Stasis(ari_agent)"),
    "another application on the way back": (
        dialplan(r"Stasis\(ari_agent,refer", "Stasis(other,refer"),
        "contexts",
        Status.FAILED,
        "[ari-agent-referred] leads to Stasis(other), not to ari_agent",
    ),
    "no context for REFER": (
        dialplan(r"\[ari-agent-refer\]", "[elsewhere]"),
        "contexts",
        Status.WARNING,
        "the dialplan lacks [ari-agent-refer], so transfers by REFER do not work",
    ),
    "no such extensions": (
        setting(extensions_context="desks"),
        "extensions",
        Status.WARNING,
        "the dialplan in extensions.conf lacks [desks]",
    ),
    "sorcery": (
        file("sorcery.conf", r"aor = memory", "", "restart"),
        "trunk memory",
        Status.FAILED,
        "Asterisk takes no trunk (aor",
    ),
    "read only": (
        file("ari.conf", "read_only = no", "read_only = yes", "module reload res_ari.so"),
        "rights",
        Status.FAILED,
        "set `read_only = no`",
    ),
    "password": (setting(ari_password=SecretStr("wrong")), "ari", Status.FAILED, "ARI_AGENT_ARI_PASSWORD"),
    "no /ari": (no_ari_in_the_url, "ari", Status.FAILED, "does not end in /ari: set it to"),
    "another controller": (another_controller, "application", Status.FAILED, "give this one its own ARI_AGENT_APP"),
    "audio goes nowhere": (
        setting(rtp_host="0.0.0.0", rtp_announced_host=UNREACHED),
        "echo",
        Status.FAILED,
        f"to {UNREACHED}:",
    ),
    "not our address": (setting(rtp_host=UNREACHED), "address", Status.FAILED, f"cannot bind {UNREACHED}"),
    "few ports": (setting(rtp_ports="30000-30019"), "limits", Status.WARNING, "has room for 10 calls"),
    "no tones": (
        file("indications.conf", r"ring = .*?\n", "ring = 0/1000\n", "module reload indications"),
        "ringing",
        Status.WARNING,
        "Asterisk makes no ringing tone",
    ),
    "no music": (
        file("musiconhold.conf", r"directory = \S+", "directory = /nowhere", "moh reload"),
        "music on hold",
        Status.WARNING,
        "put 8 kHz mono WAV files",
    ),
    "no such trunk host": (
        number(termination_uri="trunk.invalid"),
        "trunk host",
        Status.FAILED,
        "the name trunk.invalid is not known to the DNS",
    ),
    "trunk's calls go elsewhere": (
        both(number(inbound_addresses=["192.0.2.0/28"]), setting(trunk_context="nowhere")),
        "dialplan",
        Status.FAILED,
        "calls by trunks come in at [nowhere], which does not lead to Stasis(ari_agent)",
    ),
    "second trunk host": (
        number(termination_uris=["trunk.invalid"]),
        "trunk host",
        Status.FAILED,
        "the name trunk.invalid is not known to the DNS",
    ),
    "silent trunk": (
        number(termination_uri="127.0.0.1:9", transport="UDP"),
        "trunk host",
        Status.FAILED,
        "nobody listens at 127.0.0.1 port 9: Connection refused",
    ),
    "telephone's password": (
        setting(browser_phone_password=SecretStr("wrong")),
        "browser phone",
        Status.WARNING,
        "REGISTER was answered 401: ARI_AGENT_BROWSER_PHONE_PASSWORD must be the password",
    ),
    "no telephone": (
        setting(browser_phone_account="desk"),
        "browser phone",
        Status.WARNING,
        "Asterisk has no endpoint desk for the console's telephone: copy the sections",
    ),
    "telephone without sound": (
        file("pjsip.conf", "webrtc = yes\n", "", "module reload res_pjsip.so"),
        "browser phone",
        Status.WARNING,
        "browsers have no sound with the endpoint browser-phone: it lacks webrtc = yes",
    ),
    "no SIP over websockets": (
        without("res_pjsip_transport_websocket.so"),
        "browser phone",
        Status.WARNING,
        "load res_pjsip_transport_websocket.so",
    ),
    "expired certificate": (webhook(days=None), "webhook", Status.FAILED, "is not accepted: certificate has expired"),
    "certificate soon expired": (webhook(days=9), "webhook", Status.WARNING, "is valid for 9 days more"),
    "clocks": (webhook(ahead_s=600), "webhook", Status.FAILED, " s ahead of this machine's"),
    "redirect": (webhook(redirect="https://elsewhere.example/"), "webhook", Status.WARNING, "redirects (HTTP 308)"),
    "agent away": (agent_away, "agent", Status.FAILED, "(agent Weather): no TCP connection to 127.0.0.1 port"),
    "fallback": (
        both(
            number(fallback_number="+14155550199"),
            file("extensions.conf", r"\[ari-agent-fallback\]", "[x]", "dialplan reload"),
        ),
        "contexts",
        Status.FAILED,
        "so fallback numbers do not work",
    ),
    "dead": (dead, "ari", Status.FAILED, "Is Asterisk running"),
    "env": (env_open_to_all, "secrets", Status.WARNING, "chmod o-rwx .env"),
}


CONSEQUENCES: Final = {"another application": ["contexts"], "dialplan unseen": ["extensions"]}
"""What the same fault breaks besides, and is told, too."""


@pytest.mark.parametrize("name", BREAKAGES)
async def test_what_is_broken_is_named_and_nothing_else_is(office: Office, name: str) -> None:
    breaking, check_name, status, words = BREAKAGES[name]
    async with breaking(office):
        found = wrong(await office.check())
    assert list(found) == [check_name, *CONSEQUENCES.get(name, ())], found
    assert found[check_name][0] is status
    assert words in found[check_name][1]


# --- as a script runs it


async def command(settings: Mapping[str, str], *prefix: str) -> tuple[int, list[dict[str, str]]]:
    """Run `ari-agent check --json` in a process of its own; returns its status, and the findings.

    prefix: a command that runs the process in another way.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARI_AGENT_")}
    variables = kept | {f"ARI_AGENT_{name}": value for name, value in settings.items()}
    arguments = ("ari_agent", "check", "--json")
    if not prefix:
        preloaded, printed = await run_and_read(*arguments, environment=variables)
        return await preloaded.wait(), json.loads(await printed.read())["findings"]
    process = await asyncio.create_subprocess_exec(
        *(*prefix, sys.executable, "-m", *arguments), env=variables, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(told)["findings"]


def named(found: list[dict[str, str]], name: str) -> dict[str, str]:
    """The one finding of a check."""
    (finding,) = (finding for finding in found if finding["name"] == name)
    return finding


def environment(office: Office) -> dict[str, str]:
    """The settings of the office as variables, with `localhost` for the webhooks."""
    settings = office.settings
    return {
        "ARI_URL": settings.ari_url,
        "ARI_USERNAME": settings.ari_username,
        "ARI_PASSWORD": office.pbx.ari_password,
        "API_KEY": "key_office",
        "DATABASE_URL": settings.database_url,
        "BIND": f"127.0.0.1:{free_tcp_port()}",
        "WEBHOOK_URL": str(settings.webhook_url),
    }


async def test_a_script_is_told_by_the_exit_status_whether_calls_work(office: Office) -> None:
    status, found = await command(environment(office))
    assert status == 0, found
    assert {finding["status"] for finding in found} == {"ok", "skipped"}
    database = office.folder / "calls.db"
    database.chmod(0o400)
    try:  # as a user who may not overrule what the file says, unlike root
        status, found = await command(environment(office), "setpriv", "--bounding-set=-dac_override,-dac_read_search")
    finally:
        database.chmod(0o600)
    assert status == 1
    assert named(found, "database")["status"] == "failed" and "readonly" in named(found, "database")["what"]
    assert named(found, "agent")["status"] == named(found, "trunk host")["status"] == "skipped"


async def test_a_controller_that_runs_and_its_calls_are_not_disturbed(stage: Stage) -> None:
    logged = len(stage.controller.log_text())  # of tests before this one
    async with stage.connected(echo) as call:
        _, found = await command(stage.controller.environment)
        await call.hears_itself()
    for name in ("database", "api", "ari", "modules", "application", "rights", "dialplan", "echo"):
        assert named(found, name)["status"] == "ok", named(found, name)
    assert "the controller that runs here is connected" in named(found, "application")["what"]
    assert "trunks are in Asterisk" in "".join(finding["what"] for finding in found if finding["name"] == "trunk state")
    log = stage.controller.log_text()[logged:]
    assert "another controller took over" not in log
    assert "swept" not in log


async def test_a_registration_that_the_carrier_refuses_is_named_beside_a_controller_that_runs(stage: Stage) -> None:
    async with carrier(REGISTRAR, REGISTER=[Reply(403)]) as far_end, registered(stage, far_end) as refused:
        await state_becomes(stage, refused, registration="rejected")
        _, found = await command(stage.controller.environment)
    (told,) = (finding for finding in found if finding["name"] == "trunk state" and refused in finding["what"])
    assert told["status"] == "failed" and "the registrar refuses the registration" in told["what"]
