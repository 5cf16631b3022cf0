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

`agent_id=` in Stasis(ari_agent,agent_id=...) stands for the number's own agent. A refused call leaves no record. One
whose agent cannot have it ends, and its record says why: see `refused_agent`.

Source: Retell, "Receive calls" and "Inbound call & SMS webhook" (2026-08).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.q850 import CALL_REJECTED, NETWORK_OUT_OF_ORDER
from ari_agent.errors import AgentNotUsable, UnknownAgent, UnservedAgent
from ari_agent.routing.agent_choice import AgentChoice, choose


@dataclass(frozen=True, slots=True)
class Connect:
    """Take the call or text with this agent.

    webhook_variables, metadata, override: as the inbound webhook gave them for this call alone.
    """

    agent: AgentChoice
    webhook_variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] | None = None
    override: AgentOverride | None = None


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
    return Connect(agent, answer.dynamic_variables or {}, answer.metadata, answer.agent_override)


def refused_agent(error: UnknownAgent | AgentNotUsable) -> Refuse:
    """Turn away a caller whose agent cannot have the call, as the error says.

    An agent of a kind that takes no calls is treated as one that fails: its caller goes on in the dialplan.
    """
    goes_on = isinstance(error, UnservedAgent)
    return Refuse(NETWORK_OUT_OF_ORDER, str(error), error.disconnection_reason, goes_on=goes_on)
