"""Places outbound calls: number, agent, overrides, slot, record. The call itself dials.

Every refusal comes before there is a record, and costs no slot; a task of a batch, which nobody waits for, then gets a
record of its own that says why. A request with an idempotency key is answered with the first call of that key, for an
hour, also after a restart: key and record are stored in one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Final, Protocol

from ari_agent.asterisk.trunk_objects import trunk_encryption
from ari_agent.calls.concurrency_slots import SlotPool
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.outbound_call import OutboundOrder
from ari_agent.calls.record import CallRecord, registered_call
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.phone_call import CallTask, PhoneCallCreate
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import AsteriskUnreachable, CallError, CallNotPlaced, UnknownAsset
from ari_agent.routing.ab_weights import draw
from ari_agent.routing.agent_choice import (
    AUDIO_AGENTS,
    AgentChoice,
    Outbound,
    Serves,
    agent_tag,
    apply_override,
    choose_outbound,
    prepare_for_call,
)
from ari_agent.routing.dial_policy import Dial, DialRefused
from ari_agent.routing.system_variables import CallVariables
from ari_agent.routing.variables import personal_headers
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

IDEMPOTENCY_MS: Final = 3_600_000
"""How long an idempotency key is remembered (Retell, Create Phone Call, 2026-08: one hour)."""

Register = Callable[[Call, CallRecovery], Awaitable[Call | None]]
"""Stores the record of a new call, or returns the call that was placed before instead of it."""


class Dialler(Protocol):
    """What dials calls: the switchboard, or a test's list."""

    @property
    def can_dial(self) -> bool:
        """Whether calls can be placed now, which takes a connection to Asterisk."""

    def place_call(self, order: OutboundOrder, *, slot: AsyncExitStack, trunks: TrunkSync) -> None:
        """Dial a call whose record is stored. slot: is closed when the call ends."""


class Originator:
    """Places outbound calls; one object serves the whole controller.

    dice: returns a number that is uniform in [0, 1), asked once a call. new_call_id: makes `call_...` ids. now_ms:
    milliseconds since the epoch. serves: which kinds of agents can take calls here.
    account_webhook_url: for agents without a URL of their own.
    """

    def __init__(
        self,
        *,
        store: Store,
        slots: SlotPool,
        dialler: Dialler,
        trunks: TrunkSync,
        dial_guard: DialGuard,
        dice: Callable[[], float],
        new_call_id: Callable[[], str],
        now_ms: Callable[[], int],
        serves: Serves = AUDIO_AGENTS,
        account_webhook_url: str | None = None,
    ) -> None:
        self._store = store
        self._serves = serves
        self._slots = slots
        self._dialler = dialler
        self._trunks = trunks
        self._dial_guard = dial_guard
        self._dice = dice
        self._new_call_id = new_call_id
        self._now_ms = now_ms
        self._account_webhook_url = account_webhook_url
        # One after the other: of two requests at once with the same key, the second must not fail for want of a slot
        # that the first one holds. Between controllers the database decides.
        self._with_key = asyncio.Lock()

    async def place(self, request: PhoneCallCreate) -> Call:
        """Place the call, or return the one that was placed with the same idempotency key within the hour.

        Raises:
            UnknownAsset, NoAgentBound, AgentNotUsable, CallNotPlaced: it cannot be as it is asked for.
            DialRefused: the dial policy does not allow it.
            UnknownCall: the record of the key's call has been deleted.
            ConcurrencyLimitReached: no slot is free.
            AsteriskUnreachable: Asterisk is not connected, so nothing can be dialled.
        """
        key = request.idempotency_key
        try:
            if key is None:
                return await self.place_task(request, from_number=request.from_number, register=self._register)
            async with self._with_key:
                return await self._place_once(request, key)
        except DialRefused as refusal:
            facts = {"rule": refusal.rule.value, "from": request.from_number, "to": request.to_number}
            log.warning("call not placed: %s", refusal, extra=facts)
            raise

    async def _place_once(self, request: PhoneCallCreate, key: str) -> Call:
        now_ms = self._now_ms()
        since_ms = now_ms - IDEMPOTENCY_MS
        if earlier := await self._store.placed.find(key, since_ms=since_ms):
            return earlier

        async def register(call: Call, recovery: CallRecovery) -> Call | None:
            return await self._store.placed.save(key, call, since_ms=since_ms, now_ms=now_ms, recovery=recovery)

        return await self.place_task(request, from_number=request.from_number, register=register)

    async def _register(self, call: Call, recovery: CallRecovery) -> None:
        await self._store.calls.save(call, recovery=recovery)

    async def place_task(
        self,
        task: CallTask,
        *,
        from_number: str,
        register: Register,
        batch_call_id: str | None = None,
        batch_reserve: int | None = None,
    ) -> Call:
        """Place one call from a number. register: stores its record before anything is dialled.

        batch_call_id: of the batch that it belongs to. batch_reserve: slots that this batch leaves to other calls.

        Raises:
            As `place`, but for UnknownCall.
        """
        number = await self.number(from_number)
        choice = self._choice(number, task)
        found = await self._store.agents.get(choice.agent_id, choice.version)
        agent = prepare_for_call(found, choice, task.agent_override, serves=self._serves)
        dial = Dial(task.to_number, number, agent, task.custom_sip_headers or {}, through_trunk=True)
        async with AsyncExitStack() as exits, self._dial_guard.admitting(dial):
            if not self._dialler.can_dial:
                raise AsteriskUnreachable(
                    "Asterisk", "its event websocket is not connected, or the controller is about to stop"
                )
            call_id = self._new_call_id()
            await exits.enter_async_context(self._slots.outbound(call_id, batch_reserve=batch_reserve))
            call = _registered(
                call_id,
                agent,
                task,
                from_number=number.phone_number,
                batch_call_id=batch_call_id,
                tag=agent_tag(agent, choice.version),
            )
            call = self._with_its_headers(call, agent)
            if earlier := await register(call, CallRecovery.of(agent)):
                return earlier
            order = OutboundOrder(
                call,
                agent,
                number,
                drop_machines=task.drop_call_if_machine_detected,
                encryption=trunk_encryption(number.sip_outbound_trunk_config),
            )
            # From here on the slot is the call's.
            self._dialler.place_call(order, slot=exits.pop_all(), trunks=self._trunks)
            return call

    async def number(self, from_number: str) -> PhoneNumber:
        """Find the number to call from.

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
        """Check every agent that may get one of these tasks, with the task's override, before anything is placed.

        Raises:
            UnknownAgent, NoAgentBound, AgentNotUsable: one of the calls could not be placed.
        """
        weights = number.outbound_agents or ()
        own: list[AgentChoice | None] = [AgentChoice(bound.agent_id, bound.agent_version) for bound in weights]
        found: dict[AgentChoice, Agent | None] = {}
        checked: set[tuple[AgentChoice, str]] = set()
        for task in tasks:
            override = task.agent_override
            changes = override.model_dump_json(exclude_unset=True) if override else ""
            for choice in {_choice(bound, number, task) for bound in own or [None]}:
                if (choice, changes) in checked:
                    continue
                if choice not in found:
                    found[choice] = await self._store.agents.get(choice.agent_id, choice.version)
                prepare_for_call(found[choice], choice, override, serves=self._serves)
                checked.add((choice, changes))
                await asyncio.sleep(0)  # a batch may have thousands of overrides, and live calls need the loop

    async def unplaced(self, task: CallTask, *, from_number: str, batch_call_id: str, why: str) -> CallRecord:
        """Make the record of a task that `place_task` refused: ended, with the webhooks owed. why: for people."""
        call_id, choice, agent = self._new_call_id(), None, None
        if number := await self._store.phone_numbers.get(from_number):
            with contextlib.suppress(CallError):
                choice = self._choice(number, task)
                agent = apply_override(await self._store.agents.get(choice.agent_id, choice.version), choice, None)
        if agent:
            tag = agent_tag(agent, choice.version if choice else None)
            call = _registered(call_id, agent, task, from_number=from_number, batch_call_id=batch_call_id, tag=tag)
        else:
            call = Call(
                call_id=call_id,
                agent_id=choice.agent_id if choice else "",
                batch_call_id=batch_call_id,
                call_status=CallStatus.REGISTERED,
                direction=CallDirection.OUTBOUND,
                from_number=from_number,
                to_number=task.to_number,
                metadata=task.metadata,
                retell_llm_dynamic_variables=task.retell_llm_dynamic_variables,
            )
        record = CallRecord(call, agent=agent, account_webhook_url=self._account_webhook_url)
        record.ended(DisconnectionReason.DIAL_FAILED, self._now_ms(), why=why)
        return record

    def _with_its_headers(self, call: Call, agent: Agent) -> Call:
        """Fill in the variables of the call's SIP headers. Raises CallNotPlaced if one cannot be sent then."""
        variables = CallVariables(call, timezone=agent.timezone, now_ms=self._now_ms())
        try:
            headers = personal_headers(call.custom_sip_headers or {}, variables)
        except ValueError as error:
            raise CallNotPlaced(f"custom_sip_headers, with this call's dynamic variables: {error}") from None
        return call.model_copy(update={"custom_sip_headers": headers or None})

    def _choice(self, number: PhoneNumber, task: CallTask) -> AgentChoice:
        return _choice(draw(number.outbound_agents or (), self._dice()), number, task)


def _choice(own: AgentChoice | None, number: PhoneNumber, task: CallTask) -> AgentChoice:
    """Choose the agent of a task. own: one of the number's outbound agents, as drawn. Raises NoAgentBound."""
    return choose_outbound(
        own,
        agent_id=task.override_agent_id,
        version=task.override_agent_version,
        number=number.phone_number,
        begins=Outbound.CALL,
    )


def _registered(
    call_id: str, agent: Agent, task: CallTask, *, from_number: str, batch_call_id: str | None, tag: str | None
) -> Call:
    return registered_call(
        call_id=call_id,
        direction=CallDirection.OUTBOUND,
        agent=agent,
        from_number=from_number,
        to_number=task.to_number,
        sip_headers=task.custom_sip_headers or {},
        sip_call_id=None,
        dynamic_variables=task.retell_llm_dynamic_variables or {},
        metadata=task.metadata,
        batch_call_id=batch_call_id,
        agent_tag=tag,
    )
