"""A call that came in through Stasis(): from the first ring to the answer. What follows is the same for every call."""

from __future__ import annotations

from ari_agent.asterisk.events import Channel
from ari_agent.calls.reception import Arrival, CallRefused, Reception
from ari_agent.calls.record import CallRecord, registered_call, turned_away_call
from ari_agent.calls.session import CallSession, Departure, SessionServices
from ari_agent.calls.state import Routed
from ari_agent.calls.together import together
from ari_agent.contract.call import CallDirection
from ari_agent.contract.disconnection import DisconnectionReason


class InboundCall(CallSession):
    """One inbound call. channel, arguments: of its StasisStart."""

    direction = CallDirection.INBOUND

    def __init__(
        self,
        services: SessionServices,
        reception: Reception,
        *,
        call_id: str,
        channel: Channel,
        arguments: tuple[str, ...],
    ) -> None:
        super().__init__(services, call_id=call_id, channel_id=channel.id, sip_call_id=channel.sip_call_id)
        self._reception = reception
        self._channel = channel
        self._arguments = arguments

    async def _connect(self) -> None:
        self._log.info("call arrived", extra={"to": self._channel.dialplan.exten})
        try:
            arrival = await self._reception.receive(self._channel, self._arguments, self.call_id)
        except CallRefused as error:
            self._refuse(error)
            return
        record = self._record = CallRecord(
            registered_call(
                call_id=self.call_id,
                agent=arrival.agent,
                from_number=arrival.from_number,
                to_number=arrival.to_number,
                sip_headers=arrival.sip.headers,
                sip_call_id=self._channel.sip_call_id,
                dynamic_variables=arrival.dynamic_variables,
                metadata=arrival.metadata,
            ),
            agent=arrival.agent,
            account_webhook_url=self._services.account_webhook_url,
        )
        self._sip = arrival.sip
        self._advance(Routed())
        self._log.info(
            "call routed", extra={"agent_id": arrival.agent.agent_id, "agent_version": arrival.agent.version}
        )
        try:
            await self._exit.enter_async_context(self._services.slots.inbound())
        except TimeoutError:
            self.post(Departure(DisconnectionReason.CONCURRENCY_LIMIT_REACHED, goes_on=True))
            return
        await self._answer(arrival, record)

    def _refuse(self, error: CallRefused) -> None:
        refusal = error.refusal
        self._log.info("call refused: %s", refusal.why)
        if refusal.reason:
            call = turned_away_call(
                call_id=self.call_id,
                agent_id=error.agent.agent_id if error.agent else "",
                from_number=error.from_number,
                to_number=error.to_number,
            )
            self._record = CallRecord(call, agent=None, account_webhook_url=self._services.account_webhook_url)
        self.post(Departure(refusal.reason, refusal.q850_cause))

    async def _answer(self, arrival: Arrival, record: CallRecord) -> None:
        """Dial the agent and set up the audio while the caller rings; answer once the agent is there."""
        media = self._new_media(
            arrival.agent,
            from_number=arrival.from_number,
            to_number=arrival.to_number,
            dynamic_variables=arrival.dynamic_variables,
            metadata=arrival.metadata,
        )
        host, port = await media.open()
        media.dial_agent()
        asterisk_address, _ = await together(self._leg.join_media(host, port), self._services.records.save(record))
        media.accept_from(*asterisk_address)
        await self._agent_ready.wait()
        await self._leg.answer()
        await self._talk(record, media, max_duration_ms=arrival.agent.max_call_duration_ms)
