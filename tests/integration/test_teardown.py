"""However a call ends, the record says for which reason, who ended it and by which message, and nothing is left.

All cases run at once, on an Asterisk whose SIP timers are a tenth of those of RFC 3261, and whose session timer
(RFC 4028) is the shortest that there may be: 90 s, of which half pass before a dead far end is found out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.fakes.agent_server import CONNECT_ONLY
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sip_message import tag_of
from tests.fakes.sipp_callee import answers, receive, remember_invite, reply
from tests.fakes.sound import noise, ulaw_encode
from tests.integration.stage import ENDPOINTS, Stage, staged
from tests.integration.test_outbound import Trunk, trunk

NO_AUDIO_AFTER_S: Final = 3.0
QUICK_TIMERS: Final = """
[system]
type = system
timer_t1 = 100
timer_b = 6400

[caller](+)
timers = always
timers_sess_expires = 90
"""
Record = dict[str, Any]


def to(number: str) -> dict[str, Any]:
    """The filter of list-calls for the calls to a number."""
    return {"to_number": {"type": "string", "op": "eq", "value": number}}


@contextlib.asynccontextmanager
async def ringing(stage: Stage) -> AsyncIterator[tuple[SipCaller, str]]:
    """A caller whose call is not answered, because the agent is not there yet; and the number that they dialled."""
    agent_id = await stage.create_agent(stage.agents.agent(refusal=CONNECT_ONLY))
    number = await stage.import_number(agent_id)
    async with stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        for _ in range(100):  # who gives up before it is known whom they called leaves no record
            listed = await stage.controller.post("/v3/list-calls", {"filter_criteria": to(number)})
            if listed.json["items"]:
                break
            await asyncio.sleep(0.05)
        yield caller, number


async def ended_to(stage: Stage, number: str, *, within_s: float) -> Record:
    """The record of the call to a number that was never answered, which no agent can tell the id of."""
    ended = await stage.events.event("call_ended", to_number=number, timeout_s=within_s)
    return dict(ended.call)


async def bye_before_the_answer(stage: Stage) -> Record:
    async with ringing(stage) as (caller, number):
        provisional = await caller.ringing()
        dialog = caller._need_dialog()
        dialog.remote_tag = tag_of(provisional.need("To"))
        await caller.hang_up()
        return await ended_to(stage, number, within_s=5)


async def cancel(stage: Stage) -> Record:
    async with ringing(stage) as (caller, number):
        await caller.cancel(headers=[("Reason", "Q.850;cause=31")])
        return await ended_to(stage, number, within_s=5)


@contextlib.asynccontextmanager
async def placed(stage: Stage, *steps: str, **options: Any) -> AsyncIterator[tuple[Trunk, str]]:
    """A call that we placed, and its id."""
    async with trunk(stage, steps, **options) as line:
        record = await line.call()
        yield line, record["call_id"]


async def answer_crosses_our_cancel(stage: Stage) -> Record:
    steps = (
        remember_invite(),
        reply(180),
        receive("CANCEL"),
        reply(200, of="[$cseq]", sdp=True),
        receive("ACK"),
        receive("BYE"),
        reply(200),
    )
    async with placed(stage, *steps) as (line, call_id):
        await line.far_end.heard("INVITE")
        await asyncio.sleep(0.3)
        await stage.controller.post(f"/v2/stop-call/{call_id}", {"q850_cause": 19}, expect=204)
        record = await stage.controller.ended_call(call_id)
        await line.far_end.heard("BYE")
        return record


async def cancel_crosses_our_answer(stage: Stage) -> Record:
    """The caller gave up as the 200 was on its way: CANCEL comes too late, and their BYE follows."""
    async with stage.connected() as call:
        await call.caller.cancel()
        await call.caller.hang_up()
        return await stage.controller.ended_call(call.call_id)


async def ack_is_lost(stage: Stage) -> Record:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.caller() as caller:
        caller.never_acks = True
        await caller.dial(number)
        record = await ended_to(stage, number, within_s=30)
        caller.never_acks = False
        return record


async def session_timer_expires(stage: Stage) -> Record:
    async with stage.connected() as call:
        call.caller.is_gone = True  # its audio goes on
        return await stage.controller.ended_call(call.call_id, timeout_s=100)


async def audio_stops(stage: Stage) -> Record:
    async with stage.connected() as call:
        await call.agent.hears_on(0.3)
        call.caller.audio.muted = True
        return await stage.controller.ended_call(call.call_id, timeout_s=30)


async def phone_vanishes(stage: Stage) -> Record:
    async with stage.connected() as call:
        await call.agent.hears_on(0.3)
        call.caller.audio.muted = call.caller.is_gone = True
        return await stage.controller.ended_call(call.call_id, timeout_s=30)


async def tcp_trunk_vanishes(stage: Stage) -> Record:
    said = stage.pbx.work_path / "said.ulaw"
    said.write_bytes(ulaw_encode(noise(1.0)))
    async with placed(stage, *answers(talk_ms=60_000, sound=said.name), transport="TCP") as (line, call_id):
        await stage.begun(call_id)
        await asyncio.sleep(1.0)
        assert line.far_end._process
        line.far_end._process.kill()
        return await stage.controller.ended_call(call_id, timeout_s=30)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a record tells of a case. last: event and direction of the last entry of `sip`."""

    reason: str
    who: str
    last: tuple[str, str]
    sip_status: int | None = None
    q850_cause: int | None = None


DEAD: Final = Ending("error_no_audio_received", "asterisk", ("failure", "received"), 408, 18)
SILENT: Final = Ending("error_no_audio_received", "system", ("BYE", "sent"), None, 41)
CASES: Final[Mapping[Callable[[Stage], Coroutine[Any, Any, Record]], Ending]] = {
    # Asterisk tells of a BYE before the answer as it tells of a CANCEL.
    bye_before_the_answer: Ending("user_hangup", "caller", ("CANCEL", "received"), 487),
    cancel: Ending("user_hangup", "caller", ("CANCEL", "received"), 487, 31),
    answer_crosses_our_cancel: Ending("manual_stopped", "api", ("CANCEL", "sent"), None, 19),
    cancel_crosses_our_answer: Ending("user_hangup", "caller", ("BYE", "received")),
    ack_is_lost: DEAD,
    session_timer_expires: DEAD,
    audio_stops: SILENT,
    phone_vanishes: SILENT,
    tcp_trunk_vanishes: SILENT,
}


@dataclass(frozen=True, slots=True)
class Endings:
    """All cases on their way to their ends, on a stage of their own."""

    stage: Stage
    records: Mapping[str, asyncio.Task[Record]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def endings(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endings]:
    """Begin every case."""
    options = {"pjsip": ENDPOINTS + QUICK_TIMERS}
    folder = tmp_path_factory.mktemp("teardown")
    async with staged(folder, pbx_options=options, NO_AUDIO_AFTER_S=str(NO_AUDIO_AFTER_S)) as stage:
        tasks = {case.__name__: asyncio.create_task(case(stage)) for case in CASES}
        yield Endings(stage, tasks)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_a_call_ends_and_its_record_says_how(
    endings: Endings, case: Callable[[Stage], Coroutine[Any, Any, Record]]
) -> None:
    record = await endings.records[case.__name__]
    hangup, last = record["hangup"], record["sip"][-1]
    found = Ending(
        record["disconnection_reason"],
        hangup["who"],
        (last["event"], last["direction"]),
        hangup.get("sip_status"),
        hangup.get("q850_cause"),
    )
    assert found == CASES[case]
    assert record["sip"][0]["event"] == "INVITE"
    times = [entry["timestamp"] for entry in record["sip"]]
    assert times == sorted(times)


async def test_nothing_of_them_is_left(endings: Endings) -> None:
    await asyncio.gather(*endings.records.values(), return_exceptions=True)
    stage = endings.stage
    await stage.idle(timeout_s=20)
    assert stage.controller.udp_sockets() == 0
    assert "ari_agent-bridge" not in await stage.pbx.cli("bridge show all")
