"""Many calls at the same time through a real Asterisk: what must be true of them, and of the controller afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.agent_server import Agent
from tests.fakes.sound import noise
from tests.integration.stage import Stage


@dataclass(slots=True)
class Load:
    """What was found; `faults` is empty when all went well."""

    calls: int
    successful: int = 0
    agent_calls: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    webhooks: dict[str, int] = field(default_factory=dict)
    rtp_sockets_after: int = 0
    files_before: int = 0
    files_after: int = 0
    live_after: float = 0.0
    heard_s_least: float = 0.0
    faults: list[str] = field(default_factory=list)


async def place(stage: Stage, *, calls: int, seconds: float, settle_s: float = 0.0, per_second: float = 25.0) -> Load:
    """`calls` callers of SIPp at once, each talking for so long; then look at what is left a second later.

    settle_s: how long connections to Asterisk and to webhooks that are kept alive may take to be closed; with 0 they
    are not counted.
    """
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    warm_up = await stage.sipp.run("call", number, values={"TALK_MS": "200"})
    warm_up.check()
    await stage.idle()
    await asyncio.sleep(1.0)
    load = Load(calls, files_before=stage.controller.open_files())
    run = await stage.sipp.run(
        "call_with_sound",
        number,
        calls=calls,
        at_once=calls,
        per_second=per_second,
        values={"TALK_MS": str(round(seconds * 1000))},
        sound=noise(2.0),
        trace=False,
        timeout_s=seconds + calls / per_second + 30,
    )
    load.successful = run.successful
    await stage.idle(timeout_s=10)
    await asyncio.sleep(1.0)
    load.rtp_sockets_after = stage.controller.udp_sockets()
    load.files_after = stage.controller.open_files()
    for _ in range(int(settle_s)):
        if load.files_after <= load.files_before:
            break
        await asyncio.sleep(1.0)
        load.files_after = stage.controller.open_files()
    await _count(stage, agent, number, load)
    _judge(load, seconds, run.exit_status, files_count=settle_s > 0)
    return load


async def _count(stage: Stage, agent: Agent, number: str, load: Load) -> None:
    load.agent_calls = len(agent.calls) - 1
    heard = [sum(len(piece.pcm) for piece in call.heard) / call.rate_hz for call in agent.calls[1:]]
    load.heard_s_least = min(heard, default=0.0)
    for _ in range(100):
        load.webhooks = dict(Counter(stage.events.events(to_number=number)))
        if load.webhooks.get("call_analyzed", 0) > load.calls:
            break
        await asyncio.sleep(0.1)
    body: dict[str, Any] = {"filter_criteria": {"to_number": [number]}, "limit": 1000}
    listed = await stage.controller.post("/v2/list-calls", body, expect=200)
    load.reasons = dict(Counter(call.get("disconnection_reason", call["call_status"]) for call in listed.json))
    metrics = await stage.controller.metrics()
    load.live_after = sum(value for name, value in metrics.items() if name.startswith("ari_agent_calls_live"))


def _judge(load: Load, seconds: float, exit_status: int, *, files_count: bool) -> None:
    every = load.calls + 1  # and the one that warmed up
    wanted = dict.fromkeys(("call_started", "call_ended", "call_analyzed"), every)
    checks = {
        f"SIPp ended with {exit_status}": exit_status != 0,
        f"{load.successful} of {load.calls} calls went well": load.successful != load.calls,
        f"agents were called {load.agent_calls} times": load.agent_calls != load.calls,
        f"disconnection reasons {load.reasons}": load.reasons != {"user_hangup": every},
        f"webhooks {load.webhooks}": load.webhooks != wanted,
        f"{load.rtp_sockets_after} RTP sockets still open": load.rtp_sockets_after > 0,
        f"{load.files_after} files open, {load.files_before} before": files_count
        and load.files_after > load.files_before,
        f"{load.live_after:.0f} calls still live": load.live_after != 0,
        f"an agent heard only {load.heard_s_least:.1f} s of {seconds:.0f} s": load.heard_s_least < seconds - 0.5,
    }
    load.faults = [fault for fault, is_so in checks.items() if is_so]
