"""Builds everything and owns its lifetime: the only file that knows all folders.

Start: database, records of calls that died with an earlier run, webhooks, API, then Asterisk, which may be away.
Stop: no new calls, live calls end, then the same in reverse.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from ari_agent import metric_samples
from ari_agent.api.auth import HAS_OWN_LOGIN
from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.other_nodes import OtherNodes
from ari_agent.api.server import build_api
from ari_agent.asterisk.events import AriEvent
from ari_agent.asterisk.trunks import Trunks
from ari_agent.background import run_beside
from ari_agent.calls.batch_scheduler import BatchScheduler
from ari_agent.calls.concurrency_slots import INBOUND_WAIT_S, SlotPool
from ari_agent.calls.dialogue.agent_settings import check_voice
from ari_agent.calls.failover import Failover
from ari_agent.calls.inbound_router import InboundRouter
from ari_agent.calls.originator import Originator
from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.shared_calls import SharedCalls
from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.calls.switchboard import Switchboard
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.calls.web.web_acceptor import WebAcceptor
from ari_agent.chats.chat_service import ChatService
from ari_agent.check.machine import audio_address_problem
from ari_agent.clock import now_ms
from ari_agent.config import Settings
from ari_agent.console import console
from ari_agent.console.dependencies import ConsoleDependencies
from ari_agent.console_sources.health_sources import health_sources
from ari_agent.console_sources.page_tools import check_runs, installation, number_tools
from ari_agent.console_sources.settings_rows import settings_rows
from ari_agent.contract.node import NodeDrain
from ari_agent.contract.recording import RecordingPlan
from ari_agent.errors import ConfigurationError
from ari_agent.gather import gather
from ari_agent.http_listener import listen
from ari_agent.ids import new_batch_id, new_call_id
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel, freeze_garbage_collector
from ari_agent.probes import probes
from ari_agent.services import (
    browser_phone,
    chat_service,
    slot_pool,
)
from ari_agent.shared_parts import SharedParts, shared_parts
from ari_agent.speech.voices import Voices
from ari_agent.webhooks.inbound import InboundWebhook


@asynccontextmanager
async def controller(
    settings: Settings,
    *,
    inbound_wait_s: float = INBOUND_WAIT_S,
    part_failed: Callable[[str], None] = lambda _: None,
    own_socket: socket.socket | None = None,
    on_drain: Callable[[], None] | None = None,
) -> AsyncIterator[Switchboard]:
    """Run everything for as long as the context lasts.

    own_socket: see `http_listener.listen`. part_failed: told the name of a part that ended by a defect, after the log;
    without it the rest is of little use. on_drain: called when the API is asked to drain; without it, that is refused.

    Raises:
        ConfigurationError: the database, an address or a provider of speech cannot be used as set.
    """
    if problem := audio_address_problem(settings.rtp_host, settings.rtp_announced_host):
        raise ConfigurationError(problem)
    async with AsyncExitStack() as stack:

        def beside(part: str, work: Coroutine[Any, Any, None]) -> None:
            run_beside(stack, part, work, part_failed)

        shared = await shared_parts(stack, settings, beside)
        calls = _calls(shared, inbound_wait_s=inbound_wait_s)
        metric_samples.measure_node(shared.node, calls.switchboard, calls.slots, shared.ari)
        if isinstance(calls.slots, SharedSlots):
            beside("concurrency slots", calls.slots.run())
        chats = _chats(shared)
        api = _api(shared, calls, chats, drain=partial(_drain, shared, on_drain) if on_drain else None)
        if settings.console == "on":
            console.put_under(api, _console(shared, calls))
        await listen(stack, api, settings, own_socket=own_socket)
        beside("registrar", calls.registrar.run())
        freeze_garbage_collector()  # everything is loaded, and no call runs yet

        async def connected() -> None:
            await gather(calls.switchboard.reconcile(), calls.trunks.refresh_all())

        failover = _failover(shared, calls)
        stack.push_async_callback(failover.close)
        await failover.wait_for_namesakes()
        shared_calls = SharedCalls(shared.ari.shared_channels, calls=calls.switchboard)
        stack.push_async_callback(shared_calls.close)

        def heard(event: AriEvent) -> None:
            calls.switchboard.on_event(event)
            shared_calls.on_event(event)
            chats.on_event(event)

        stack.push_async_callback(chats.close)
        beside("connection to Asterisk", shared.ari.run(heard, connected))
        beside("watch over calls", calls.switchboard.watch())
        beside("chats", chats.run())
        beside("batch calls", calls.batches.run())
        if shared.store.is_shared:
            beside("trunks that other controllers change", calls.trunks.watch())
        stack.push_async_callback(calls.switchboard.close)
        yield calls.switchboard


@dataclass(frozen=True, slots=True)
class _Calls:
    """The objects that lead calls, from the event of a new caller to the record."""

    slots: SlotPool
    wheel: Wheel
    trunks: TrunkSync
    registrar: Registrar
    switchboard: Switchboard
    originator: Originator
    batches: BatchScheduler


def _calls(shared: SharedParts, *, inbound_wait_s: float) -> _Calls:
    settings, store = shared.settings, shared.store
    slots = slot_pool(store, settings, inbound_wait_s=inbound_wait_s)
    wheel = Wheel()
    trunks = TrunkSync(store, Trunks(shared.ari, app=settings.app, context=settings.trunk_context))
    registrar = Registrar(
        store,
        new_call_id=new_call_id,
        now_ms=now_ms,
        account_webhook_url=settings.webhook_url,
        serves=shared.serves,
    )
    switchboard = _switchboard(shared, slots, wheel, registrar, trunks=trunks)
    originator = Originator(
        store=store,
        slots=slots,
        dialler=switchboard,
        trunks=trunks,
        dial_guard=shared.dial_guard,
        dice=random.SystemRandom().random,
        new_call_id=new_call_id,
        now_ms=now_ms,
        account_webhook_url=settings.webhook_url,
        serves=shared.serves,
    )
    batches = BatchScheduler(
        store=store,
        originator=originator,
        slots=slots,
        calls_per_second=settings.calls_per_second,
        new_batch_id=new_batch_id,
        now_ms=now_ms,
    )
    return _Calls(slots, wheel, trunks, registrar, switchboard, originator, batches)


def _switchboard(
    shared: SharedParts, slots: SlotPool, wheel: Wheel, registrar: Registrar, *, trunks: TrunkSync
) -> Switchboard:
    settings = shared.settings
    dependencies = SessionDependencies(
        ari=shared.ari,
        app=settings.own_app,
        trunk_app=settings.app,
        records=shared.records,
        slots=slots,
        rtp=RtpPorts(settings.rtp_host, *settings.rtp_ports, announced_host=settings.rtp_announced_host),
        wheel=wheel,
        account_webhook_url=settings.webhook_url,
        now_ms=now_ms,
        dial_guard=shared.dial_guard,
        speech=shared.speech,
        find_agent=shared.store.agents.get,
        find_number=shared.store.phone_numbers.get,
        show_withheld_numbers=settings.show_withheld_numbers,
        extensions_context=settings.extensions_context,
        trunks=trunks,
        caller_transfers=settings.caller_transfers,
        no_audio_after_s=settings.no_audio_after_s,
        agent_redial_s=settings.agent_redial_s,
        trace=shared.trace,
        trace_numbers=settings.trace_numbers,
        prices=settings.prices,
        public_logs=shared.public_logs,
        artefacts=shared.artefacts,
        recording=RecordingPlan(settings.recording, settings.recording_beep_s),
        consents=shared.consents,
        voice_ends=shared.voice_ends,
        realtime=shared.realtime,
    )
    router = InboundRouter(
        ari=shared.ari,
        store=shared.store,
        inbound_webhook=shared.inbound_webhook,
        registrar=registrar,
        dice=random.SystemRandom().random,
        now_ms=now_ms,
        serves=shared.serves,
        show_withheld_numbers=shared.settings.show_withheld_numbers,
        trunk_app=shared.settings.app,
    )
    return Switchboard(dependencies, router, new_call_id=new_call_id)


def _chats(shared: SharedParts) -> ChatService:
    return chat_service(
        shared.settings,
        shared.store,
        shared.http,
        shared.ari,
        shared.inbound_webhook,
        prompts=shared.prompts,
        dial_rules=shared.dial_guard.rules,
        analyses=shared.analyses.by_model,
        find_more=shared.find_more,
    )


def _api(
    shared: SharedParts, calls: _Calls, chats: ChatService, *, drain: Callable[[], NodeDrain] | None
) -> web.Application:
    return build_api(
        ApiDependencies(
            store=shared.store,
            switchboard=calls.switchboard,
            api_key=shared.settings.api_key.get_secret_value(),
            slots=calls.slots,
            nodes=shared.node.nodes,
            other_nodes=_other_nodes(shared) if shared.store.is_shared else None,
            drain=drain,
            probes=probes(shared.ari, shared.database, calls.switchboard),
            metrics=metric_samples.sources(
                switchboard=calls.switchboard,
                slots=calls.slots,
                wheel=calls.wheel,
                ari=shared.ari,
                delivery=shared.delivery,
                analyses=shared.analyses.runner,
                spool=shared.artefacts.spool,
                rules=shared.dial_guard.rules,
                node=shared.node,
            ),
            now_ms=now_ms,
            artefacts=shared.artefacts,
            find_more=shared.find_more,
            outbound=calls.originator,
            batches=calls.batches,
            registrar=calls.registrar,
            audio_websockets=WebAcceptor(calls.registrar, calls.switchboard),
            chats=chats,
            trunks=calls.trunks,
            number_changed=calls.trunks.refresh,
            has_prompts=shared.prompts is not None,
            has_realtime=shared.realtime is not None,
            check_voice=partial(check_voice, shared.speech.voices if shared.speech else Voices()),
            consent_refusal=shared.consents.refusal,
            rerun_call_analysis=shared.analyses.rerun_call,
            rerun_chat_analysis=shared.analyses.rerun_chat,
        )
    )


def _drain(shared: SharedParts, on_drain: Callable[[], None]) -> NodeDrain:
    on_drain()
    apps = shared.settings.apps_behind_port
    calls = sum(node.calls for node in shared.node.nodes() if node.app in apps and node.state != "lost")
    return NodeDrain(calls=calls, process_id=os.getppid() if shared.settings.shares_port else os.getpid())


def _failover(shared: SharedParts, calls: _Calls) -> Failover:
    def wake() -> None:
        shared.store.outbox.announce()
        calls.batches.wake()
        shared.analyses.runner.wake()

    failover = Failover(
        shared.store.held_calls,
        shared.records,
        calls.switchboard,
        shared.ari,
        nodes=shared.node.nodes,
        wake=wake,
        now_ms=now_ms,
    )
    shared.node.on_dead(failover.take_over)
    shared.node.on_fenced(failover.give_up)
    shared.node.takes_over(True)
    return failover


def _other_nodes(shared: SharedParts) -> OtherNodes:
    api_key = shared.settings.api_key.get_secret_value()
    return OtherNodes(shared.store.calls, shared.http, api_key, nodes=shared.node.nodes, now_ms=now_ms)


def _console(shared: SharedParts, calls: _Calls) -> web.Application:
    settings = shared.settings
    app = console.build_console(
        ConsoleDependencies(
            store=shared.store,
            calls=calls.switchboard,
            api_key=settings.api_key.get_secret_value(),
            read_only_key=settings.console_read_only_key.get_secret_value(),
            logins_folder=settings.spool_folder.parent / "logins" if settings.shares_port else None,
            is_https=settings.link_base_url.startswith("https:"),
            health=health_sources(
                shared.ari,
                shared.database,
                shared.artefacts,
                calls.switchboard,
                trunks=calls.trunks,
                node=shared.node,
            ),
            slots=calls.slots,
            artefacts=shared.artefacts,
            numbers=number_tools(
                settings,
                shared.store,
                # Without a trace: what is tried out is in no call's.
                inbound_webhook=InboundWebhook(shared.http, settings.api_key.get_secret_value(), now_ms=now_ms),
                guard=shared.dial_guard,
                originator=calls.originator,
                trunks=calls.trunks,
                serves=shared.serves,
                has_prompts=shared.prompts is not None,
            ),
            checks=check_runs(settings, shared.ari, shared.speech),
            web_calls=calls.registrar,
            installation=installation(settings, shared.speech, shared.serves),
            redaction=Redaction(settings.secrets),
            settings=settings_rows(settings),
            phone=browser_phone(settings, shared.http),
        )
    )
    app[HAS_OWN_LOGIN] = True
    return app
