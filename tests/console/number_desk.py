"""What the pages of numbers ask, built as app.py builds it, with trunks whose states a test sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ari_agent.calls.bound_agents import BoundAgents
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.dial_trial import DialTrials
from ari_agent.calls.inbound_decider import InboundDecider
from ari_agent.calls.webhook_trial import WebhookTrials
from ari_agent.console.numbers.number_tools import NumberTools
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberImport, PhoneNumberUpdate
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.errors import CallNotPlaced, UnknownAsset
from ari_agent.routing.agent_choice import TEXT_AGENTS
from ari_agent.routing.dial_policy import DialRules
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook

API_KEY = "key_of_the_api"
NOW_MS = 1_760_000_000_000
PRICES = PriceTable.model_validate({"telephony": [{"prefix": "+1", "cents_per_minute": 0.85}]})
NUMBER = "+14155550100"


@dataclass
class Trunks:
    """States of trunks by number; those of others are not told."""

    told: dict[str, TrunkStatus] = field(default_factory=dict)

    async def states(self, numbers: Sequence[PhoneNumber], *, now_ms: int) -> Mapping[str, TrunkStatus]:
        return {n.phone_number: self.told[n.phone_number] for n in numbers if n.phone_number in self.told}


@dataclass
class NumberDesk:
    """Numbers and agents in a real store, and what is asked about them. policy: the workspace's."""

    store: Store
    http: aiohttp.ClientSession
    policy: DialPolicy = field(default_factory=DialPolicy)
    trunks: Trunks = field(default_factory=Trunks)
    placed: int = 0

    def __post_init__(self) -> None:
        self.rules = DialRules(self.policy)
        guard = DialGuard(self.rules, self.store, now_ms=lambda: NOW_MS, prices=PRICES)
        webhook = InboundWebhook(self.http, API_KEY, timeout_s=5, retry_after_s=(0.01,))
        decider = InboundDecider(self.store, webhook, dice=lambda: 0.0, now_ms=lambda: NOW_MS, serves=TEXT_AGENTS)
        self.tools = NumberTools(
            bound=BoundAgents(self.store, serves=TEXT_AGENTS, serves_texts=TEXT_AGENTS),
            webhooks=WebhookTrials(
                decider, new_call_id=self._new_call_id, serves=TEXT_AGENTS, secrets=["s3cret-of-the-settings"]
            ),
            dials=DialTrials(self.store, guard, number=self._number, app="ari_agent", extensions_context="phones"),
            trunks=self.trunks,
        )

    async def agent(self, name: str = "Ada", **fields: Any) -> str:
        """Make an agent and return its id."""
        engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9/"}
        wanted = AgentCreate.model_validate({"agent_name": name, "response_engine": engine, **fields})
        return (await self.store.agents.create(wanted)).agent_id

    async def number(self, phone_number: str = NUMBER, **fields: Any) -> PhoneNumber:
        """Import a number; fields that import does not take are set by an update."""
        given = {"phone_number": phone_number, "termination_uri": "sip.example.com", **fields}
        later = {name: given.pop(name) for name in ("fallback_number", "inbound_sms_agents") if name in given}
        await self.store.phone_numbers.create(PhoneNumberImport.model_validate(given).number(now_ms=NOW_MS))
        made = await self.store.phone_numbers.update(phone_number, PhoneNumberUpdate.model_validate(later))
        assert made
        return made

    def _new_call_id(self) -> str:
        self.placed += 1
        return f"call_{self.placed}"

    async def _number(self, phone_number: str) -> PhoneNumber:
        found = await self.store.phone_numbers.get(phone_number)
        if found is None:
            raise UnknownAsset("phone number", phone_number)
        if found.sip_outbound_trunk_config is None or not found.sip_outbound_trunk_config.termination_uri:
            raise CallNotPlaced(f"{phone_number} has no trunk to call through")
        return found


def weights(*agent_ids: str, **fields: Any) -> list[dict[str, Any]]:
    """Agents of a number, each as often as the others."""
    return [{"agent_id": agent_id, "weight": 1 / len(agent_ids), **fields} for agent_id in agent_ids]
