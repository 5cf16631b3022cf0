"""Decides how an outbound call is placed: number, agent, overrides, slot, record. Dialling is the call's own business.

Every refusal comes before there is a record, and costs no slot. A request with an idempotency key is answered with the
first call of that key, for an hour, also after a restart: key and record are stored in one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Final, Protocol

from pydantic import ValidationError

from ari_agent.calls.concurrency import Slots
from ari_agent.calls.outbound_call import FindTrunk, OutboundOrder
from ari_agent.calls.record import registered_call
from ari_agent.calls.routing import AgentChoice, draw
from ari_agent.calls.trunk_keeper import TrunkKeeper
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.e164 import country_of
from ari_agent.contract.explain import explain
from ari_agent.contract.phone_call import CallTask, PhoneCallCreate
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import AsteriskUnreachable, CallNotPlaced, UnknownAsset
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

IDEMPOTENCY_MS: Final = 3_600_000
"""How long an idempotency key is remembered (Retell, Create Phone Call, 2026-08: one hour)."""

Register = Callable[[Call], Awaitable[Call | None]]
"""Stores the record of a new call. Answers the call that was placed before instead of it, if there is one."""


class Dialler(Protocol):
    """What places calls: the switchboard."""

    @property
    def can_dial(self) -> bool:
        """Asterisk is within reach."""

    def place_call(self, order: OutboundOrder, *, slot: AsyncExitStack, find_trunk: FindTrunk) -> None:
        """Dial a call whose record is stored; closes the slot at its end."""


class OutboundDesk:
    """Places outbound calls; one for all.

    dice: uniform in [0, 1), drawn once a call. new_call_id: makes `call_...` ids.
    """

    def __init__(
        self,
        *,
        store: Store,
        slots: Slots,
        dialler: Dialler,
        trunks: TrunkKeeper,
        dice: Callable[[], float],
        new_call_id: Callable[[], str],
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._slots = slots
        self._dialler = dialler
        self._trunks = trunks
        self._dice = dice
        self._new_call_id = new_call_id
        self._now_ms = now_ms

    async def place(self, request: PhoneCallCreate) -> Call:
        """Place the call, or answer the one that was placed with the same idempotency key within the hour.

        Raises:
            UnknownAsset, CallNotPlaced: it cannot be as it is asked for.
            ConcurrencyLimitReached: no slot is free.
            AsteriskUnreachable: nobody to dial with.
        """
        key = request.idempotency_key
        if key is None:
            return await self.place_task(request, from_number=request.from_number, register=self._register)
        now_ms = self._now_ms()
        since_ms = now_ms - IDEMPOTENCY_MS
        if earlier := await self._store.placed.find(key, since_ms=since_ms):
            return earlier

        async def register(call: Call) -> Call | None:
            return await self._store.placed.save(key, call, since_ms=since_ms, now_ms=now_ms)

        return await self.place_task(request, from_number=request.from_number, register=register)

    async def _register(self, call: Call) -> None:
        await self._store.calls.save(call)

    async def place_task(
        self,
        task: CallTask,
        *,
        from_number: str,
        register: Register,
        batch_call_id: str | None = None,
        batch_reserve: int | None = None,
    ) -> Call:
        """Place one call from a number; see `place`. register: stores its record before anything is dialled.

        batch_call_id: of the batch that it belongs to. batch_reserve: slots that this batch leaves to other calls.
        """
        number = await self.number(from_number)
        agent = await self._agent(number, task)
        _check_country(number, task.to_number)
        if not self._dialler.can_dial:
            raise AsteriskUnreachable("Asterisk", "its event websocket is not connected")
        async with AsyncExitStack() as exits:
            await exits.enter_async_context(self._slots.outbound(batch_reserve=batch_reserve))
            call = registered_call(
                call_id=self._new_call_id(),
                direction=CallDirection.OUTBOUND,
                agent=agent,
                from_number=number.phone_number,
                to_number=task.to_number,
                sip_headers=task.custom_sip_headers or {},
                sip_call_id=None,
                dynamic_variables=task.retell_llm_dynamic_variables or {},
                metadata=task.metadata,
                batch_call_id=batch_call_id,
            )
            if earlier := await register(call):
                return earlier
            order = OutboundOrder(call, agent, drop_machines=task.drop_call_if_machine_detected)
            # From here on the slot is the call's.
            self._dialler.place_call(order, slot=exits.pop_all(), find_trunk=self._trunks.refresh)
            return call

    async def number(self, from_number: str) -> PhoneNumber:
        """The number to call from.

        Raises:
            UnknownAsset: it is not registered.
            CallNotPlaced: it has no trunk.
        """
        number = await self._store.phone_numbers.get(from_number)
        if number is None:
            raise UnknownAsset("phone number", from_number)
        trunk = number.sip_outbound_trunk_config
        if trunk is None or not trunk.termination_uri:
            raise CallNotPlaced(
                f"{from_number} has no trunk to call through: set termination_uri with PATCH /update-phone-number"
            )
        return number

    async def check_agents(self, number: PhoneNumber, tasks: Iterable[CallTask]) -> None:
        """That every task names an agent that is there, or leaves it to the number, which has one.

        Raises:
            UnknownAsset, CallNotPlaced.
        """
        for choice in {(task.override_agent_id, task.override_agent_version): task for task in tasks}.values():
            await self._agent(number, choice.model_copy(update={"agent_override": None}))

    async def _agent(self, number: PhoneNumber, task: CallTask) -> Agent:
        """The agent of this call, as overridden.

        Raises:
            UnknownAsset, CallNotPlaced.
        """
        choice: AgentChoice | None
        if task.override_agent_id:
            choice = AgentChoice(task.override_agent_id, task.override_agent_version)
        else:
            choice = draw(number.outbound_agents or (), self._dice())
            if choice and task.override_agent_version is not None:
                choice = AgentChoice(choice.agent_id, task.override_agent_version)
        if choice is None:
            raise CallNotPlaced(
                f"{number.phone_number} has no outbound agent: "
                "give override_agent_id, or set outbound_agents with PATCH /update-phone-number"
            )
        agent = await self._store.agents.get(choice.agent_id, choice.version)
        if agent is None:
            version = "" if choice.version is None else f" version {choice.version}"
            raise UnknownAsset("agent", f"{choice.agent_id}{version}")
        if task.agent_override is None:
            return agent
        try:
            return task.agent_override.apply(agent)
        except ValidationError as error:
            raise CallNotPlaced(f"agent_override does not fit agent {agent.agent_id}: {explain(error)}") from None


def _check_country(number: PhoneNumber, to_number: str) -> None:
    allowed = number.allowed_outbound_country_list
    country = country_of(to_number)
    if allowed and country is not None and country not in allowed:
        raise CallNotPlaced(
            f"{number.phone_number} may not call {to_number} in {country}: "
            f"its allowed_outbound_country_list is {', '.join(allowed)}"
        )
