"""Who has picked up: a human talks to the agent, a machine gets what the call says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes.sipp_callee import answers
from tests.fakes.sound import noise, silence, ulaw_encode
from tests.integration.stage import Stage
from tests.integration.test_outbound import trunk

HANGUP = {"voicemail_option": {"action": {"type": "hangup"}}}
MESSAGE = {"voicemail_option": {"action": {"type": "static_text", "text": "Call us back."}}}
# AMD() takes more than 1.5 s of speech without a pause for a greeting, and half a second with silence after it for a
# human's hello.
GREETING = np.concatenate([silence(0.3), noise(4), silence(6)])
HELLO = np.concatenate([silence(0.4), noise(0.5), silence(9)])


def sound(stage: Stage, name: str) -> str:
    """A file for SIPp to play."""
    pcm = {"greeting": GREETING, "hello": HELLO}[name]
    (stage.pbx.work_path / f"{name}.ulaw").write_bytes(ulaw_encode(pcm))
    return f"{name}.ulaw"


@pytest.mark.parametrize(
    ("agent", "fields", "reason"),
    [
        (HANGUP, {}, "voicemail_reached"),
        ({}, {"drop_call_if_machine_detected": True}, "machine_detected"),
        (HANGUP, {"drop_call_if_machine_detected": True}, "machine_detected"),
    ],
)
async def test_machines_are_hung_up(stage: Stage, agent: dict[str, Any], fields: dict[str, Any], reason: str) -> None:
    async with trunk(stage, answers(sound=sound(stage, "greeting")), agent=agent) as line:
        record = await line.ended(**fields)
        await line.far_end.done()
    assert (record["disconnection_reason"], record["call_status"]) == (reason, "ended")
    assert record["call_analysis"]["in_voicemail"] == (reason == "voicemail_reached")
    assert record["duration_ms"] > 0
    await stage.idle()


async def test_a_human_is_not_taken_for_a_machine(stage: Stage) -> None:
    async with trunk(stage, answers(talk_ms=4000, sound=sound(stage, "hello")), agent=HANGUP) as line:
        record = await line.ended(drop_call_if_machine_detected=True)
    assert record["disconnection_reason"] == "user_hangup"
    assert f"answered by a human call_id={record['call_id']}" in stage.controller.log_text()
    await stage.idle()


async def test_an_agent_leaves_its_message(stage: Stage) -> None:
    async with trunk(stage, answers(sound=sound(stage, "greeting")), agent=MESSAGE) as line:
        placed = await line.call()
        agent_call = await line.agent.call()
        await agent_call.hears_on(4.0)
        assert "disconnection_reason" not in await stage.controller.call(placed["call_id"])
        await agent_call.send({"event": "hangup"})
        record = await stage.controller.ended_call(placed["call_id"])
    assert record["disconnection_reason"] == "voicemail_reached"
