"""One call over a bad network, on either side of Asterisk: what the agent's stream looks like at the far end."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from pathlib import Path

from tests.fakes.agent_server import AgentCall, HeardSound
from tests.fakes.lossy_link import LossyLink, Weather, lossy_link
from tests.fakes.rtp_stream import timeline_faults
from tests.fakes.sound import find, noise, silence
from tests.integration.stage import CALLER_ADDRESS, Stage, staged

BAD_DAY = Weather(delay_ms=40, jitter_ms=10, loss_percent=2)
SIGNAL_S = 0.5


class Where(Enum):
    """Which stretch of the way is bad."""

    CALLER = "between caller and Asterisk"
    CONTROLLER = "between Asterisk and controller"


@dataclass(slots=True)
class Outcome:
    """What was found; times in ms. `faults` is empty when all went well."""

    where: str
    reason: str = ""
    drift_by_clock_ms: float = 0.0
    """How far the agent's stream got ahead (+) or behind (-) of real time from the first second to the last."""
    drift_by_signal_ms: float = 0.0
    """The same, by a signal said at the start and at the end."""
    similarity: float = 0.0
    """Of the signal that fared worst."""
    backwards: int = 0
    caller_faults: list[str] = field(default_factory=list)
    frames_lost: int = 0
    """By the link, both ways."""
    faults: list[str] = field(default_factory=list)


async def call_through(where: Where, *, seconds: float, folder: Path, weather: Weather = BAD_DAY) -> Outcome:
    """Place a call, say a signal at its start and its end, hang up."""
    outcome = Outcome(where.value)
    with lossy_link(weather) as link:
        if where is Where.CALLER:
            options = {"bind": link.near, "callers": (f"{link.far}/32",)}
            async with staged(folder, pbx_options=options) as stage:
                await _talk(stage, seconds, outcome, link)
        else:
            options = {"ari_bind": link.near, "callers": (CALLER_ADDRESS,)}
            async with staged(folder, pbx_options=options, link=link) as stage:
                await _talk(stage, seconds, outcome, None)
    outcome.frames_lost = link.outward.lost + link.inward.lost
    _judge(outcome)
    return outcome


async def _talk(stage: Stage, seconds: float, outcome: Outcome, link: LossyLink | None) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    caller = stage.caller(address=link.far, open_socket=link.open_udp) if link else stage.caller()
    signal = noise(SIGNAL_S)
    async with caller:
        await caller.call(number, timeout_s=20)
        call = await agent.call()
        between = silence(seconds - 2 * SIGNAL_S - 1.0)
        for piece in (silence(0.5), signal, between, signal, silence(0.5)):
            caller.audio.say(piece)
        await call.say(noise(1.0))
        await caller.audio.said(timeout_s=seconds + 10)
        await asyncio.sleep(0.5)
        await caller.hang_up(timeout_s=10)
        outcome.caller_faults = timeline_faults(caller.audio.heard)[:5]
    record = await stage.controller.ended_call(str(call.about["call_id"]), timeout_s=20)
    outcome.reason = record["disconnection_reason"]
    _measure(call, signal_gap=len(between) + len(signal), outcome=outcome)


def _measure(call: AgentCall, *, signal_gap: int, outcome: Outcome) -> None:
    outcome.drift_by_clock_ms = _drift_by_clock_ms(call.heard, call.rate_hz)
    stamps = [piece.timestamp_ms or 0 for piece in call.heard]
    outcome.backwards = sum(after <= before for before, after in pairwise(stamps))
    signal, heard = noise(SIGNAL_S), call.sound()
    middle = len(heard) // 2
    first, last = find(signal, heard[:middle]), find(signal, heard[middle:])
    outcome.drift_by_signal_ms = (middle + last.offset - first.offset - signal_gap) / 8
    outcome.similarity = min(first.similarity, last.similarity)


def _drift_by_clock_ms(heard: Sequence[HeardSound], rate_hz: int) -> float:
    """Median lead over the clock of the last second less that of the first one after a settled start."""
    leads: list[tuple[float, float]] = []
    said_s = 0.0
    for piece in heard:
        leads.append((piece.time_s, said_s - piece.time_s))
        said_s += len(piece.pcm) / rate_hz
    begin_s, end_s = leads[0][0] + 0.5, leads[-1][0]
    early = [lead for time_s, lead in leads if begin_s <= time_s <= begin_s + 1.0]
    late = [lead for time_s, lead in leads if end_s - 1.0 <= time_s]
    return (statistics.median(late) - statistics.median(early)) * 1000


def _judge(outcome: Outcome) -> None:
    checks = {
        f"the call ended as {outcome.reason}": outcome.reason != "user_hangup",
        f"the stream ran backwards {outcome.backwards} times": outcome.backwards > 0,
        f"drift by the clock {outcome.drift_by_clock_ms:.0f} ms": abs(outcome.drift_by_clock_ms) > 40,
        f"drift by the signal {outcome.drift_by_signal_ms:.0f} ms": abs(outcome.drift_by_signal_ms) > 40,
        f"a signal was not recognised: {outcome.similarity:.2f}": outcome.similarity < 0.5,
        f"the link lost {outcome.frames_lost} frames": outcome.frames_lost == 0,
    }
    outcome.faults = [fault for fault, is_so in checks.items() if is_so]
