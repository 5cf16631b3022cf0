"""Finds the transfer agent of an agentic warm transfer, and what it is told of the call that is transferred."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from ari_agent.calls.concurrency_slots import SlotPool
from ari_agent.calls.record import CallRecord, registered_call
from ari_agent.calls.session_dependencies import FindAgent
from ari_agent.calls.transfer.agentic_transfer import AgenticTransferRefused
from ari_agent.calls.transfer.transfer_agent_call import TransferAgentOrder
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import CallDirection
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.contract.transfer_option import TransferAgent
from ari_agent.errors import StoreError, UnservedAgent
from ari_agent.routing.agent_choice import AgentChoice, agent_tag, apply_override


async def order_transfer_agent(
    wanted: TransferAgent,
    original: CallRecord,
    *,
    find_agent: FindAgent,
    slots: SlotPool,
    call_id: str,
    from_number: str,
    to_number: str,
) -> TransferAgentOrder:
    """Return what the call of a transfer agent is made with; it holds a slot from then on.

    wanted: the agent that was asked for. original: the record of the call that is transferred. find_agent: looks it up.
    slots: the pool. call_id, from_number, to_number: of the transfer agent's own record.

    Raises:
        UnknownAgent, UnservedAgent: there is no such agent of calls, or it is no audio agent.
        ConcurrencyLimitReached: no slot is free.
        AgenticTransferRefused: the agent cannot be read now.
    """
    agent = await _find(find_agent, wanted)
    first = original.call
    call = registered_call(
        call_id=call_id,
        direction=CallDirection.OUTBOUND,
        agent=agent,
        from_number=from_number,
        to_number=to_number,
        sip_headers={},
        sip_call_id=None,
        dynamic_variables={**(first.retell_llm_dynamic_variables or {}), "original_call_id": first.call_id},
        metadata=first.metadata,
        agent_tag=agent_tag(agent, wanted.agent_version),
    )
    async with AsyncExitStack() as exits:
        await exits.enter_async_context(slots.outbound(call_id))
        return TransferAgentOrder(call, agent, _told(original), slot=exits.pop_all())


async def _find(find_agent: FindAgent, wanted: TransferAgent) -> Agent:
    choice = AgentChoice(wanted.agent_id, wanted.agent_version)
    try:
        agent = apply_override(await find_agent(choice.agent_id, choice.version), choice, None)
    except StoreError as error:
        raise AgenticTransferRefused(f"the transfer agent {choice.agent_id} cannot be read now: {error}") from None
    if not isinstance(agent.response_engine, AudioWebsocketEngine):
        # A text agent is asked for answers to what somebody said, and has no words for a decision.
        raise UnservedAgent(agent.agent_id, agent.response_engine.type, "is no transfer agent; use audio-websocket")
    return agent


def _told(original: CallRecord) -> dict[str, Any]:
    """Return what the agent is told beside its variables: the first call's metadata, and what was said in it.

    The conversation is told and not stored: how long it is kept, if at all, is the first call's setting.
    """
    return {
        **(original.call.metadata or {}),
        "original_call": {"call_id": original.call.call_id, "transcript": original.conversation},
    }
