"""The system that the demo's call goes through: an Asterisk and a controller, started for it or already running."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ari_agent.config import PREFIX
from ari_agent.demo.console_pages import ConsolePages
from ari_agent.demo.controller import ControllerApi, ControllerProcess, ControllerUnavailable
from ari_agent.demo.installer import INSTALL
from ari_agent.demo.local_speech import NoLocalSpeech, local_speech, no_prompts
from ari_agent.demo.pbx import Pbx
from ari_agent.demo.pbx_errors import PbxError
from ari_agent.demo.ports import free_port
from ari_agent.demo.report import Report
from ari_agent.demo.settings import DemoSettings

LOOK_AGAIN_S: Final = 2.0
_NOT_OURS: Final = "the controller was not started by this demo, so its speech is not known"


@dataclass(frozen=True, slots=True)
class System:
    """Where to dial, and whom to ask.

    mute: why the controller cannot talk for a text agent; "" where it can. promptless: likewise, for an agent with a
    prompt.
    console: its web pages; None where they are off.
    logs: the files that tell why something went wrong, by the name of the part that writes them.
    broken: returns when a part has ended by itself, saying which.
    """

    api: ControllerApi
    sip_host: str
    sip_port: int
    sip_tls_port: int
    account: str
    password: str
    mute: str
    promptless: str
    console: ConsolePages | None
    logs: Mapping[str, Path]
    broken: Callable[[], Awaitable[str]]


@asynccontextmanager
async def system(
    settings: DemoSettings, report: Report, *, model: Mapping[str, str] | None = None
) -> AsyncIterator[System]:
    """Give the running system if there is one (ARI_AGENT_DEMO_RUNNING), else one that lives as long as the context.

    model: the settings of the language model, without their prefix, for a controller that is started.

    Raises:
        PbxError: Asterisk cannot be made or started; PortBusy names the variable of a port that is taken.
        ControllerUnavailable: the controller did not start.
    """
    made = running_system(settings, report) if settings.running else own_system(settings, report, model or {})
    async with made as given:
        yield given


@asynccontextmanager
async def running_system(settings: DemoSettings, report: Report) -> AsyncIterator[System]:
    """Give the system that runs already and that these settings describe."""
    address = f"{settings.api_client_host}:{settings.api_port}"
    async with ControllerApi(address, settings.api_key) as api:
        await api.ready()
        report.say(f"controller: http://{address}, SIP on {settings.sip_host}:{settings.sip_port}, running already")
        yield System(
            api=api,
            sip_host=settings.sip_host,
            sip_port=settings.sip_port,
            sip_tls_port=settings.sip_tls_port,
            account=settings.softphone_account,
            password=settings.softphone_password,
            mute=_NOT_OURS,
            promptless=_NOT_OURS,
            console=_pages(settings, api, settings.public_url, settings.console_read_only_key),
            logs={},
            broken=lambda: _unanswered(api),
        )


def _pages(settings: DemoSettings, api: ControllerApi, url: str = "", read_only_key: str = "") -> ConsolePages | None:
    return ConsolePages(url or f"http://{api.address}", api.api_key, read_only_key) if settings.console else None


async def _unanswered(api: ControllerApi) -> str:
    try:
        while True:
            await api.ask("GET", "/healthz")
            await asyncio.sleep(LOOK_AGAIN_S)
    except ControllerUnavailable:
        return "the controller"


@asynccontextmanager
async def own_system(settings: DemoSettings, report: Report, model: Mapping[str, str]) -> AsyncIterator[System]:
    """Start an Asterisk in a private root, and a controller with an empty database; both end with the context.

    model: as `system` says.
    """
    if not INSTALL.exists():
        raise PbxError(
            f"{INSTALL} is missing: run the demo in a clone of the repository, or set {PREFIX}DEMO_RUNNING=yes"
        )
    api_port = free_port(settings.api_host, settings.api_port, "BIND")
    api_key = f"key_{secrets.token_hex(16)}"
    async with AsyncExitStack() as stack:
        pbx = Pbx(
            bind=settings.sip_bind,
            sip_port=settings.sip_port,
            tls_port=settings.sip_tls_port,
            ari_port=settings.ari_port,
            rtp_ports=settings.rtp_ports,
            callers=(),
        )
        await stack.enter_async_context(pbx)
        report.say(f"Asterisk: SIP on {settings.sip_bind}:{pbx.sip_port}, ARI on {pbx.ari_url}")
        folder = pbx.work_path / "controller"  # removed with the PBX, by the next one's start if need be
        folder.mkdir(mode=0o700)
        spoken, mute = await _speech()
        if spoken:
            report.say(f"speech: {spoken['SPEECH_TO_TEXT']} listens, {spoken['TEXT_TO_SPEECH']} speaks")
        promptless = mute or no_prompts(spoken)
        product_settings = {
            **spoken,
            **({} if promptless else model),
            "ARI_URL": pbx.ari_url,
            "ARI_USERNAME": pbx.ari_username,
            "ARI_PASSWORD": pbx.ari_password,
            "APP": pbx.app,
            "BIND": f"{settings.api_host}:{api_port}",
            "API_KEY": api_key,
            "CONSOLE": "on" if settings.console else "off",
            "DATABASE_URL": "sqlite+aiosqlite:///demo.db",
            "RTP_HOST": "127.0.0.1",
            "BROWSER_PHONE_ACCOUNT": pbx.browser_phone_account,
            "BROWSER_PHONE_PASSWORD": pbx.browser_phone_password,
        }
        controller = await stack.enter_async_context(ControllerProcess(product_settings, folder=folder))
        api = await stack.enter_async_context(ControllerApi(f"{settings.api_client_host}:{api_port}", api_key))
        await controller.ready(api)
        report.say(f"controller: http://{api.address}")
        yield System(
            api=api,
            sip_host=settings.sip_host,
            sip_port=pbx.sip_port,
            sip_tls_port=pbx.tls_port,
            account=pbx.softphone_account,
            password=pbx.softphone_password,
            mute=mute,
            promptless=promptless,
            console=_pages(settings, api),
            logs={"the controller": controller.log_path, "Asterisk": pbx.log_path},
            broken=lambda: _broken(pbx, controller),
        )


async def _speech() -> tuple[Mapping[str, str], str]:
    """Return the settings of speech on this machine; none, and why, where there is none."""
    try:
        return await local_speech(), ""
    except NoLocalSpeech as error:
        return {}, str(error)


async def _broken(pbx: Pbx, controller: ControllerProcess) -> str:
    ended = asyncio.create_task(controller.ended())
    try:
        while pbx.running and not ended.done():
            await asyncio.wait((ended,), timeout=1)
    finally:
        ended.cancel()
    return "the controller" if pbx.running else "Asterisk"
