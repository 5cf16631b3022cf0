"""Who takes an inbound call or text: the number's own agent and the inbound webhook's answer decide. Pure.

    webhook asked?   answered?   override_agent_id?   an agent of the number's own?   the call
    no               -           -                    yes                             goes to the number's agent
    no               -           -                    no                              is refused
    yes              no          -                    yes                             goes to the number's agent
    yes              no          -                    no                              ends, error_inbound_webhook
    yes              yes         yes                  -                               goes to the overriding agent
    yes              yes         no                   yes                             goes to the number's agent
    yes              yes         no                   no                              is refused
    yes              reject      -                    -                               is refused

`agent_id=` in Stasis(ari_agent,agent_id=...) stands for the number's own agent. A refused call leaves no record. Where
the overriding agent cannot have the call, or not with the answer's agent_override, what is wrong in the answer is left
out, and the number's own agent takes the call: see `next_best`. One whose own agent cannot have it ends, and its record
says why: see `refused_agent`.

Source: Retell, "Receive calls" and "Inbound call & SMS webhook" (2026-08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.q850 import CALL_REJECTED, NETWORK_OUT_OF_ORDER
from ari_agent.errors import AgentNotUsable, OverrideUnfit, UnknownAgent, UnservedAgent
from ari_agent.routing.agent_choice import AgentChoice, choose


@dataclass(frozen=True, slots=True)
class Connect:
    """Take the call or text with this agent.

    webhook_variables, metadata, override: as the inbound webhook gave them for this call alone. own: who takes it if
    the agent that the webhook named cannot.
    """

    agent: AgentChoice
    webhook_variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] | None = None
    override: AgentOverride | None = None
    own: AgentChoice | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Turn the caller away.

    q850_cause: of the hang-up, of which Asterisk makes the SIP status (1: 404, 21: 403, 38: 500). why: for the log.
    reason: for the record; None where the call leaves no record. goes_on: the caller goes on in the dialplan, as when
    an agent fails, and is not hung up on.
    """

    q850_cause: int
    why: str
    reason: DisconnectionReason | None = None
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class WebhookFailed:
    """The inbound webhook was asked and gave no valid answer after every attempt. why: for the log."""

    why: str


def decide(own: AgentChoice | None, answer: InboundWebhookAnswer | WebhookFailed | None) -> Connect | Refuse:
    """Apply the table above.

    own: the agent of the number or of the Stasis() arguments. answer: None where there is no webhook.
    """
    if answer is None:
        return Connect(own) if own else Refuse(CALL_REJECTED, "no agent is bound to the dialled number")
    if isinstance(answer, WebhookFailed):
        if own:
            return Connect(own)
        return Refuse(NETWORK_OUT_OF_ORDER, answer.why, DisconnectionReason.ERROR_INBOUND_WEBHOOK)
    if answer.rejects:
        return Refuse(CALL_REJECTED, "rejected by the inbound webhook")
    agent = choose(own, agent_id=answer.override_agent_id, version=answer.override_agent_version)
    if agent is None:
        return Refuse(CALL_REJECTED, "the inbound webhook named no agent, and the number has none of its own")
    return Connect(agent, answer.dynamic_variables or {}, answer.metadata, answer.agent_override, own)


def next_best(decision: Connect, error: UnknownAgent | AgentNotUsable) -> tuple[Connect, str] | None:
    """Leave out what the inbound webhook named and the call cannot have; everything else of its answer holds.

    error: why `decision` cannot be followed. Returns what to try instead, and a sentence for the log that names the
    fields which are left out; None where it was not the webhook that named what is wrong.
    """
    agent, own, override = decision.agent, decision.own, decision.override
    names_engine = override is not None and override.agent is not None and override.agent.response_engine is not None
    if isinstance(error, OverrideUnfit) or (isinstance(error, UnservedAgent) and names_engine):
        return replace(decision, override=None), _left_out(["agent_override"], error, agent)
    if own is None or own == agent:
        return None
    fields = []
    if agent.agent_id != own.agent_id:
        fields.append("override_agent_id")
    if agent.version is not None and agent.version != own.version:
        fields.append("override_agent_version")
    return replace(decision, agent=own), _left_out(fields, error, own)


def _left_out(fields: Sequence[str], error: UnknownAgent | AgentNotUsable, agent: AgentChoice) -> str:
    version = error.version if isinstance(error, UnknownAgent) else None
    hint = " (a number in quotes is the name of a tag)" if isinstance(version, str) and version.isdigit() else ""
    return (
        f"left out of the inbound webhook's answer: {', '.join(fields)}: {error}{hint}; agent {agent.agent_id} answers"
    )


def refused_agent(error: UnknownAgent | AgentNotUsable) -> Refuse:
    """Turn away a caller whose agent cannot have the call, as the error says.

    An agent of a kind that takes no calls is treated as one that fails: its caller goes on in the dialplan.
    """
    goes_on = isinstance(error, UnservedAgent)
    return Refuse(NETWORK_OUT_OF_ORDER, str(error), error.disconnection_reason, goes_on=goes_on)
