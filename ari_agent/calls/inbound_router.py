"""What happens while an inbound caller rings: headers, number, inbound webhook, agent.

Waits only; what the answers mean is decided in `routing`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from ari_agent.asterisk.agent_variables import read_agent_variables
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.asterisk.header_reader import SipHeaders, read_sip_headers
from ari_agent.asterisk.sip_headers import channel_variables
from ari_agent.calls.record import turned_away_call
from ari_agent.calls.registrar import Registrar, is_call_id
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import CallInbound, InboundWebhookAnswer, InboundWebhookRequest
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import AriAgentError, InboundWebhookFailed
from ari_agent.gather import gather
from ari_agent.routing import variables
from ari_agent.routing.inbound import (
    ANONYMOUS,
    FAILED_Q850,
    UNKNOWN_Q850,
    AgentChoice,
    Connect,
    Refuse,
    StasisArguments,
    WebhookFailed,
    agent_tag,
    decide,
    draw,
    number_spellings,
    parse_arguments,
    refused_country,
    sticky_dice,
)
from ari_agent.routing.system_variables import CallVariables
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An inbound call that is to be connected, with all that is known of it before it is answered."""

    from_number: str
    to_number: str
    sip: SipHeaders
    agent: Agent
    dynamic_variables: Mapping[str, str]
    metadata: Mapping[str, object] | None
    number: PhoneNumber | None
    """The one that was dialled, where it is stored."""
    agent_tag: str | None = None
    direction: CallDirection = CallDirection.INBOUND
    """As it was declared: the call of a caller who dialled a registered call may be an outbound one to them."""


class CallRefused(AriAgentError):
    """The caller is turned away; `refusal` says with which cause and whether a record is kept."""

    def __init__(self, refusal: Refuse, *, from_number: str, to_number: str, agent: AgentChoice | None) -> None:
        super().__init__(refusal.why)
        self.refusal, self.from_number, self.to_number, self.agent = refusal, from_number, to_number, agent


class InboundRouter:
    """Receives inbound callers; one for all calls.

    dice: uniform in [0, 1), drawn once a call. now_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        *,
        ari: Ari,
        store: Store,
        inbound_webhook: InboundWebhook,
        registrar: Registrar,
        dice: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self._ari = ari
        self._store = store
        self._inbound_webhook = inbound_webhook
        self._registrar = registrar
        self._dice = dice
        self._now_ms = now_ms

    async def receive(self, channel: Channel, arguments: Sequence[str], call_id: str) -> Arrival:
        """Decide who takes the call. The caller rings all the while; cancelling leaves nothing behind.

        Raises:
            CallRefused: nobody takes it.
            AsteriskError: the channel is gone, or Asterisk is.
        """
        stasis = parse_arguments(arguments)
        if stasis.ignored:
            log.warning("Stasis() arguments ignored, expected name=value: %s", ", ".join(stasis.ignored))
        from_number, to_number = channel.caller.number or ANONYMOUS, channel.dialplan.exten
        if is_call_id(to_number):
            return await self._receive_registered(channel, stasis, call_id)
        _, sip, from_dialplan, number = await gather(
            self._ari.ring(channel.id),
            self._headers(channel.id),
            read_agent_variables(self._ari, channel),
            self._store.phone_numbers.find(number_spellings(to_number)),
        )
        to_number = number.phone_number if number else to_number
        own = stasis.agent or (self._draw(number, from_number, stasis) if number else None)
        if number and (refusal := refused_country(from_number, number)):
            raise CallRefused(refusal, from_number=from_number, to_number=to_number, agent=own)
        known = variables.merge(headers=sip.headers, dialplan=from_dialplan, arguments=stasis.variables, webhook={})
        call = turned_away_call(call_id=call_id, agent_id="", from_number=from_number, to_number=to_number)
        call = call.model_copy(
            update={"custom_sip_headers": dict(sip.headers), "retell_llm_dynamic_variables": known},
        )
        decision = decide(own, await self._ask(number, own, call))
        if isinstance(decision, Refuse):
            raise CallRefused(decision, from_number=from_number, to_number=to_number, agent=own)
        agent = await self._agent(decision, from_number=from_number, to_number=to_number)
        return Arrival(
            from_number=from_number,
            to_number=to_number,
            sip=sip,
            agent=agent,
            dynamic_variables={**known, **decision.webhook_variables},
            metadata=decision.metadata,
            number=number,
            agent_tag=agent_tag(agent, decision.agent.version),
        )

    async def _receive_registered(self, channel: Channel, stasis: StasisArguments, call_id: str) -> Arrival:
        """The caller dialled the id of a registered call: its agent is known, and no webhook is asked.

        Numbers that were not told at the registration are the caller's, and none.
        """
        dialled, from_number = channel.dialplan.exten, channel.caller.number or ANONYMOUS
        await self._ari.ring(channel.id)
        sip, from_dialplan = await gather(self._headers(channel.id), read_agent_variables(self._ari, channel))
        # Taken last: a caller who hangs up before leaves the call to the next one.
        # call_id is another's when the call that was dialled goes on already.
        taken = await self._registrar.take(dialled) if dialled == call_id else None
        if taken is None:
            why = f"no registered call waits under {dialled}"
            raise CallRefused(Refuse(UNKNOWN_Q850, why), from_number=from_number, to_number=dialled, agent=None)
        call = taken.call
        return Arrival(
            from_number=call.from_number or from_number,
            to_number=call.to_number or "",
            sip=sip,
            agent=taken.registration.agent,
            dynamic_variables=variables.merge(
                headers=sip.headers,
                dialplan=from_dialplan,
                arguments=stasis.variables,
                webhook=call.retell_llm_dynamic_variables or {},
            ),
            metadata=call.metadata,
            number=None,
            agent_tag=call.agent_tag,
            direction=call.direction or CallDirection.INBOUND,
        )

    def _draw(self, number: PhoneNumber, from_number: str, stasis: StasisArguments) -> AgentChoice | None:
        sticky = stasis.sticky and from_number != ANONYMOUS
        dice = sticky_dice(from_number, number.phone_number) if sticky else self._dice()
        return draw(number.inbound_agents or (), dice)

    async def _headers(self, channel_id: str) -> SipHeaders:
        """Read the INVITE's headers, and set them as channel variables for the dialplan."""
        sip = await read_sip_headers(self._ari, channel_id)
        if sip.headers:
            await self._ari.set_variables(channel_id, channel_variables(sip.headers))
        return sip

    async def _ask(
        self, number: PhoneNumber | None, own: AgentChoice | None, call: Call
    ) -> InboundWebhookAnswer | WebhookFailed | None:
        """What the number's webhook says of the call, as far as it is known."""
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
        try:
            return await self._inbound_webhook.ask(url, question)
        except InboundWebhookFailed as error:
            log.warning("%s", error)
            return WebhookFailed(str(error))

    async def _agent(self, decision: Connect, *, from_number: str, to_number: str) -> Agent:
        choice = decision.agent
        agent = await self._store.agents.get(choice.agent_id, choice.version)
        if agent is None:
            version = "" if choice.version is None else f" version {choice.version}"
            raise CallRefused(
                Refuse(
                    FAILED_Q850, f"agent {choice.agent_id}{version} does not exist", DisconnectionReason.ERROR_UNKNOWN
                ),
                from_number=from_number,
                to_number=to_number,
                agent=choice,
            )
        if decision.override is None:
            return agent
        try:
            return decision.override.apply(agent)
        except ValidationError as error:
            why = f"agent_override does not fit agent {agent.agent_id}: {error.errors()[0]['msg']}"
            raise CallRefused(
                Refuse(FAILED_Q850, why, DisconnectionReason.ERROR_INBOUND_WEBHOOK),
                from_number=from_number,
                to_number=to_number,
                agent=choice,
            ) from None
