"""Writes into a call's public log who answers it, and why: the number, the draw, the inbound webhook. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.contract.inbound import InboundWebhookRequest
from ari_agent.contract.inbound_answer import ReadAnswer
from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.routing.agent_choice import AgentChoice
from ari_agent.routing.inbound_decision import Connect
from ari_agent.routing.stasis_arguments import StasisArguments


class RoutingLog:
    """Writes the lines of one inbound call's routing into its public log."""

    def __init__(self, log: PublicLog) -> None:
        self._log = log

    def number(self, candidates: Sequence[str], number: PhoneNumber | None) -> None:
        """Write what may have been dialled, the likeliest first, and which stored number it is; None: it is none."""
        self._log.add("number", candidates=list(candidates), number=number.phone_number if number else None)

    def draw(self, number: PhoneNumber, dice: float, drawn: AgentChoice | None, *, is_sticky: bool) -> None:
        """Write which of a number's agents was drawn, and with which weights.

        dice: the draw, in [0, 1). drawn: None: there was none to draw. is_sticky: the caller's number decides the
        draw (`agent_draw=caller`), and not chance.
        """
        agents = number.inbound_agents or ()
        self._log.add(
            "draw",
            agent_id=drawn.agent_id if drawn else None,
            agent_version=drawn.version if drawn else None,
            by="caller" if is_sticky else "chance",
            weights=[agent.as_json() for agent in agents],
            dice=round(dice, 6),
        )

    def asked(self, url: str, question: InboundWebhookRequest) -> None:
        """Write what the inbound webhook is asked. url: of the webhook, of which secrets are not told."""
        self._log.add("inbound_webhook_asked", question.as_json(), url=shown_url(url))

    def attempt(self, number: int, came: ReadAnswer | str) -> None:
        """Write what an attempt to ask the webhook has brought: its answer, or in words why there is none.

        number: of the attempt, from 1.
        """
        if isinstance(came, str):
            self._log.add("inbound_webhook_failed", came, attempt=number)
            return
        answer = {"answer": came.answer.as_json(), "ignored": list(came.left_out)}
        self._log.add("inbound_webhook_answered", answer, attempt=number, ignored=len(came.left_out) or None)

    def ignored(self, why: str) -> None:
        """Write what of the webhook's answer this call cannot have, and why."""
        self._log.add("fault", why, level="warning", what="something of the inbound webhook's answer cannot be had")

    def connected(self, decision: Connect, own: AgentChoice | None, stasis: StasisArguments) -> None:
        """Write which agent takes the call, and by which rule. own: the agent if the webhook had named none."""
        if decision.agent != own:
            rule = "the inbound webhook's override_agent_id or override_agent_version"
        else:
            rule = "agent_id of Stasis()" if stasis.agent else "inbound_agents of the number"
        self._routed(rule, decision.agent.agent_id, decision.agent.version)

    def registered(self, agent_id: str, version: int) -> None:
        """Write that the call was registered over the API beforehand, for this agent."""
        self._routed("the registered call that was dialled by its id", agent_id, version)

    def _routed(self, rule: str, agent_id: str, version: int | str | None) -> None:
        self._log.add("routed", decision="connect", rule=rule, agent_id=agent_id, agent_version=version)
