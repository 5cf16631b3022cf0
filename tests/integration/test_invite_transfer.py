"""Transfer by INVITE: what the target's trunk sees, what the caller hears, and who is hung up when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.agent_server import Script, echo, listen
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import find_pieces, noise
from tests.integration.stage import Connected, Stage

TO = "+14155559999"
TARGET_ADDRESS = "127.0.0.4"


@asynccontextmanager
async def connected(
    stage: Stage, script: Script = listen, *, number: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[tuple[Connected, SipCallee]]:
    """A caller through to an agent, on a number whose trunk leads to a target that has not been called yet."""
    async with SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address=TARGET_ADDRESS) as target:
        trunk = {"termination_uri": target.uri, "transport": "UDP", **(number or {})}
        async with stage.connected(script, number=trunk, **more) as call:
            yield call, target


async def hear_each_other(call: Connected, target: SipCallee) -> None:
    for speaker, listener in ((call.caller, target), (target, call.caller)):
        said = noise(0.6)
        since_s = listener.audio.heard[-1].time_s if listener.audio.heard else 0.0
        speaker.audio.say(said)
        await speaker.audio.said()
        await asyncio.sleep(0.3)
        pieces = [match.similarity for match in find_pieces(said, listener.audio.sound(since_s=since_s))]
        assert max(pieces) > 0.99, pieces


@pytest.mark.parametrize("by", ["caller", "target"])
async def test_the_two_are_left_alone_until_one_hangs_up(stage: Stage, by: str) -> None:
    async with connected(stage, echo) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite")
        await target.rings()
        await call.caller.audio.hears()
        await target.picks_up()
        assert (await call.agent.transfer_result()) == {"status": "succeeded", "sip_status": 200}
        await call.agent.gone()
        await hear_each_other(call, target)
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"
        hangs_up, is_hung_up = (call.caller, target) if by == "caller" else (target, call.caller)
        await hangs_up.hang_up(headers=[("Reason", "Q.850;cause=31")])
        assert "cause=31" in ((await is_hung_up.bye()).header("Reason") or "")
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert record["transfer_destination"] == TO
    assert abs(record["transfer_end_timestamp"] - record["end_timestamp"]) < 50
    await stage.idle()
