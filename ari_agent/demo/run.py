"""`ari-agent demo`: a PBX, the controller, an agent and a webhook receiver, a call through all of them, then yours.

run_demo            signals, exit status, the last line of --once
└── _demonstrate    starts everything, in an order that ends it backwards whatever happens
    ├── system.py   Asterisk and the controller
    ├── bound_number.py   agents and numbers over the HTTP API, as anybody would; removed at the end
    ├── scripted_call.py, text_call.py, warm_call.py, prompt_call.py
    └── _invitation what a softphone needs to know
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from ari_agent.config import PREFIX
from ari_agent.demo import prompt_call
from ari_agent.demo.agent import serve_agent
from ari_agent.demo.agent_log import AgentLog
from ari_agent.demo.agent_wire import AgentEvent, CallStarted, KeyPressed, TransferEnded, TransferStep
from ari_agent.demo.artefact_links import tell_links
from ari_agent.demo.bound_number import NO_TRUNK, bound_number
from ari_agent.demo.caller import Softphone
from ari_agent.demo.controller import ControllerApi, ControllerUnavailable, log_tail
from ari_agent.demo.local_speech import VOICE_ID
from ari_agent.demo.ports import free_port
from ari_agent.demo.prompt_agent import demo_model, prompt_agent
from ari_agent.demo.receiver import Received, Receiver
from ari_agent.demo.report import Report, overload
from ari_agent.demo.scripted_call import OPERATOR_RATE_HZ, Participants, scripted_call
from ari_agent.demo.second_phone import SecondPhone
from ari_agent.demo.settings import DemoSettings, address_towards
from ari_agent.demo.sounds import Samples, keep
from ari_agent.demo.system import System, system
from ari_agent.demo.text_agent import serve_text_agent
from ari_agent.demo.text_agent_log import TextAgentLog
from ari_agent.demo.text_call import STEP, text_call
from ari_agent.demo.warm_call import EVENTS, STEPS, warm_call
from ari_agent.errors import AriAgentError

# Numbers that no subscriber has: 555-0100 to 555-0199 are kept for examples.
NUMBER: Final = "+12025550100"
OPERATOR_NUMBER: Final = "+12025550101"
TEXT_NUMBER: Final = "+12025550102"
SECOND_PHONE_NUMBER: Final = "+12025550103"
PROMPT_NUMBER: Final = "+12025550104"
PROMPT_HINT: Final = "ask when it is open, or for a person, or say goodbye"
# Long enough to hear a ring before the agent answers.
WEBHOOK_THINKS_S: Final = 0.5
LOOK_AT_NOW: Final = "the calls that follow come and go under Now"
LOOK_AT_CALLS: Final = "under Calls, each with its recording, transcript and log; yours is under Now while you talk"
DONE, FAILED = 0, 1
# Columns where the output is no terminal.
LOG_WIDTH: Final = 140
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_demo(*, once: bool, as_json: bool) -> int:
    """Run the demo; return the exit status. With `once`, it is 0 only if every step of the scripted calls was seen.

    as_json: print what was seen as one JSON object, on the last line; `once` prints it too.

    Raises:
        ConfigurationError: a setting is wrong, before anything was started.
    """
    settings = DemoSettings.from_environment(os.environ)
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    report = Report(console)
    call: dict[str, Any] = {}
    prompted: dict[str, Any] = {}
    loop = asyncio.get_running_loop()
    demonstration = asyncio.create_task(_demonstrate(settings, console, report, call, prompted, once=once), name="demo")
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():  # a second Ctrl-C must not interrupt the cleaning up
            stopping.set()
            demonstration.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    status = FAILED
    try:
        await demonstration
        status = DONE if report.ok else FAILED
    except asyncio.CancelledError:
        status = DONE if report.ok and not once else FAILED
    except AriAgentError as error:
        console.print(f"ari-agent demo: {error}", markup=False, highlight=False, soft_wrap=True)
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
    if once or as_json:
        print(json.dumps(report.as_json(call, prompted), ensure_ascii=False), flush=True)
    return status


async def _demonstrate(
    settings: DemoSettings,
    console: Console,
    report: Report,
    call: dict[str, Any],
    prompted: dict[str, Any],
    *,
    once: bool,
) -> None:
    agent_port = free_port("127.0.0.1", settings.agent_port, "DEMO_AGENT_PORT")
    webhook_port = free_port("127.0.0.1", settings.webhook_port, "DEMO_WEBHOOK_PORT")
    async with AsyncExitStack() as stack:
        console.rule("Starting")
        model = await stack.enter_async_context(demo_model(settings, report))
        pbx = await stack.enter_async_context(system(settings, report, model=model.settings))
        _tell_pages(report, pbx, LOOK_AT_NOW)
        prompts = TextAgentLog(lambda _, line: report.say(line))
        receiver = Receiver(pbx.api.api_key, partial(_tell_webhook, report, prompts), think_s=WEBHOOK_THINKS_S)
        await receiver.start("127.0.0.1", webhook_port)
        stack.push_async_callback(receiver.close)
        report.say(f"webhook receiver: http://127.0.0.1:{webhook_port}")
        agent_log = AgentLog(lambda call_id, event: _tell_agent(report, call_id, event))
        second_phone = None if settings.running else await stack.enter_async_context(_second_phone(pbx))
        agent = serve_agent(
            "127.0.0.1",
            agent_port,
            transfer_to=f"sip:{OPERATOR_NUMBER}@{pbx.sip_host}:{pbx.sip_port}",
            warm_transfer_to=SECOND_PHONE_NUMBER if second_phone else None,
            on_event=agent_log.note,
        )
        await stack.enter_async_context(agent)
        report.say(f"demo agent: ws://127.0.0.1:{agent_port}")
        webhooks = f"http://127.0.0.1:{webhook_port}"
        trunk = {"termination_uri": second_phone.address, "transport": "UDP"} if second_phone else NO_TRUNK
        await stack.enter_async_context(_audio_agents(pbx.api, agent_port, webhooks=webhooks, trunk=trunk))
        phone = Softphone(account=pbx.account, password=pbx.password, server=(pbx.sip_host, pbx.sip_port))
        await phone.open()
        stack.push_async_callback(phone.close)

        console.rule("The scripted calls")
        participants = Participants(phone, receiver, agent_log, pbx.api, report, NUMBER, OPERATOR_NUMBER)
        if not settings.running:  # beside a running system the demo is in a container, whose files go away with it
            participants = replace(participants, keep=lambda heard: _keep(report, heard))
        call.update(await scripted_call(participants))
        if pbx.mute:
            report.leave_out(STEP, pbx.mute)
        else:
            talk = await stack.enter_async_context(_text_agent(pbx.api, report, webhooks=webhooks))
            await text_call(phone, talk, pbx.api, report, TEXT_NUMBER)
        await _warm_call(participants, second_phone)
        if pbx.promptless:
            report.leave_out(prompt_call.STEP, pbx.promptless)
        else:
            about = prompt_agent(pbx.api, model, number=PROMPT_NUMBER, transfer_to=OPERATOR_NUMBER, webhooks=webhooks)
            await stack.enter_async_context(about)
            prompted.update(await prompt_call.prompt_call(participants, prompts, PROMPT_NUMBER, model))
        _conclude(console, report, pbx)
        if not once:
            _invite(console, report, pbx, has_second_phone=second_phone is not None)
            await _until_broken(pbx)


def _tell_pages(report: Report, pbx: System, look_at: str) -> None:
    """Say where the console is, and what to look at there."""
    if pbx.console:
        report.pages = pbx.console.address
        report.say(pbx.console.invitation(look_at))


def _invite(console: Console, report: Report, pbx: System, *, has_second_phone: bool) -> None:
    """Print what there is to look at, and what a softphone needs to know."""
    _tell_pages(report, pbx, LOOK_AT_CALLS)
    console.print(_invitation(pbx, has_second_phone=has_second_phone))


def _conclude(console: Console, report: Report, pbx: System) -> None:
    """Print how many steps were seen, and what may tell why one was not."""
    console.print(report.summary(), markup=False, highlight=False)
    if report.ok:
        return
    for who, log in pbx.logs.items():
        console.print(f"The log of {who} ends:\n{log_tail(log)}", markup=False, highlight=False)
    if remedy := overload(os.getloadavg()[0], len(os.sched_getaffinity(0))):
        console.print(remedy, markup=False, highlight=False)


async def _until_broken(pbx: System) -> None:
    """Raises: ControllerUnavailable, once a part of the system has ended by itself."""
    who = await pbx.broken()
    its_log = f"; its log ends:\n{log_tail(pbx.logs[who])}" if who in pbx.logs else ""
    raise ControllerUnavailable(f"{who} has ended{its_log}")


async def _warm_call(participants: Participants, second_phone: SecondPhone | None) -> None:
    if second_phone:
        await warm_call(participants, second_phone, SECOND_PHONE_NUMBER)
        return
    for step in STEPS:
        participants.report.leave_out(step, "the second phone is only called by an Asterisk that the demo has started")


@asynccontextmanager
async def _second_phone(pbx: System) -> AsyncIterator[SecondPhone]:
    """Have the second phone for as long as the context is open."""
    phone = SecondPhone(server=(pbx.sip_host, pbx.sip_port))
    await phone.open()
    try:
        yield phone
    finally:
        await phone.close()


@asynccontextmanager
async def _text_agent(api: ControllerApi, report: Report, *, webhooks: str) -> AsyncIterator[TextAgentLog]:
    """Have the text agent, and its number, for as long as the context is open; what is said in its calls is printed."""
    talk = TextAgentLog(lambda _, line: report.say(line))
    async with serve_text_agent("127.0.0.1", 0, transfer_to=OPERATOR_NUMBER, on_message=talk.note) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        engine = {"type": "custom-llm", "llm_websocket_url": f"ws://127.0.0.1:{port}/llm"}
        settings = {"response_engine": engine, "voice_id": VOICE_ID}
        async with bound_number(api, TEXT_NUMBER, settings, webhooks=webhooks):
            yield talk


@asynccontextmanager
async def _audio_agents(
    api: ControllerApi, port: int, *, webhooks: str, trunk: Mapping[str, str]
) -> AsyncIterator[None]:
    """Have the agent that the first number reaches, and the operator, for as long as the context is open."""
    url = f"ws://127.0.0.1:{port}/twilio"
    twilio = {"response_engine": _audio_engine(url, "twilio"), "webhook_events": EVENTS}
    url = f"ws://127.0.0.1:{port}/web?sample_rate={OPERATOR_RATE_HZ}&role=operator"
    operator = {"response_engine": _audio_engine(url, "web")}
    async with (
        bound_number(api, NUMBER, twilio, webhooks=webhooks, trunk=trunk),
        bound_number(api, OPERATOR_NUMBER, operator, webhooks=webhooks),
    ):
        yield


def _audio_engine(url: str, protocol: str) -> Mapping[str, str]:
    return {"type": "audio-websocket", "audio_websocket_url": url, "audio_websocket_protocol": protocol}


def _tell_webhook(report: Report, prompts: TextAgentLog, received: Received) -> None:
    """Print a webhook; those with a transcript are told as what was said."""
    call = received.call
    call_id = str(call.get("call_id", ""))
    if received.event == "transcript_updated":
        prompts.note(call_id, {"transcript": call.get("transcript_object") or []})
        return
    if received.event == "call_ended":
        prompts.finish(call_id)
    reason = call.get("disconnection_reason")
    report.say(f"webhook: {received.event} {call_id}{f' {reason}' if reason else ''}")
    if received.event == "call_ended":
        tell_links(report, call)


def _tell_agent(report: Report, call_id: str, event: AgentEvent) -> None:
    match event:
        case CallStarted():
            report.say(f"agent: {call_id} begins")
        case KeyPressed(digit):
            report.say(f"agent: {call_id} pressed {digit}")
        case TransferStep(status):
            report.say(f"agent: {call_id} transfer {status}")
        case TransferEnded(status, sip_status):
            report.say(f"agent: {call_id} transfer {status} {sip_status or ''}".rstrip())


def _keep(report: Report, heard: Samples) -> None:
    """Keep what the caller has heard, and say where; a disk that is full spoils no call."""
    try:
        path = keep(heard, None, prefix="ari-agent-demo-")
    except OSError as error:
        report.say(f"what the caller heard is not kept: {error.strerror}")
    else:
        report.say(f"what the caller heard: {path}")


def _invitation(pbx: System, *, has_second_phone: bool) -> Panel:
    table = Table.grid(padding=(0, 2))
    text_agent = () if pbx.mute else (("or dial", f"{TEXT_NUMBER}: a text agent; say help, yes, no, goodbye"),)
    prompt = () if pbx.promptless else (("or dial", f"{PROMPT_NUMBER}: an agent with a prompt; {PROMPT_HINT}"),)
    second_phone = (("or press", "8: the agent tells a second phone about you, then connects you to it"),)
    for name, value in (
        ("server", pbx.sip_host),
        ("port", f"{pbx.sip_port} (UDP or TCP), {pbx.sip_tls_port} (TLS)"),
        ("account", pbx.account),
        ("password", pbx.password),
        ("dial", f"{NUMBER}, or {NUMBER.removeprefix('+')}"),
        ("then press", "1 rising tone, 2 a tone cut short, 9 transfer to the operator, 0 hang up"),
        *(second_phone if has_second_phone else ()),
        *text_agent,
        *prompt,
        ("recorded", "your calls, too; the links are printed when they end"),
        ("API", f"curl -H 'Authorization: Bearer {pbx.api.api_key}' http://{pbx.api.address}/list-agents"),
        ("end", "Ctrl-C"),
    ):
        table.add_row(f"[bold]{name}[/bold]", escape(value))
    if pbx.sip_host.startswith("127.") and not (address := address_towards("192.0.2.1")).startswith("127."):
        hint = f"a phone in your network needs: {PREFIX}SIP_BIND={address} make demo"
        table.add_row("[bold]other device[/bold]", hint)
    return Panel(table, title="Call it with a softphone", title_align="left")
