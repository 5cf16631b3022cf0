"""Routes inbound calls while the caller rings: headers, number, inbound webhook, agent.

This module only waits; what the answers mean is decided in routing/.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ari_agent.asterisk.agent_variables import read_agent_variables
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.asterisk.header_reader import SipHeaders
from ari_agent.asterisk.sip_headers import channel_variables
from ari_agent.asterisk.trunk_destinations import number_of_trunk
from ari_agent.asterisk.trunk_objects import registered_user
from ari_agent.calls.caller_identity import identify_caller
from ari_agent.calls.inbound_decider import CallRefused, InboundDecider
from ari_agent.calls.public_log.public_log import NO_LOG, PublicLog
from ari_agent.calls.public_log.routing_log import RoutingLog
from ari_agent.calls.record import registered_call, turned_away_call
from ari_agent.calls.registrar import Registrar, is_call_id
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.q850 import UNALLOCATED_NUMBER
from ari_agent.errors import UnservedAgent
from ari_agent.gather import gather
from ari_agent.routing import variables
from ari_agent.routing.agent_choice import (
    AUDIO_AGENTS,
    Serves,
    agent_tag,
    engine_for_call,
)
from ari_agent.routing.caller_number import ANONYMOUS
from ari_agent.routing.dialled_number import (
    dialled_candidates,
    dialled_user,
    refused_number,
)
from ari_agent.routing.inbound_decision import Refuse, refused_agent
from ari_agent.routing.stasis_arguments import StasisArguments, parse_arguments
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook

log = logging.getLogger(__name__)

Ring: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_NO_SIP_HEADERS: Final = (
    "%s is no SIP channel and has no SIP headers: before the Dial() or Queue() that made it, set what the agent is to "
    "know as __AGENTVAR_name, which channels inherit"
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An inbound call that is to be connected, with all that is known of it before it is answered.

    call: its record so far. agent: with the overrides of this call. number: the one that was dialled, where it is
    stored. sip: of the INVITE.
    """

    call: Call
    agent: Agent
    sip: SipHeaders
    number: PhoneNumber | None = None


class InboundRouter:
    """Decides who takes an inbound call; one object serves the whole controller.

    dice: returns a number that is uniform in [0, 1), asked once a call. now_ms: milliseconds since the epoch.
    serves: which kinds of agents can take calls here. show_withheld_numbers: also those that callers
    withhold are told. trunk_app: what the names of trunks in Asterisk begin with; None: the application's name.
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
        serves: Serves = AUDIO_AGENTS,
        show_withheld_numbers: bool = False,
        trunk_app: str | None = None,
    ) -> None:
        self._ari = ari
        self._trunk_app = trunk_app or ari.app
        self._store = store
        self._decider = InboundDecider(store, inbound_webhook, dice=dice, now_ms=now_ms, serves=serves)
        self._registrar = registrar
        self._serves = serves
        self._show_withheld_numbers = show_withheld_numbers

    async def receive(
        self,
        channel: Channel,
        arguments: Sequence[str],
        call_id: str,
        *,
        ring: Ring,
        public_log: PublicLog = NO_LOG,
        undecided: Callable[[Call], None] = lambda _: None,
    ) -> Arrival:
        """Decide who takes the call. The caller rings all the while; cancelling leaves nothing behind.

        ring: sends 180 Ringing. public_log: is told what was decided, and why, but for the refusal that is raised.
        undecided: is told the call, as far as it is known, before the inbound webhook is asked.

        Raises:
            CallRefused: nobody takes it.
            AsteriskError: the channel is gone, or Asterisk is.
        """
        stasis, told = _parsed(arguments), RoutingLog(public_log)
        if is_call_id(dialled_user(channel.dialplan.exten)):
            return await self._receive_registered(channel, stasis, call_id, ring, told)
        _, (sip, from_number), from_dialplan = await gather(
            ring(), self._headers(channel), read_agent_variables(self._ari, channel)
        )
        if not channel.name.startswith("PJSIP/") and not from_dialplan:
            log.info(_NO_SIP_HEADERS, channel.name, extra={"channel_id": channel.id})
        candidates = _dialled(channel, stasis, sip)
        dialled, number = await self._store.phone_numbers.dialled(candidates)
        number = number or await self._registered_number(channel, candidates)
        told.number(candidates, number)
        to_number = number.phone_number if number else dialled.as_dialled
        sticky = stasis.sticky and from_number != ANONYMOUS
        own = stasis.agent or (self._decider.draw(number, from_number, told, sticky=sticky) if number else None)
        call = turned_away_call(
            call_id=call_id, agent_id=own.agent_id if own else "", from_number=from_number, to_number=to_number
        )
        if not number and not own:
            raise CallRefused(refused_number(dialled, candidates), call)
        undecided(call)
        known = variables.merge(headers=sip.variables, dialplan=from_dialplan, arguments=stasis.variables, webhook={})
        given = {"custom_sip_headers": dict(sip.headers), "retell_llm_dynamic_variables": known}
        agent, decision = await self._decider.decide(number, own, call, given, told)
        told.connected(decision, own, stasis)
        return self._arrival(
            registered_call(
                call_id=call_id,
                agent=agent,
                from_number=from_number,
                to_number=to_number,
                sip_headers=sip.headers,
                sip_call_id=channel.sip_call_id,
                dynamic_variables={**known, **decision.webhook_variables},
                metadata=decision.metadata,
                agent_tag=agent_tag(agent, decision.agent.version),
            ),
            agent,
            sip=sip,
            number=number,
        )

    async def _registered_number(self, channel: Channel, candidates: Sequence[str]) -> PhoneNumber | None:
        """Find the number whose trunk has registered the contact that was called; a carrier may name nothing else."""
        phone_number = number_of_trunk(self._trunk_app, channel.name)
        number = await self._store.phone_numbers.get(phone_number) if phone_number else None
        config = number.sip_outbound_trunk_config if number else None
        if number is None or config is None or registered_user(number.phone_number, config) not in candidates:
            return None
        return number

    async def _receive_registered(
        self, channel: Channel, stasis: StasisArguments, call_id: str, ring: Ring, told: RoutingLog
    ) -> Arrival:
        """Take the registered call whose id the caller dialled: its agent is known, and no webhook is asked.

        Numbers that were not told at the registration are the caller's, and none.
        """
        dialled = dialled_user(channel.dialplan.exten)
        await ring()
        (sip, from_number), from_dialplan = await gather(
            self._headers(channel), read_agent_variables(self._ari, channel)
        )
        # Taken last: a caller who hangs up before leaves the call to the next one.
        # call_id is another's when the call that was dialled goes on already.
        taken = await self._registrar.take(dialled) if dialled == call_id else None
        if taken is None:
            raise CallRefused(
                Refuse(UNALLOCATED_NUMBER, f"no registered call waits under {dialled}"),
                turned_away_call(call_id=call_id, agent_id="", from_number=from_number, to_number=dialled),
            )
        call, agent = taken.call, taken.registration.agent
        told.registered(agent.agent_id, agent.version)
        dynamic_variables = variables.merge(
            headers=sip.variables,
            dialplan=from_dialplan,
            arguments=stasis.variables,
            webhook=call.retell_llm_dynamic_variables or {},
        )
        return self._arrival(
            registered_call(
                call_id=call_id,
                direction=call.direction or CallDirection.INBOUND,
                agent=agent,
                from_number=call.from_number or from_number,
                to_number=call.to_number or "",
                sip_headers=sip.headers,
                sip_call_id=channel.sip_call_id,
                dynamic_variables=dynamic_variables,
                metadata=call.metadata,
                agent_tag=call.agent_tag,
            ),
            agent,
            sip=sip,
        )

    def _arrival(self, call: Call, agent: Agent, *, sip: SipHeaders, number: PhoneNumber | None = None) -> Arrival:
        """Make the arrival. Raises CallRefused, with its record, if the agent is of a kind that takes no calls."""
        try:
            engine_for_call(agent, serves=self._serves)
        except UnservedAgent as error:
            raise CallRefused(refused_agent(error), call, agent) from None
        return Arrival(call, agent, sip, number)

    async def _headers(self, channel: Channel) -> tuple[SipHeaders, str]:
        """Read the INVITE's headers and the caller's number; set the headers as channel variables for the dialplan.

        What the caller withholds is left out.
        """
        caller = await identify_caller(self._ari, channel, show_withheld=self._show_withheld_numbers)
        if caller.sip.headers:
            await self._ari.set_variables(channel.id, channel_variables(caller.sip.headers))
        return caller.sip, caller.number


def _parsed(arguments: Sequence[str]) -> StasisArguments:
    stasis = parse_arguments(arguments)
    if stasis.ignored:
        log.warning("Stasis() arguments ignored, expected name=value: %s", ", ".join(stasis.ignored))
    return stasis


def _dialled(channel: Channel, stasis: StasisArguments, sip: SipHeaders) -> Sequence[str]:
    return dialled_candidates(
        argument=stasis.to_number,
        extension=channel.dialplan.exten,
        request_uri=sip.request_uri,
        dnid=sip.dnid,
        to=sip.local_uri,
        called_party=sip.called_party,
    )
