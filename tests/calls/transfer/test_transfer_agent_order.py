"""Which agent is called for an agentic warm transfer, what it is told, and who is refused."""

from __future__ import annotations

import pytest

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.record import CallRecord, registered_call
from ari_agent.calls.transfer.agentic_transfer import AgenticTransferRefused
from ari_agent.calls.transfer.transfer_agent_call import TransferAgentOrder
from ari_agent.calls.transfer.transfer_agent_order import order_transfer_agent
from ari_agent.contract.agent import Agent
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.contract.transfer_option import TransferAgent
from ari_agent.errors import ConcurrencyLimitReached, StoreError, UnknownAgent, UnservedAgent

AUDIO = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:1/"}
TEXT = {"type": "custom-llm", "llm_websocket_url": "ws://127.0.0.1:1/"}


def agent(**settings: object) -> Agent:
    fields = {"agent_id": "agent_2", "last_modification_timestamp": 1, "response_engine": AUDIO, **settings}
    return Agent.model_validate(fields)


def first_call(**settings: object) -> CallRecord:
    """A call in which something was said."""
    call = registered_call(
        call_id="call_1",
        agent=agent(**settings),
        from_number="+15550001",
        to_number="+15550002",
        sip_headers={},
        sip_call_id=None,
        dynamic_variables={"name": "Ada"},
        metadata={"ticket": 7},
    )
    record = CallRecord(call, agent=agent(**settings), account_webhook_url=None)
    said = {"transcript": [{"role": "user", "content": "Help."}]}
    record.said(TranscriptUpdate.model_validate(said))
    return record


async def order(found: Agent | StoreError | None, slots: Slots, **first: object) -> TransferAgentOrder:
    async def find_agent(agent_id: str, version: int | str | None) -> Agent | None:
        assert (agent_id, version) == ("agent_2", "live")
        if isinstance(found, StoreError):
            raise found
        return found

    return await order_transfer_agent(
        TransferAgent(agent_id="agent_2", agent_version="live"),
        first_call(**first),
        find_agent=find_agent,
        slots=slots,
        call_id="call_2",
        from_number="+15550002",
        to_number="+15550003",
    )


async def test_it_has_a_record_a_slot_and_what_was_said() -> None:
    slots = Slots(2)
    made = await order(agent(assigned_tags=["live"]), slots)
    assert (made.call.call_id, made.call.direction, made.call.agent_tag) == ("call_2", "outbound", "live")
    assert made.call.retell_llm_dynamic_variables == {"name": "Ada", "original_call_id": "call_1"}
    assert made.call.metadata == {"ticket": 7}
    assert made.metadata == {"ticket": 7, "original_call": {"call_id": "call_1", "transcript": "User: Help.\n"}}
    assert slots.in_use == 1
    await made.slot.aclose()
    assert slots.in_use == 0


async def test_it_is_told_what_was_said_where_that_is_not_stored() -> None:
    made = await order(agent(), Slots(1), data_storage_setting="basic_attributes_only")
    assert made.metadata["original_call"]["transcript"] == "User: Help.\n"
    await made.slot.aclose()


@pytest.mark.parametrize(
    ("found", "error", "words"),
    [
        (None, UnknownAgent, "agent agent_2 version live not found"),
        (
            agent(response_engine=TEXT, voice_id="flite-slt"),
            UnservedAgent,
            "which is no transfer agent; use audio-websocket",
        ),
        (StoreError("locked"), AgenticTransferRefused, "the transfer agent agent_2 cannot be read now: locked"),
    ],
)
async def test_who_cannot_do_it_is_refused_and_takes_no_slot(
    found: Agent | StoreError | None, error: type[Exception], words: str
) -> None:
    slots = Slots(1)
    with pytest.raises(error, match=words):
        await order(found, slots)
    assert slots.in_use == 0


async def test_it_needs_a_slot_of_its_own() -> None:
    slots = Slots(1)
    async with slots.outbound():
        with pytest.raises(ConcurrencyLimitReached, match="1 of 1 calls"):
            await order(agent(), slots)
    assert slots.in_use == 0
