"""The agents and numbers of the database, as far as checks look at them: what is in use, and at which URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ari_agent.asterisk.trunk_destinations import destinations
from ari_agent.asterisk.trunk_objects import trunk_encryption
from ari_agent.contract.agent import Agent
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.phone_number import AgentWeight, PhoneNumber, TrunkConfig
from ari_agent.contract.response_engine import (
    AudioWebsocketEngine,
    CustomLlmEngine,
    PromptEngine,
    TextEngine,
)

_VARIABLE = re.compile(r"\{\{.*?\}\}")


@dataclass(frozen=True, slots=True)
class StoredAgent:
    """An agent. bound: a number names it, so that callers reach it; else nobody may.

    speaking_model: the model of its prompt that hears and speaks itself in calls; None where there is none.
    """

    agent: AnyAgent
    bound: bool
    speaking_model: str | None = None

    @property
    def label(self) -> str:
        """The name of the agent for people."""
        return self.agent.agent_name or self.agent.agent_id

    @property
    def url(self) -> str | None:
        """The URL of its websocket, with `{{variables}}` in it; None where it has none of its own."""
        match self.agent.response_engine:
            case AudioWebsocketEngine() as engine:
                return engine.audio_websocket_url
            case CustomLlmEngine() as engine:
                return engine.llm_websocket_url
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database holds; nothing where there is none yet. webhook_url: the account's."""

    agents: Sequence[StoredAgent] = ()
    numbers: Sequence[PhoneNumber] = ()
    webhook_url: str | None = field(default=None, repr=False)

    def trunks(self) -> list[TrunkConfig]:
        """Return the trunks of those numbers that have one."""
        configs = (number.sip_outbound_trunk_config for number in self.numbers)
        return [config for config in configs if config is not None and config.termination_uri]

    def trunk_hosts(self) -> dict[tuple[str, str], list[str]]:
        """Return the far ends of trunks, all destinations of each: numbers by address and transport.

        The address is `host` or `host:port`, the transport `udp`, `tcp` or `tls`.
        """
        found: dict[tuple[str, str], list[str]] = {}
        for number in self.numbers:
            for way in destinations("", number.phone_number, number.sip_outbound_trunk_config):
                found.setdefault((way.host, way.transport), []).append(number.phone_number)
        return found

    def webhook_urls(self) -> dict[str, str]:
        """Return the URLs of webhooks, and for each who names it."""
        found: dict[str, str] = {}
        for url, who in self._webhooks():
            if url:
                found.setdefault(url, who)
        return found

    def text_agents(self) -> list[str]:
        """Return the names of the text agents that numbers name for calls."""
        called = [found for found in self.agents if found.bound and isinstance(found.agent, Agent)]
        return [found.label for found in called if isinstance(found.agent.response_engine, TextEngine)]

    def speaking_models(self) -> dict[str, str]:
        """Return the models that hear and speak themselves of agents that numbers name, and of each one such agent."""
        return {found.speaking_model: found.label for found in self.agents if found.bound and found.speaking_model}

    def prompt_agents(self, *, with_speaking: bool) -> list[str]:
        """Return the names of the agents with a prompt or a flow that numbers name, for calls or texts.

        with_speaking: those whose model hears and speaks itself, too.
        """
        bound = [found for found in self.agents if found.bound and (with_speaking or not found.speaking_model)]
        return [found.label for found in bound if isinstance(found.agent.response_engine, PromptEngine)]

    def features(self) -> frozenset[str]:
        """Return the features in use, by the names that `asterisk.modules` has for what modules are for."""
        configs = self.trunks()
        in_use = {
            "fallback numbers": any(number.fallback_number for number in self.numbers),
            "text messages": any(number.inbound_sms_agents for number in self.numbers),
            "calls out": bool(configs),
            "calls out with a password": any(config.auth_username for config in configs),
            "registration of trunks": any(config.registration for config in configs),
            "encrypted audio": any(trunk_encryption(config) != "disable" for config in configs),
            "recognising answering machines": any(
                found.bound and isinstance(found.agent, Agent) and found.agent.voicemail_option for found in self.agents
            ),
        }
        return frozenset(name for name, used in in_use.items() if used)

    def _webhooks(self) -> Iterator[tuple[str | None, str]]:
        yield self.webhook_url, "ARI_AGENT_WEBHOOK_URL"
        for found in self.agents:
            yield found.agent.webhook_url, f"webhook_url of agent {found.label}"
        for number in self.numbers:
            yield number.inbound_webhook_url, f"inbound_webhook_url of {number.phone_number}"
            yield number.inbound_sms_webhook_url, f"inbound_sms_webhook_url of {number.phone_number}"


def agents_named_by(numbers: Sequence[PhoneNumber]) -> list[AgentWeight]:
    """Return the agents that numbers name, for calls in and out and for text messages, each version once."""
    named: dict[tuple[str, str], AgentWeight] = {}
    for number in numbers:
        for weights in (number.inbound_agents, number.outbound_agents, number.inbound_sms_agents):
            for weight in weights or ():
                named.setdefault((weight.agent_id, str(weight.agent_version)), weight)
    return list(named.values())


def depends_on_the_call(url: str) -> bool:
    """Tell whether an agent's URL has a `{{variable}}` in its host or port, which only a call fills."""
    return _VARIABLE.search(re.sub(r"^\w+://", "", url).partition("/")[0]) is not None


def without_variables(url: str) -> str:
    """Return an agent's URL with its `{{variables}}` left out, behind the host and port."""
    return _VARIABLE.sub("", url)
