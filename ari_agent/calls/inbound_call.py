"""A call that came in through Stasis(): from the first ring to the answer. What follows is the same for every call.

Where no slot comes free in time (`concurrency`), the caller goes on ringing at the number's fallback number:

    CONNECTING ──40 s without a slot──▶ DIVERTED ──answered──▶ no_concurrency_fallback, the dialplan keeps the caller
        │                                  └──busy, no answer, ...──▶ concurrency_limit_reached
        └──no fallback number───────────────────────────────────────▶ concurrency_limit_reached

Who waits has a record already. If the process dies while the fallback number rings, Asterisk goes on without it: the
caller is answered there or, if nobody answers, comes back to the next process and hears that the call failed. Their
record ends with `concurrency_limit_reached`, that of a caller who still waited with `error_retell`.

Whose call ends while it is being decided who takes it, as when the caller hangs up before the inbound webhook has
answered, leaves a record that begins with this end; who is turned away leaves none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ari_agent.asterisk.events import Channel, ChannelVarset, StasisEnd, StasisStart
from ari_agent.asterisk.fallback import DIAL_STATUS, fallback_variables, returned_dial_status
from ari_agent.asterisk.trunk_destinations import trunk_id
from ari_agent.calls.inbound_decider import CallRefused
from ari_agent.calls.inbound_router import Arrival, InboundRouter
from ari_agent.calls.record import CallRecord
from ari_agent.calls.referable_call import ReferableCall
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.state import CallState, Diverted, Routed
from ari_agent.calls.teardown import Teardown
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AsteriskError, CallError, ChannelGone
from ari_agent.gather import gather
from ari_agent.routing.dial_policy import Dial

_NO_SLOT = Teardown(DisconnectionReason.CONCURRENCY_LIMIT_REACHED, continues_in_dialplan=True)


class InboundCall(ReferableCall):
    """One call that came in through Stasis(). channel, arguments: of its StasisStart."""

    direction = CallDirection.INBOUND

    def __init__(
        self,
        services: SessionDependencies,
        router: InboundRouter,
        *,
        call_id: str,
        channel: Channel,
        arguments: tuple[str, ...],
    ) -> None:
        super().__init__(services, call_id=call_id, channel_id=channel.id, sip_call_id=channel.sip_call_id)
        self._router = router
        self._channel = channel
        self._arguments = arguments
        self._undecided: Call | None = None
        self._timeline.feed(StasisStart(channel=channel), services.now_ms())

    async def _ring(self) -> None:
        await self._leg.ring()
        self._timeline.rang(self._services.now_ms())

    async def _connect(self) -> None:
        self._log.info("call arrived", extra={"to": self._channel.dialplan.exten})
        try:
            arrival = await self._receive()
        except CallRefused as error:
            self._refuse(error)
            return
        record = self._record = self._new_record(arrival.call, arrival.agent)
        record.signalled(self._timeline.events)
        if caller := self._transferee:
            record.transferee(number=caller.number, name=caller.name)
        self._sip, self._number = caller.sip if caller else arrival.sip, arrival.number
        self._advance(Routed())
        self._log.info(
            "call routed", extra={"agent_id": arrival.agent.agent_id, "agent_version": arrival.agent.version}
        )
        saving = self._tasks.create_task(self._save())
        try:
            await self._exit_stack.enter_async_context(self._services.slots.inbound(self.call_id))
        except TimeoutError:
            await saving
            await self._divert(arrival, record)
            return
        await self._answer(arrival, record, saving)

    async def _receive(self) -> Arrival:
        """Ask who answers; once more where another caller's channel has taken the place of the one that was asked."""
        while True:
            channel = self._channel
            try:
                return await self._router.receive(
                    channel,
                    self._arguments,
                    self.call_id,
                    ring=self._ring,
                    public_log=self._log.public,
                    undecided=self._is_undecided,
                )
            except ChannelGone:
                if channel.id == self.channel_id:
                    raise
                self._channel = channel.model_copy(update={"id": self.channel_id})

    def _is_undecided(self, call: Call) -> None:
        self._undecided = call

    async def _end(self, teardown: Teardown) -> None:
        if self._record is None and self._undecided and teardown.reason:
            self._record = self._new_record(self._undecided, None)
        await super()._end(teardown)

    async def _divert(self, arrival: Arrival, record: CallRecord) -> None:
        """Send the caller to the fallback number, if there is one: no slot came free."""
        self._log.warning("no slot came free", extra={"limit": self._services.slots.limit})
        try:
            variables = self._fallback(arrival)
            if variables is None:
                self.post(_NO_SLOT)
                return
            record.diverted()
            await self._save()
            self._advance(Diverted())  # first: what Asterisk tells of the way there overtakes its answers
            await self._leg.leave_for_fallback(variables)
            self._timeline.sent_on(self._services.now_ms())
        except ChannelGone:
            raise
        except (CallError, AsteriskError) as error:
            self._log.error("fallback number not dialled: %s", error)
            record.fault(f"The fallback number was not dialled: {error}")
            self.post(_NO_SLOT)

    def _fallback(self, arrival: Arrival) -> Mapping[str, str] | None:
        number = arrival.number
        if number is None or number.fallback_number is None:
            return None
        self._services.dial_guard.rules.check(Dial(number.fallback_number, number))
        trunk = trunk_id(self._services.trunk_name, number.phone_number)
        return fallback_variables(number, trunk=trunk, ring_ms=arrival.agent.ring_duration_ms)

    async def _left_stasis_unless_diverted(self, event: StasisEnd) -> None:
        if self.state is not CallState.DIVERTED:  # there it is our own doing; the caller's hang-up has its own events
            await self._left_stasis(event)

    async def _fallback_event(self, event: StasisStart | ChannelVarset) -> None:
        if self.state is not CallState.DIVERTED or (isinstance(event, StasisStart) and event.replace_channel):
            await self._transfer_event(event)
        elif isinstance(event, StasisStart):
            self._log.info("fallback number not reached", extra={"dial_status": returned_dial_status(event.args)})
            await self._end(_NO_SLOT)
        elif (event.variable, event.value) == (DIAL_STATUS, "ANSWER"):
            await self._end(Teardown(DisconnectionReason.NO_CONCURRENCY_FALLBACK))

    def _refuse(self, error: CallRefused) -> None:
        refusal, self._undecided = error.refusal, None
        self._log.info("call refused: %s", refusal.why)
        self._log.public.add("routed", decision="refuse", rule=refusal.why, q850_cause=refusal.q850_cause)
        if refusal.reason:
            self._record = self._new_record(error.call, error.agent)
        self.post(Teardown(refusal.reason, refusal.q850_cause, continues_in_dialplan=refusal.goes_on, why=refusal.why))

    async def _answer(self, arrival: Arrival, record: CallRecord, saving: asyncio.Task[None]) -> None:
        """Dial the agent and set up the audio while the caller rings; answer once the agent is there.

        saving: the record, begun already.
        """
        # The record keeps no empty metadata; the agent is told what the webhook said.
        spec = replace(await self._media_spec(arrival.agent, record.call), metadata=arrival.call.metadata)
        media = self._new_media(spec)
        host, port = await media.open()
        media.dial_agent()
        address, _ = await gather(self._leg.join_media(host, port, codec=media.codec), self._handle_refers())
        media.accept_from(*address)
        await saving
        await self._agent_ready.wait()
        await self._leg.answer()
        self._begin_conversation(record, media, max_duration_ms=arrival.agent.max_call_duration_ms)
        await self._save()

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **ReferableCall.effects,
        StasisEnd: _left_stasis_unless_diverted,
        StasisStart: _fallback_event,
        ChannelVarset: _fallback_event,
    }
