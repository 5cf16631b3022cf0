"""Short phone calls that end in every way, many at once, through a real Asterisk; and what is left of them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.fakes.agent_server import CONNECT_ONLY, AgentCall, Refusal, Script, listen
from tests.fakes.sipp_callee import answers, refuses, rings
from tests.integration.stage import Stage
from tests.integration.test_outbound import trunk

NO_AUDIO_AFTER_S: Final = 8.0
"""For the setting: SIPp sends no audio, so that calls which nobody ends are over after this."""


async def leave(call: AgentCall) -> None:
    """The agent hangs up."""
    await call.hang_up()


async def leave_with_a_cause(call: AgentCall) -> None:
    """The agent hangs up with a cause."""
    await call.hang_up(q850_cause=21)


async def die(call: AgentCall) -> None:
    """The agent's process dies."""
    call.abort()


async def refer(call: AgentCall) -> None:
    """The agent transfers the caller, and leaves where that fails."""
    await call.transfer("sip:desk@127.0.0.9")
    if (await call.transfer_result())["status"] == "failed":
        await call.hang_up()


@dataclass(frozen=True, slots=True)
class Way:
    """One way for a caller's call to end.

    scenario: of SIPp. reason: of the record; None where there is none. may_be_early: the caller may be gone before it
    is known whom they called, and then there is no record either.
    """

    scenario: str
    reason: str | None
    script: Script = listen
    values: Mapping[str, str] = field(default_factory=dict)
    refusal: Refusal | None = None
    dials_nobody: bool = False
    may_be_early: bool = False


UNTIL_BYE: Final = "call_until_bye"
INBOUND: Final[Mapping[str, Way]] = {
    "BYE": Way("call", "user_hangup", values={"TALK_MS": "200"}),
    "CANCEL": Way("cancel", "user_hangup", values={"RING_MS": "1000"}, refusal=CONNECT_ONLY, may_be_early=True),
    "the agent leaves": Way(UNTIL_BYE, "agent_hangup", leave),
    "the agent leaves with a cause": Way(UNTIL_BYE, "agent_hangup", leave_with_a_cause),
    "the agent dies": Way(UNTIL_BYE, "error_llm_websocket_lost_connection", die),
    "the agent refuses": Way(
        "refused", "error_llm_websocket_open", values={"STATUS": "503"}, refusal=Refusal(status=503)
    ),
    "no audio": Way(UNTIL_BYE, "error_no_audio_received"),
    "REFER": Way("refer", "call_transfer", refer, {"STATUS": "200 OK"}),
    "REFER fails": Way("refer", "agent_hangup", refer, {"STATUS": "486 Busy Here"}),
    "REFER is refused": Way("refer_refused", "agent_hangup", refer, {"STATUS": "603 Decline"}),
    "no such number": Way("refused", None, values={"STATUS": "404"}, dials_nobody=True),
}
OUTBOUND: Final[Mapping[str, tuple[Callable[[], Sequence[str]], str]]] = {
    "busy": (lambda: refuses(486, ringing=True), "dial_busy"),
    "declined": (lambda: refuses(603), "user_declined"),
    "their BYE": (lambda: answers(talk_ms=100), "user_hangup"),
    "stopped while it rings": (rings, "manual_stopped"),
}
"""The story of the far end, told anew for each run since its branches must be new, and the reason of the record."""
WAYS: Final = len(INBOUND) + len(OUTBOUND) + 1
"""How many ways there are: stop-call of an answered call is the last one."""


async def play(stage: Stage, each: int, *, per_second: float = 2.0) -> Counter[str]:
    """Have so many calls end in each way, all ways at once; return how many records tell of which reason.

    per_second: how many calls begin in each way.

    Raises AssertionError where a call ended otherwise.
    """
    found: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_inbound(stage, name, way, each, per_second)) for name, way in INBOUND.items()]
        tasks += [group.create_task(_placed(stage, name, each)) for name in OUTBOUND]
        tasks.append(group.create_task(_stopped(stage, each, per_second)))
    for task in tasks:
        found.update(task.result())
    return found


async def _inbound(stage: Stage, name: str, way: Way, each: int, per_second: float) -> Counter[str]:
    number = stage.new_number()
    if not way.dials_nobody:
        script = way.script if way.script is listen else _once_answered(stage, way.script)
        agent = stage.agents.agent(script, refusal=way.refusal, redial_ms=0)
        number = await stage.import_number(await stage.create_agent(agent))
    pace: dict[str, Any] = {"calls": each, "at_once": each, "per_second": per_second, "timeout_s": 90}
    run = await stage.sipp.run(way.scenario, number, values=way.values, trace=False, **pace)
    assert run.successful == each, (name, run.errors[-500:])
    at_least = 0 if way.may_be_early or not way.reason else each
    return await _reasons(stage, name, way.reason, at_least, to_number=number)


def _once_answered(stage: Stage, script: Script) -> Script:
    async def play_later(call: AgentCall) -> None:
        await stage.begun(str(call.about["call_id"]), timeout_s=30, pause_s=0.25)  # many wait here
        await asyncio.sleep(0.3)  # SIPp takes no request before it has sent its ACK
        await script(call)

    return play_later


async def _placed(stage: Stage, name: str, each: int) -> Counter[str]:
    steps, reason = OUTBOUND[name]
    async with trunk(stage, steps(), calls=each) as line:
        for _ in range(each):
            call_id = (await line.call())["call_id"]
            if reason == "manual_stopped":
                await _rings(stage, call_id)
                await stage.controller.post(f"/v2/stop-call/{call_id}", expect=204)
        try:
            await line.far_end.done(timeout_s=60)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
        return await _reasons(stage, name, reason, each, from_number=line.number)


async def _rings(stage: Stage, call_id: str) -> None:
    """Until 180 has come: Asterisk sends no CANCEL before."""
    for _ in range(200):
        if "180" in (entry["event"] for entry in (await stage.controller.call(call_id)).get("sip", ())):
            return
        await asyncio.sleep(0.1)


async def _stopped(stage: Stage, each: int, per_second: float) -> Counter[str]:
    async def stop(call: AgentCall) -> None:
        await stage.controller.post(f"/v2/stop-call/{call.about['call_id']}", expect=204)

    return await _inbound(stage, "stop-call", Way(UNTIL_BYE, "manual_stopped", stop), each, per_second)


async def _reasons(stage: Stage, name: str, reason: str | None, at_least: int, **wanted: str) -> Counter[str]:
    """The reasons of these calls' records, once all are over. wanted: the number that they were for or from."""
    filters = {key: {"type": "string", "op": "eq", "value": value} for key, value in wanted.items()}
    body = {"filter_criteria": filters, "limit": 1000}
    items: list[dict[str, Any]] = []
    for _ in range(300):
        items = (await stage.controller.post("/v3/list-calls", body)).json["items"]
        if len(items) >= at_least and all("disconnection_reason" in item for item in items):
            break
        await asyncio.sleep(0.1)
    found = Counter(item.get("disconnection_reason", "") for item in items)
    assert set(found) <= {reason} and found.total() >= at_least, (name, found, _log_of_open_call(stage, items))
    return found


def _log_of_open_call(stage: Stage, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the controller logged of the first call that is not over, where there is one."""
    call_id = next((item["call_id"] for item in items if "disconnection_reason" not in item), None)
    return [line for line in stage.controller.log_text().splitlines() if call_id and call_id in line]


@dataclass(frozen=True, slots=True)
class Left:
    """What Asterisk and the controller hold. slots: taken. files: file descriptors, kept connections among them."""

    channels: int
    bridges: int
    udp_sockets: int
    files: int
    slots: int
    live_calls: int


async def left(stage: Stage) -> Left:
    """Count what there is now."""
    channels = (await stage.pbx.cli("core show channels concise")).split("\n")
    bridges = await stage.pbx.cli("bridge show all")
    metrics = await stage.controller.metrics()
    return Left(
        channels=len([line for line in channels if line.strip()]),
        bridges=len(re.findall("ari_agent-", bridges)),
        udp_sockets=stage.controller.udp_sockets(),
        files=stage.controller.open_files(),
        slots=(await stage.controller.get("/get-concurrency")).json["current_concurrency"],
        live_calls=round(sum(value for name, value in metrics.items() if name.startswith("ari_agent_calls_live"))),
    )
