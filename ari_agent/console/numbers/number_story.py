"""A phone number in words: who answers, who calls, what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.calls.bound_agent import Bound, BoundAgent
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.phone_number import PhoneNumber, TrunkConfig

USE_WORDS: Final[Mapping[str, str]] = {
    "inbound_agents": "Calls in",
    "outbound_agents": "Calls out",
    "inbound_sms_agents": "Texts in",
    "outbound_sms_agents": "Texts out",
}
_REFERENCES: Final[Mapping[str, str]] = {
    "None": "the latest",
    "latest": "the latest",
    "latest_published": "the latest that is published",
}
_LISTED: Final = 30
"""Entries of a long list that are shown; of the others only their number."""


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One key of a number's dial policy. meaning: a sentence."""

    key: str
    meaning: str


def share(agent: BoundAgent) -> str:
    """Return an agent's share of the calls in percent: `33.3 %`, `100 %`, `< 0.1 %`."""
    percent = agent.share * 100
    return "< 0.1 %" if percent < 0.1 else f"{percent:.1f}".removesuffix(".0") + " %"


def version(agent: BoundAgent) -> str:
    """Return which version answers now, and how the number names it: `version 3, the latest, a draft`."""
    named = agent.named
    tag = f"the tag {named}" if isinstance(named, str) else "the number's own choice"
    how = _REFERENCES.get(str(named), tag)
    if agent.agent is None:
        return f"version {named}" if isinstance(named, int) else how
    state = "published" if agent.agent.is_published else "a draft, which changes"
    return f"version {agent.agent.version}, {how}, {state}"


def problems(number: PhoneNumber, bound: Mapping[str, Bound], *, fallback_refusal: str) -> Sequence[str]:
    """Return what keeps calls from working, in sentences. fallback_refusal: why its fallback may not be dialled."""
    return list(dict.fromkeys(_problems(number, bound, fallback_refusal)))


def _problems(number: PhoneNumber, bound: Mapping[str, Bound], fallback_refusal: str) -> Iterator[str]:
    for use, agents in bound.items():
        for agent in agents.first:
            if agent.problem:
                yield f"{USE_WORDS[use]}: {agent.problem}."
    config = number.sip_outbound_trunk_config or TrunkConfig()
    if not number.inbound_agents and not number.inbound_webhook_url:
        yield "Calls in: no agent and no inbound webhook, so that callers are turned away (Q.850 21)."
    if number.outbound_agents and not config.termination_uri:
        yield "Calls out: the number has outbound agents, and no trunk to call through: set its termination_uri."
    if config.auth_username and not config.auth_password:
        yield "Trunk: it has a user name and no password, and so no login."
    if fallback_refusal:
        yield f"Fallback number: it is not dialled: {fallback_refusal}."
    own, listed = (number.dial_policy or DialPolicy()).countries, number.allowed_outbound_country_list
    if own is not None and listed and set(own).isdisjoint(listed):
        yield (
            "Calls out: no country is in both allowed_outbound_country_list and the countries of dial_policy, so that "
            "no number can be dialled."
        )


def hints(number: PhoneNumber) -> Sequence[str]:
    """Return what works, but may surprise."""
    config = number.sip_outbound_trunk_config
    found = []
    if number.inbound_webhook_url and not number.inbound_agents:
        found.append("While the inbound webhook does not answer, callers are turned away: the number has no own agent.")
    if config and config.termination_uri and not number.outbound_agents:
        found.append("Calls out have to name their agent (override_agent_id): the number has none for them.")
    return found


def policy_lines(policy: DialPolicy | None) -> Sequence[PolicyLine]:
    """Return what a number's dial policy says; what it does not say the workspace's decides."""
    given = policy.changes() if policy else {}
    return [
        PolicyLine(key, _MEANINGS[key](value)) for key, value in given.items() if value is not None and key in _MEANINGS
    ]


def listed(entries: Sequence[object]) -> str:
    """Return a list for people, and how many more it has where it is long; `none` where it is empty."""
    more = len(entries) - _LISTED
    shown = ", ".join(map(str, entries[:_LISTED])) or "none"
    return f"{shown} and {more} more" if more > 0 else shown


_MEANINGS: Final[Mapping[str, Callable[[Any], str]]] = {
    "countries": lambda value: f"may call numbers of these countries alone: {listed(value)}",
    "number_types": lambda value: f"may call these kinds of numbers alone: {listed(value)}",
    "sip_domains": lambda value: f"may call SIP URIs at these hosts alone: {listed(value)}",
    "extensions": lambda value: f"may call these extensions of the PBX alone: {listed(value)}",
    "headers": lambda value: f"may set these SIP headers alone: {listed(value)}",
    "transfers_per_call": lambda value: f"one call may ask for {value} transfers",
    "calls_per_minute": lambda value: f"at most {value} calls a minute",
    "calls_per_day": lambda value: f"at most {value} calls in 24 hours",
    "cost_per_day_cents": lambda value: f"nobody is dialled once the calls of 24 hours have cost {value:g} cents",
}
