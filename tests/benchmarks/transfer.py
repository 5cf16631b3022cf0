"""What a transfer to a dialled target costs the two people, through a real Asterisk, everything on loopback.

    python -m tests.benchmarks.transfer [--calls 20]

Prints one JSON object, times in ms. `mouth_to_ear`: from the moment a phone sends a sound to the moment the other phone
has it, in a call that the dialplan's Dial() has made (`dial`), and in one that a `sip_invite` transfer has left alone
(`transferred`), both ways. `silence`: what the caller hears between the agent's last words and the ringing, at most,
for it is counted from the `transfer` message; and between the ringing and the target, who speaks at once. Both hold the
20 ms of a frame. `transfer_to_invite`: from the agent's `transfer` message to the INVITE at the target.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import noise
from tests.integration.stage import DIALPLAN, Stage, staged
from tests.integration.target import TO, connected_with_target

DIALLED: Final = """
[from-trunk](+)
exten = *70,1,Dial(PJSIP/+14155559999@${DIALLED_THROUGH})
"""
SOUNDS: Final = 10
"""How many sounds each phone of a call sends."""


def figures(times_ms: Sequence[float]) -> Mapping[str, float]:
    """The median, the 90th percentile and the longest."""
    cuts = statistics.quantiles(times_ms, n=10, method="inclusive")
    return {"p50": round(cuts[4], 1), "p90": round(cuts[8], 1), "max": round(max(times_ms), 1)}


async def mouth_to_ear(caller: SipCaller, target: SipCallee) -> list[float]:
    """Send sounds of one frame both ways, and note how long each is on its way."""
    times_ms: list[float] = []
    for speaker, listener in ((caller, target), (target, caller)):
        for _ in range(SOUNDS):
            since_s = time.monotonic()
            speaker.audio.say(noise(0.02))
            await speaker.audio.said()
            heard = await listener.audio.hears(packets=1, since_s=since_s)
            times_ms.append((heard.time_s - speaker.audio.said_s[-1]) * 1000)
            await asyncio.sleep(0.07)
    return times_ms


async def dialled(stage: Stage) -> list[float]:
    """A call that the dialplan makes, without us."""
    async with SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address="127.0.0.4") as target:
        number = await stage.import_number(None, termination_uri=target.uri, transport="UDP")
        await stage.pbx.cli(f"dialplan set global DIALLED_THROUGH ari_agent-trunk-{number[1:]}")
        async with stage.caller() as caller:
            await caller.dial("*70")
            await target.picks_up()
            await caller.answered()
            await asyncio.sleep(0.3)
            return await mouth_to_ear(caller, target)


class Transfer:
    """What was measured in one transfer."""

    def __init__(self) -> None:
        self.mouth_to_ear_ms: list[float] = []
        self.to_ringing_ms = self.to_target_ms = self.to_invite_ms = 0.0

    async def run(self, stage: Stage) -> None:
        """Have an agent speak and transfer; the target speaks as soon as it picks up."""
        async with connected_with_target(stage) as (call, target):
            await call.agent.hears_on(0.1)
            asked_s = time.monotonic()
            await call.agent.transfer(TO, mode="sip_invite")
            await target.invited()
            invite = next(entry for entry in target.log if entry.message.method == "INVITE")
            self.to_invite_ms = (invite.time_s - asked_s) * 1000
            target.reply(180)
            ring = await call.caller.audio.hears(packets=1, since_s=asked_s)
            self.to_ringing_ms = (ring.time_s - asked_s) * 1000
            await asyncio.sleep(0.5)
            target.audio.say(noise(1.0))
            await target.picks_up()
            await call.agent.gone()
            await target.audio.said()
            loud = [heard.time_s for heard in call.caller.audio.loud_packets(since_s=ring.time_s)]
            self.to_target_ms = max(after - before for before, after in pairwise(loud)) * 1000
            await asyncio.sleep(0.3)
            self.mouth_to_ear_ms = await mouth_to_ear(call.caller, target)


async def measure(calls: int) -> Mapping[str, object]:
    """One call after the other."""
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder), pbx_options={"extensions": DIALPLAN + DIALLED}) as stage:
            before_ms = [each for _ in range(calls) for each in await dialled(stage)]
            transfers = [Transfer() for _ in range(calls)]
            for transfer in transfers:
                await transfer.run(stage)
    return {
        "calls": calls,
        "mouth_to_ear": {
            "dial": figures(before_ms),
            "transferred": figures([each for transfer in transfers for each in transfer.mouth_to_ear_ms]),
        },
        "silence": {
            "agent_to_ringing": figures([transfer.to_ringing_ms for transfer in transfers]),
            "ringing_to_target": figures([transfer.to_target_ms for transfer in transfers]),
        },
        "transfer_to_invite": figures([transfer.to_invite_ms for transfer in transfers]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    print(json.dumps(asyncio.run(measure(parser.parse_args().calls))))


if __name__ == "__main__":
    main()
