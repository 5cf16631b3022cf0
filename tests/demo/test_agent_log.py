"""What the agent's log keeps of each call."""

from __future__ import annotations

import asyncio

import numpy as np

from ari_agent.demo.agent_log import MAX_HEARD_FRAMES, AgentLog
from ari_agent.demo.agent_wire import (
    AgentEvent,
    AudioHeard,
    CallStarted,
    KeyPressed,
    MarkReturned,
    TransferEnded,
    TransferStep,
)


async def test_events_are_kept_by_call_and_can_be_waited_for() -> None:
    log = AgentLog()
    waiting = asyncio.create_task(log.wait_for(lambda call: call.digits == ["5"] and call.marks == ["m"]))
    log.note("a", CallStarted("a", {"x-caller": "1"}))
    log.note("b", CallStarted("b", {}))
    await asyncio.sleep(0)
    log.note("a", KeyPressed("1"))
    log.note("b", KeyPressed("5"))
    log.note("b", MarkReturned("m"))
    log.note("b", TransferStep("ringing", is_ours_to_speak=False))
    log.note("b", TransferEnded("succeeded", 200))
    assert (await asyncio.wait_for(waiting, 5)).started.call_id == "b"
    assert log.calls["a"].started.variables == {"x-caller": "1"}
    assert [call.transfer_statuses for call in log.calls.values()] == [[], ["ringing", "succeeded"]]


async def test_what_was_heard_is_joined_up_to_a_minute() -> None:
    log = AgentLog()
    log.note("a", CallStarted("a", {}))
    assert len(log.calls["a"].heard) == 0
    for number in range(MAX_HEARD_FRAMES + 10):
        log.note("a", AudioHeard(np.full(2, number, np.int16)))
    assert log.calls["a"].heard.tolist()[:4] == [0, 0, 1, 1]
    assert len(log.calls["a"].heard) == 2 * MAX_HEARD_FRAMES


async def test_events_of_unknown_calls_are_told_but_not_kept() -> None:
    told: list[tuple[str, AgentEvent]] = []
    log = AgentLog(lambda call_id, event: told.append((call_id, event)))
    log.note("", KeyPressed("1"))
    log.note("", AudioHeard(np.zeros(2, np.int16)))
    assert (log.calls, told) == ({}, [("", KeyPressed("1"))])
