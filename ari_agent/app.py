"""Builds everything and owns its lifetime: the only file that knows all folders.

Start: database, records of calls that died with an earlier run, webhooks, API, then Asterisk, which may be away.
Stop: no new calls, live calls end, then the same in reverse.
"""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
from aiohttp import web

from ari_agent import metric_samples
from ari_agent.api.auth import HAS_OWN_LOGIN
from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.other_nodes import OtherNodes
from ari_agent.api.server import build_api
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import AriEvent
from ari_agent.asterisk.trunks import Trunks
from ari_agent.background import run_beside
from ari_agent.calls.batch_scheduler import BatchScheduler
from ari_agent.calls.call_retention import CallRetention
from ari_agent.calls.concurrency_slots import INBOUND_WAIT_S, SlotPool
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.dialogue.agent_settings import check_voice
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.failover import Failover
from ari_agent.calls.inbound_router import InboundRouter
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.calls.originator import Originator
from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.calls.public_log.public_logs import PublicLogs
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.recording_consent import ConsentSentences
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.session_dependencies import SessionDependencies, served_kinds
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
from ari_agent.contract.recording import RecordingPlan
from ari_agent.contract.trace import Trace
from ari_agent.conversation_analyses import ConversationAnalyses, analysis_settings
from ari_agent.errors import ConfigurationError
from ari_agent.gather import gather
from ari_agent.http_client import http_client
from ari_agent.http_listener import listen
from ari_agent.ids import new_batch_id, new_call_id
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel, freeze_garbage_collector
from ari_agent.nodes.sole_node import AnyNode
from ari_agent.otlp import started_traces
from ari_agent.pii.personal_data import FindMore
from ari_agent.pii.presidio import LazyPresidio
from ari_agent.probes import probes
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.routing.agent_choice import Serves
from ari_agent.routing.dial_policy import DialRules
from ari_agent.services import (
    ari_of,
    browser_phone,
    chat_service,
    joined_node,
    opened_artefacts,
    opened_prompts,
    opened_store,
    opened_voice_ends,
    realtime_agents,
    slot_pool,
    started_speech,
    webhook_delivery,
)
from ari_agent.speech.voices import Voices
from ari_agent.store.database_watch import DatabaseWatch
from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import Delivery
from ari_agent.webhooks.inbound import InboundWebhook
from ari_agent.webhooks.retention import Retention


@asynccontextmanager
async def controller(
    settings: Settings,
    *,
    inbound_wait_s: float = INBOUND_WAIT_S,
    part_failed: Callable[[str], None] = lambda _: None,
    own_socket: socket.socket | None = None,
) -> AsyncIterator[Switchboard]:
    """Run everything for as long as the context lasts.

    own_socket: see `http_listener.listen`. part_failed: told the name of a part that ended by a defect, after the log;
    without it the rest is of little use.

    Raises:
        ConfigurationError: the database, an address or a provider of speech cannot be used as set.
    """
    if problem := audio_address_problem(settings.rtp_host, settings.rtp_announced_host):
        raise ConfigurationError(problem)
    async with AsyncExitStack() as stack:

        def beside(part: str, work: Coroutine[Any, Any, None]) -> None:
            run_beside(stack, part, work, part_failed)

        shared = await _shared(stack, settings, beside)
        calls = _calls(shared, inbound_wait_s=inbound_wait_s)
        metric_samples.measure_node(shared.node, calls.switchboard, calls.slots, shared.ari)
        if isinstance(calls.slots, SharedSlots):
            beside("concurrency slots", calls.slots.run())
        chats = _chats(shared)
        api = _api(shared, calls, chats)
        if settings.console == "on":
            console.put_under(api, _console(shared, calls))
        await listen(stack, api, settings, own_socket=own_socket)
        beside("registrar", calls.registrar.run())
        freeze_garbage_collector()  # everything is loaded, and no call runs yet

        async def connected() -> None:
            await gather(calls.switchboard.reconcile(), calls.trunks.refresh_all())

        failover = _failover(shared, calls)
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
        stack.push_async_callback(calls.switchboard.close)
        yield calls.switchboard


@dataclass(frozen=True, slots=True)
class _Shared:
    """What calls, chats and API are built upon.

    speech: ears and voice of text agents, where they are set. prompts: what agents with a prompt share, where a model
    is set. voice_ends: see SessionDependencies.
    """

    settings: Settings
    store: Store
    node: AnyNode
    artefacts: Artefacts
    public_logs: PublicLogs
    database: DatabaseWatch
    http: aiohttp.ClientSession
    ari: Ari
    speech: Speech | None
    prompts: PromptAgents | None
    realtime: RealtimeAgents | None
    consents: ConsentSentences
    voice_ends: VoiceEnds | None
    dial_guard: DialGuard
    trace: Trace | None
    analyses: ConversationAnalyses
    find_more: FindMore | None
    delivery: Delivery
    records: RecordWriter

    @property
    def serves(self) -> Serves:
        """Return which kinds of agents can take calls."""
        return served_kinds(self.speech, self.realtime)

    @property
    def inbound_webhook(self) -> InboundWebhook:
        """Build the object that asks the inbound webhooks of numbers who takes a call or a chat."""
        return InboundWebhook(self.http, self.settings.api_key.get_secret_value(), now_ms=now_ms, trace=self.trace)


async def _shared(
    stack: AsyncExitStack, settings: Settings, beside: Callable[[str, Coroutine[Any, Any, None]], None]
) -> _Shared:
    """Open and start it all. beside: runs a part, by its name, until the stack is unwound."""
    store = await stack.enter_async_context(opened_store(settings))
    node = await stack.enter_async_context(joined_node(settings, store))
    beside("node", node.run())
    artefacts = await stack.enter_async_context(opened_artefacts(settings))
    beside("retention of calls", CallRetention(store, artefacts, settings.retention_days, now_ms=now_ms).run())
    http = await stack.enter_async_context(http_client())
    trace = await stack.enter_async_context(started_traces(is_on=settings.traces == "on"))
    delivery = webhook_delivery(store, http, settings, trace)
    public_logs = PublicLogs(artefacts if settings.public_logs else None, now_ms=now_ms, secrets=settings.secrets)
    stack.push_async_callback(public_logs.close)
    delivery.on_attempt = public_logs.webhook_tried
    beside("webhook delivery", delivery.run())
    days, dead_days = settings.webhook_retention_days, settings.dead_webhook_retention_days
    beside("webhook retention", Retention(store.outbox, days=days, dead_days=dead_days, now_ms=now_ms).run())
    analyses = ConversationAnalyses(store, analysis_settings(settings), now_ms=now_ms)
    stack.push_async_callback(analyses.close)
    beside("analyses", analyses.runner.run())
    ari = ari_of(settings, acting_as=node.acting_as)
    stack.push_async_callback(ari.close)
    more = LazyPresidio(settings.presidio_model) if settings.presidio_model else None
    records = RecordWriter(
        store,
        account_webhook_url=settings.webhook_url,
        prices=settings.prices,
        analyses=analyses.by_model,
        artefacts=artefacts,
        find_more=more,
    )
    await records.close_abandoned(now_ms())
    beside("spool", artefacts.spool.run())  # it knows now which files are to grow on
    prompts = await stack.enter_async_context(opened_prompts(settings, store, http))
    speech = await stack.enter_async_context(started_speech(settings, http, prompts))
    database = DatabaseWatch(store.probe)
    beside("database watch", database.run())
    dial_guard = DialGuard(DialRules(settings.dial_policy), store, now_ms=now_ms, prices=settings.prices)
    return _Shared(
        settings=settings,
        store=store,
        node=node,
        artefacts=artefacts,
        public_logs=public_logs,
        database=database,
        http=http,
        ari=ari,
        speech=speech,
        prompts=prompts,
        realtime=realtime_agents(settings, store, http),
        consents=ConsentSentences(speech, settings.sounds_dir),
        voice_ends=stack.enter_context(opened_voice_ends()),
        dial_guard=dial_guard,
        trace=trace,
        analyses=analyses,
        find_more=more,
        delivery=delivery,
        records=records,
    )


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


def _calls(shared: _Shared, *, inbound_wait_s: float) -> _Calls:
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
    shared: _Shared, slots: SlotPool, wheel: Wheel, registrar: Registrar, *, trunks: TrunkSync
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


def _chats(shared: _Shared) -> ChatService:
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


def _api(shared: _Shared, calls: _Calls, chats: ChatService) -> web.Application:
    return build_api(
        ApiDependencies(
            store=shared.store,
            switchboard=calls.switchboard,
            api_key=shared.settings.api_key.get_secret_value(),
            slots=calls.slots,
            nodes=shared.node.nodes,
            other_nodes=None if shared.store.file else _other_nodes(shared),
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


def _failover(shared: _Shared, calls: _Calls) -> Failover:
    failover = Failover(
        shared.store.held_calls,
        shared.records,
        calls.switchboard,
        nodes=shared.node.nodes,
        asterisk=lambda: metric_samples.asterisk_state(shared.ari),
        now_ms=now_ms,
    )
    shared.node.on_dead(failover.take_over)
    shared.node.on_fenced(failover.give_up)
    shared.node.takes_over(True)
    return failover


def _other_nodes(shared: _Shared) -> OtherNodes:
    api_key = shared.settings.api_key.get_secret_value()
    return OtherNodes(shared.store.calls, shared.http, api_key, nodes=shared.node.nodes, now_ms=now_ms)


def _console(shared: _Shared, calls: _Calls) -> web.Application:
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
