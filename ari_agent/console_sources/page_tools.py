"""Builds what the console's pages of numbers, checks and agents ask of the rest of the controller."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.bound_agents import BoundAgents
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.dial_trial import DialTrials
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.inbound_decider import InboundDecider
from ari_agent.calls.originator import Originator
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.calls.webhook_trial import WebhookTrials
from ari_agent.check.report import Entry
from ari_agent.check.table import CHECKS
from ari_agent.clock import now_ms
from ari_agent.config import Settings
from ari_agent.console.agents.installation import Installation
from ari_agent.console.check.check_runs import CheckRuns, TellEntries
from ari_agent.console.numbers.number_tools import NumberTools
from ari_agent.ids import new_call_id
from ari_agent.routing.agent_choice import PROMPT_AGENTS, TEXT_AGENTS, Serves
from ari_agent.self_check import Serving, check_serving
from ari_agent.speech.voices import Voices
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook


def number_tools(
    settings: Settings,
    store: Store,
    *,
    inbound_webhook: InboundWebhook,
    guard: DialGuard,
    originator: Originator,
    trunks: TrunkSync,
    serves: Serves,
    has_prompts: bool,
) -> NumberTools:
    """Build what the pages of numbers ask. serves: which agents take calls. has_prompts: a model for them is set up."""
    decider = InboundDecider(store, inbound_webhook, dice=random.SystemRandom().random, now_ms=now_ms, serves=serves)
    return NumberTools(
        bound=BoundAgents(store, serves=serves, serves_texts=PROMPT_AGENTS if has_prompts else TEXT_AGENTS),
        webhooks=WebhookTrials(decider, new_call_id=new_call_id, serves=serves, secrets=settings.secrets),
        dials=DialTrials(
            store,
            guard,
            number=originator.number,
            app=settings.app,
            extensions_context=settings.extensions_context or "",
        ),
        trunks=trunks,
    )


def check_runs(settings: Settings, ari: Ari, speech: Speech | None) -> CheckRuns:
    """Build what runs the checks within the controller. speech: who listens and speaks for its text agents."""

    async def run(deep: bool, tell: TellEntries) -> Sequence[Entry]:
        serving = Serving(connected=ari.connected, speech=speech.providers if speech else None)
        return await check_serving(settings, serving, deep=deep, tell=tell)

    return CheckRuns(run, [(check.group, check.name) for check in CHECKS], now_ms=now_ms)


def installation(settings: Settings, speech: Speech | None, serves: Serves) -> Installation:
    """Return what agents find here, for the console. speech: who listens and speaks. serves: what takes calls."""
    listens, speaks = speech.providers if speech else ("", "")
    return Installation(
        serves=serves,
        listens=listens,
        speaks=speaks,
        voices=speech.voices if speech else Voices(),
        llm_model=settings.llm_model,
        speaking_model=settings.has_realtime,
        webhook_url=settings.webhook_url or "",
    )
