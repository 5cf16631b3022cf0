"""Opens and starts what calls, chats, API and console are built upon, in the order in which each needs the others."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.asterisk.ari import Ari
from ari_agent.calls.call_retention import CallRetention
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.calls.public_log.public_logs import PublicLogs
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.recording_consent import ConsentSentences
from ari_agent.calls.session_dependencies import served_kinds
from ari_agent.clock import now_ms
from ari_agent.config import Settings
from ari_agent.contract.trace import Trace
from ari_agent.conversation_analyses import ConversationAnalyses, analysis_settings
from ari_agent.http_client import http_client
from ari_agent.nodes.sole_node import AnyNode
from ari_agent.otlp import started_traces
from ari_agent.pii.personal_data import FindMore
from ari_agent.pii.presidio import LazyPresidio
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.routing.agent_choice import Serves
from ari_agent.routing.dial_policy import DialRules
from ari_agent.services import (
    ari_of,
    joined_node,
    opened_artefacts,
    opened_prompts,
    opened_store,
    opened_voice_ends,
    realtime_agents,
    started_speech,
    webhook_delivery,
)
from ari_agent.store.database_watch import DatabaseWatch
from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import Delivery
from ari_agent.webhooks.inbound import InboundWebhook
from ari_agent.webhooks.retention import Retention


@dataclass(frozen=True, slots=True)
class SharedParts:
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


async def shared_parts(
    stack: AsyncExitStack, settings: Settings, beside: Callable[[str, Coroutine[Any, Any, None]], None]
) -> SharedParts:
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
    return SharedParts(
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
