"""Who has picked up: a human talks to the agent, a machine gets what the call says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.sipp_callee import answers
from tests.fakes.sound import noise, silence, tone, ulaw_encode
from tests.integration.stage import Stage
from tests.integration.test_outbound import trunk

HANGUP = {"voicemail_option": {"action": {"type": "hangup"}}}
TEXT = "{{name}}, call us back at {{user_number}}."
MESSAGE = {"voicemail_option": {"action": {"type": "static_text", "text": TEXT}}}
PROMPT = {"voicemail_option": {"action": {"type": "prompt", "text": "Say who called."}}}
# More than 2.2 s of voice is a greeting; half a second with silence after it is a human's hello.
GREETING = np.concatenate([silence(0.3), noise(4), silence(6)])
BEEP = np.concatenate([silence(0.3), noise(3), silence(0.6), tone(1000, 0.5), silence(10)])
HELLO = np.concatenate([silence(0.4), noise(0.5), silence(9)])
# Begins like a human, and goes on only after a second.
HESITANT = np.concatenate([silence(0.4), noise(0.5), silence(1.4), noise(2), silence(0.4), tone(1000, 0.5), silence(9)])


def sound(stage: Stage, name: str) -> str:
    """A file for SIPp to play."""
    pcm = {"greeting": GREETING, "beep": BEEP, "hello": HELLO, "hesitant": HESITANT}[name]
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
    async with trunk(stage, answers(talk_ms=4000, sound=sound(stage, "hello")), agent=MESSAGE) as line:
        record = await line.ended(drop_call_if_machine_detected=True)
    assert record["disconnection_reason"] == "user_hangup"
    assert record["call_analysis"]["in_voicemail"] is False
    assert (await line.agent.call()).events("voicemail") == []
    assert f"answered by a human call_id={record['call_id']}" in stage.controller.log_text()
    await stage.idle()


ACTIONS: dict[str, tuple[dict[str, Any], str | None]] = {
    "prompt": ({"type": "prompt", "text": "Say that {{agent_number}} called."}, "Say that {number} called."),
    "static_text": ({"type": "static_text", "text": "Call {{user_number}}."}, "Call +14155550199."),
    "bridge_transfer": ({"type": "bridge_transfer"}, None),
    "hangup": ({"type": "hangup"}, None),
}


@pytest.mark.parametrize(("action", "text"), ACTIONS.values(), ids=ACTIONS.keys())
async def test_each_action_is_done_though_the_machine_began_like_a_human(
    stage: Stage, action: dict[str, Any], text: str | None
) -> None:
    agent = {"voicemail_option": {"action": action}}
    async with trunk(stage, answers(sound=sound(stage, "hesitant")), agent=agent) as line:
        placed = await line.call()
        agent_call = await line.agent.call()
        if action["type"] != "hangup":
            said = {} if text is None else {"text": text.format(number=line.number)}
            for status in ("greeting", "recording"):
                assert await voicemail(agent_call, status) == {"status": status, "action": action["type"], **said}
            await agent_call.send({"event": "hangup"})
        record = await stage.controller.ended_call(placed["call_id"])
        await line.far_end.done()
        assert len(agent_call.events("voicemail")) == (0 if action["type"] == "hangup" else 2)
    assert record["disconnection_reason"] == "voicemail_reached"
    assert record["call_analysis"]["in_voicemail"] is True
    log = stage.controller.log_text()
    for who in ("human", "machine"):
        assert f"answered by a {who} call_id={record['call_id']}" in log
    await stage.idle()


async def voicemail(call: AgentCall, status: str) -> dict[str, Any]:
    """The message that tells the agent so."""
    for index in range(2):
        message: dict[str, Any] = (await call.event("voicemail", index=index, timeout_s=15))["voicemail"]
        if message["status"] == status:
            return message
    raise AssertionError(f"no voicemail message says {status}")


async def test_an_agent_is_told_when_to_leave_its_message(stage: Stage) -> None:
    async with trunk(stage, answers(sound=sound(stage, "beep")), agent=MESSAGE) as line:
        placed = await line.call(retell_llm_dynamic_variables={"name": "Ada"})
        agent_call = await line.agent.call()
        assert await voicemail(agent_call, "greeting") == {
            "status": "greeting",
            "action": "static_text",
            "text": "Ada, call us back at +14155550199.",
        }
        heard_s = len(agent_call.sound()) / agent_call.rate_hz
        assert (await voicemail(agent_call, "recording"))["text"] == "Ada, call us back at +14155550199."
        # The beep ends 4.4 s after the answer; that it is a machine is known after 2.5 s.
        assert heard_s < 4.4 < len(agent_call.sound()) / agent_call.rate_hz
        await agent_call.say(noise(0.5))
        await agent_call.send({"event": "hangup"})
        record = await stage.controller.ended_call(placed["call_id"])
        await line.far_end.done()
    assert (record["disconnection_reason"], record["call_status"]) == ("voicemail_reached", "ended")
    assert record["call_analysis"]["in_voicemail"] is True
    await stage.idle()


async def test_a_machine_that_hangs_up_first_was_voicemail_too(stage: Stage) -> None:
    steps = answers(sound=sound(stage, "beep"), talk_ms=4000)
    async with trunk(stage, steps, agent=PROMPT) as line:
        placed = await line.call()
        told = await voicemail(await line.agent.call(), "greeting")
        record = await stage.controller.ended_call(placed["call_id"])
    assert told == {"status": "greeting", "action": "prompt", "text": "Say who called."}
    assert record["disconnection_reason"] == "voicemail_reached"
    assert record["call_analysis"]["in_voicemail"] is True
