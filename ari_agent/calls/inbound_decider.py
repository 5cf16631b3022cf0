"""Decides who takes an inbound call of which number, caller and headers are known: country, inbound webhook, agent.

Calls that ring are decided here, and so are the samples with which people try an inbound webhook out: nothing here
knows of a channel. This module only waits; what the answers mean is decided in routing/.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from ari_agent.calls.public_log.routing_log import RoutingLog
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call
from ari_agent.contract.inbound import CallInbound, InboundWebhookAnswer, InboundWebhookRequest
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import AgentNotUsable, AriAgentError, InboundWebhookFailed, UnknownAgent, UnservedAgent
from ari_agent.routing import variables
from ari_agent.routing.ab_weights import draw, sticky_dice
from ari_agent.routing.agent_choice import AUDIO_AGENTS, AgentChoice, Serves, apply_override, engine_for_call
from ari_agent.routing.caller_country import refused_country
from ari_agent.routing.inbound_decision import Connect, Refuse, WebhookFailed, decide, next_best, refused_agent
from ari_agent.routing.system_variables import CallVariables
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook

log = logging.getLogger(__name__)


class CallRefused(AriAgentError):
    """The caller is turned away.

    refusal: how, and whether a record is kept. call, agent: of that record; agent is None where none was found.
    """

    def __init__(self, refusal: Refuse, call: Call, agent: Agent | None = None) -> None:
        super().__init__(refusal.why)
        self.refusal, self.call, self.agent = refusal, call, agent


class InboundDecider:
    """Decides who takes an inbound call; one object serves many.

    dice: returns a number that is uniform in [0, 1), asked once a call. now_ms: milliseconds since the epoch.
    serves: which kinds of agents can take calls here.
    """

    def __init__(
        self,
        store: Store,
        inbound_webhook: InboundWebhook,
        *,
        dice: Callable[[], float],
        now_ms: Callable[[], int],
        serves: Serves = AUDIO_AGENTS,
    ) -> None:
        self._store = store
        self._inbound_webhook = inbound_webhook
        self._dice = dice
        self._now_ms = now_ms
        self._serves = serves

    def draw(self, number: PhoneNumber, from_number: str, told: RoutingLog, *, sticky: bool) -> AgentChoice | None:
        """Draw one of a number's inbound agents by weight; None where it has none. sticky: the caller decides it."""
        dice = sticky_dice(from_number, number.phone_number) if sticky else self._dice()
        drawn = draw(number.inbound_agents or (), dice)
        told.draw(number, dice, drawn, is_sticky=sticky)
        return drawn

    async def decide(
        self,
        number: PhoneNumber | None,
        own: AgentChoice | None,
        call: Call,
        given: Mapping[str, object],
        told: RoutingLog,
    ) -> tuple[Agent, Connect]:
        """Return the agent that takes the call, with the overrides for it, and what else was decided.

        number: that was dialled, if it is stored. own: its agent, or the dialplan's. call: as a refusal records it.
        given: headers and variables of the call, which the webhook's URL may name, as fields of the call object.

        Raises:
            CallRefused: nobody takes it.
        """
        if number and (refusal := refused_country(call.from_number or "", number)):
            raise CallRefused(refusal, call)
        decision = decide(own, await self._ask(number, own, call.model_copy(update=given), told))
        if isinstance(decision, Refuse):
            raise CallRefused(decision, call)
        return await self._agent(decision, call, told)

    async def _ask(
        self, number: PhoneNumber | None, own: AgentChoice | None, call: Call, told: RoutingLog
    ) -> InboundWebhookAnswer | WebhookFailed | None:
        """Ask the number's inbound webhook about the call, as far as it is known; None where the number has none."""
        if number is None or not number.inbound_webhook_url:
            return None
        now_ms = self._now_ms()
        question = InboundWebhookRequest(
            event_timestamp=now_ms,
            call_inbound=CallInbound(
                call_id=call.call_id,
                agent_id=own.agent_id if own else None,
                agent_version=own.version if own else None,
                from_number=call.from_number or "",
                to_number=call.to_number or "",
                custom_sip_headers=call.custom_sip_headers or None,
            ),
        )
        # Whose time zone: that is only known once it is decided who answers.
        url = variables.render_url(number.inbound_webhook_url, CallVariables(call, timezone=None, now_ms=now_ms))
        told.asked(url, question)
        try:
            return await self._inbound_webhook.ask(url, question, tell=told.attempt)
        except InboundWebhookFailed as error:
            log.warning("%s", error)
            return WebhookFailed(str(error))

    async def _agent(self, decision: Connect, call: Call, told: RoutingLog) -> tuple[Agent, Connect]:
        """Find the agent, and apply the webhook's override; what of the webhook's answer does not work is left out.

        Returns what was left of the decision, too. Raises CallRefused with `call` as the record.
        """
        choice = decision.agent
        found = await self._store.agents.get(choice.agent_id, choice.version)
        try:
            agent = apply_override(found, choice, decision.override)
            engine_for_call(agent, serves=self._serves)
        except (UnknownAgent, AgentNotUsable) as error:
            if better := next_best(decision, error):
                log.warning("%s", better[1], extra={"call_id": call.call_id})
                told.ignored(better[1])
                return await self._agent(better[0], call, told)
            if not isinstance(error, UnservedAgent):  # of that one the record tells which agent it is, see _arrival
                record = call.model_copy(update={"agent_id": choice.agent_id})
                raise CallRefused(refused_agent(error), record) from None
        return agent, decision
