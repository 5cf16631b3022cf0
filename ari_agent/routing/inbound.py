"""Which agent takes an inbound call: the dialled number, the Stasis() arguments and the inbound webhook decide. Pure.

Source: Retell, "Receive calls", "A/B testing" and "Inbound call webhook" (2026-08):

    webhook asked?   answered?   override_agent_id?   an agent of the number's own?   the call
    no               -           -                    yes                             goes to the number's agent
    no               -           -                    no                              is refused
    yes              no          -                    yes                             goes to the number's agent
    yes              no          -                    no                              ends, error_inbound_webhook
    yes              yes         yes                  -                               goes to the overriding agent
    yes              yes         no                   yes                             goes to the number's agent
    yes              yes         no                   no                              is refused
    yes              reject      -                    -                               is refused

`agent_id=` in Stasis(ari_agent,agent_id=...) stands for the number's own agent. A refused call leaves no record.

A number with several agents draws one for each call, each as often as its weight says. With `agent_draw=caller` as an
argument of Stasis() the draw depends on caller and number alone: who calls again gets the same agent, and a change of
weights moves no more callers than it must.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.parsing.e164 import country_of, country_of_caller
from ari_agent.contract.phone_number import AgentWeight, PhoneNumber

# Q.850 causes, and the SIP status that Asterisk answers the INVITE with.
UNKNOWN_Q850: Final = 1  # unallocated number: 404
REFUSED_Q850: Final = 21  # call rejected: 403
FAILED_Q850: Final = 38  # network out of order: 500

ANONYMOUS: Final = "anonymous"
"""The number of a caller who withholds it."""

_RANDOM, _BY_CALLER = "random", "caller"
_INSIDE: Final = re.compile(r"[0-9]{1,6}|.*[^0-9+].*", re.DOTALL)
_ARGUMENT: Final = re.compile(r"\s*([A-Za-z0-9_.\-]{1,128})\s*=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """An agent by id; version: an integer, a tag, or None for the latest."""

    agent_id: str
    version: int | str | None = None


@dataclass(frozen=True, slots=True)
class StasisArguments:
    """What stands after the application's name in Stasis(ari_agent,...).

    sticky: the same caller is to get the same agent of the number's.
    """

    agent: AgentChoice | None
    variables: Mapping[str, str]
    ignored: Sequence[str] = ()
    sticky: bool = False


@dataclass(frozen=True, slots=True)
class Connect:
    """Take the call with this agent."""

    agent: AgentChoice
    webhook_variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] | None = None
    override: AgentOverride | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Turn the caller away. reason: for the record; None where the call leaves no record."""

    q850_cause: int
    why: str
    reason: DisconnectionReason | None = None


@dataclass(frozen=True, slots=True)
class WebhookFailed:
    """The inbound webhook was asked and gave no valid answer after every attempt."""

    why: str


def parse_arguments(arguments: Sequence[str]) -> StasisArguments:
    """`agent_id=`, `agent_version=`, `agent_draw=caller` and any other `name=value`, which becomes a dynamic variable.

    What has no `=` is ignored and named, so that the log can say so; so is a draw of another kind.
    """
    values: dict[str, str] = {}
    ignored = []
    for argument in arguments:
        if match := _ARGUMENT.fullmatch(argument):
            values[match[1]] = match[2]
        elif argument:
            ignored.append(argument)
    agent_id = values.pop("agent_id", None)
    version: str | int | None = values.pop("agent_version", None)
    if version is not None and re.fullmatch(r"[0-9]{1,9}", str(version)):
        version = int(version)
    drawn_by = values.pop("agent_draw", _RANDOM).strip()
    if drawn_by not in (_RANDOM, _BY_CALLER):
        ignored.append(f"agent_draw={drawn_by}")
    agent = AgentChoice(agent_id, version) if agent_id else None
    return StasisArguments(agent, values, ignored, sticky=drawn_by == _BY_CALLER)


def number_spellings(dialled: str) -> Sequence[str]:
    """How a dialled number may be registered: as it is, and as E.164 with `+` for `+`, `00` or no prefix."""
    digits = dialled.removeprefix("+")
    if not re.fullmatch(r"[0-9]{3,20}", digits):
        return (dialled,)
    international = digits.removeprefix("00") if dialled.startswith("00") else digits
    return tuple(dict.fromkeys((dialled, f"+{international}", digits)))


def sticky_dice(caller: str, number: str) -> float:
    """Dice for `draw` that fall the same way for the same caller of the same number; uniform in [0, 1) over callers."""
    digest = hashlib.sha256(f"{number}\n{caller}".encode(errors="replace")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def refused_country(caller: str, number: PhoneNumber) -> Refuse | None:
    """Whether the number's `allowed_inbound_country_list` turns away who calls or writes; it lets no unknown one in."""
    allowed = number.allowed_inbound_country_list
    if not allowed or (country := _country(caller, number)) in allowed:
        return None
    whence = country or "an unknown country"
    return Refuse(REFUSED_Q850, f"calls and texts from {whence} are not allowed, only from {', '.join(allowed)}")


def refused_destination(to_number: str, number: PhoneNumber) -> str | None:
    """Why the number's `allowed_outbound_country_list` does not let it call or write there; None: it does.

    However the number is spelt. Names and numbers shorter than any of E.164 are inside the PBX, and always allowed.
    """
    allowed = number.allowed_outbound_country_list
    digits = re.sub("[-._]", "", to_number)  # RFC 3966 section 5.1.1: visual separators
    if not allowed or _INSIDE.fullmatch(digits) or (country := _country(digits, number)) in allowed:
        return None
    return (
        f"{number.phone_number} may not reach {to_number} in {country or 'an unknown country'}: "
        f"its allowed_outbound_country_list is {', '.join(allowed)}"
    )


def _country(other: str, number: PhoneNumber) -> str | None:
    return country_of_caller(other, home=country_of(number.phone_number))


def agent_tag(agent: AnyAgent, chosen: int | str | None) -> str | None:
    """The tag that the record of a call or chat shows: the one it was chosen by, else its version's latest.

    chosen: the version reference. The record keeps its tag whatever becomes of it later (Retell, Get Call, 2026-08).
    """
    tags = agent.assigned_tags or ()
    return chosen if isinstance(chosen, str) and chosen in tags else next(reversed(tags), None)


def draw(agents: Sequence[AgentWeight], dice: float) -> AgentChoice | None:
    """One agent, each with the probability of its weight. dice: uniform in [0, 1). None: no agent is bound."""
    if not agents:
        return None
    mark = dice * sum(agent.weight for agent in agents)
    for agent in agents:
        mark -= agent.weight
        if mark < 0:
            return AgentChoice(agent.agent_id, agent.agent_version)
    return AgentChoice(agents[-1].agent_id, agents[-1].agent_version)


def decide(own: AgentChoice | None, answer: InboundWebhookAnswer | WebhookFailed | None) -> Connect | Refuse:
    """The table above. own: of the number or the Stasis() arguments; answer: None where there is no webhook."""
    if answer is None:
        return Connect(own) if own else Refuse(REFUSED_Q850, "no agent is bound to the dialled number")
    if isinstance(answer, WebhookFailed):
        if own:
            return Connect(own)
        return Refuse(FAILED_Q850, answer.why, DisconnectionReason.ERROR_INBOUND_WEBHOOK)
    if answer.rejects:
        return Refuse(REFUSED_Q850, "rejected by the inbound webhook")
    agent = own
    if answer.override_agent_id:
        agent = AgentChoice(answer.override_agent_id, answer.override_agent_version)
    elif own and answer.override_agent_version is not None:
        agent = AgentChoice(own.agent_id, answer.override_agent_version)
    if agent is None:
        return Refuse(REFUSED_Q850, "the inbound webhook named no agent, and the number has none of its own")
    return Connect(agent, answer.dynamic_variables or {}, answer.metadata, answer.agent_override)
