"""The call object tells each SIP message that Asterisk lets us know of, and who hung up by which codes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sipp_callee import answers, refuses, rings
from tests.integration.stage import Stage
from tests.integration.test_outbound import trunk

Record = dict[str, Any]
ANSWERED = ["INVITE received", "180 sent", "200 sent"]
HEADERS = {"X-Case": "7", "User-To-User": "abc"}


def messages(record: Record) -> list[str]:
    """Its timeline in words; each entry is in the bounds of the call's own times."""
    begun, ended = record["sip"][0]["timestamp"], record["sip"][-1]["timestamp"]
    assert begun <= record.get("start_timestamp", begun) + 1_000
    assert ended >= begun
    names = ("event", "direction", "sip_status", "q850_cause")
    return [" ".join(str(entry[name]) for name in names if name in entry) for entry in record["sip"]]


async def test_a_callers_hold_and_bye(stage: Stage) -> None:
    async with stage.connected() as call:
        ringing = (await stage.controller.call(call.call_id))["sip"]
        assert [entry["event"] for entry in ringing] == ["INVITE", "180", "200"]  # while it goes on
        await call.caller.hold()
        await call.caller.resume()
        await call.caller.hang_up(headers=[("Reason", 'Q.850;cause=31;text="off"')])
        record = await stage.controller.ended_call(call.call_id)
    assert messages(record) == [
        *ANSWERED,
        "re-INVITE hold received",
        "re-INVITE unhold received",
        "BYE received 31",
    ]
    assert record["hangup"] == {"who": "caller", "timestamp": record["sip"][-1]["timestamp"], "q850_cause": 31}
    ended = await stage.events.event("call_ended", call_id=call.call_id)
    assert (ended.call["hangup"], ended.call["sip"]) == (record["hangup"], record["sip"])
    filters = {"call_id": {"type": "string", "op": "eq", "value": call.call_id}}
    [item] = (await stage.controller.post("/v3/list-calls", {"filter_criteria": filters})).json["items"]
    assert not {"sip", "hangup"} & set(item)


@pytest.mark.parametrize(
    ("plan", "outcome"),
    [
        (ReferPlan(), ["NOTIFY received 200", "BYE sent 16"]),
        (ReferPlan(answer=603), ["REFER failure received 603", "BYE received 16"]),
        (ReferPlan(notifies=((0.05, 100), (0.1, 486))), ["REFER failure received 486", "BYE received 16"]),
    ],
    ids=["taken over", "refused", "busy"],
)
async def test_a_refer_and_what_came_of_it(stage: Stage, plan: ReferPlan, outcome: Sequence[str]) -> None:
    async with stage.connected() as call:
        call.caller.refer_plan = plan
        reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "sip:desk@127.0.0.9"})
        await (call.caller.bye() if reply.json["status"] == "succeeded" else call.caller.hang_up())
        record = await stage.controller.ended_call(call.call_id)
    assert messages(record) == [*ANSWERED, "REFER sent", *outcome]


@pytest.mark.parametrize(
    ("ends", "last", "hangup"),
    [
        ("api", "BYE sent 42", {"who": "api", "q850_cause": 42}),
        ("agent", "dialplan", {"who": "agent"}),
        ("agent with a cause", "BYE sent 21", {"who": "agent", "q850_cause": 21}),
        ("agent dies", "dialplan", {"who": "system", "reason": "the agent's websocket was lost: close code 1006"}),
        ("administrator", "BYE sent 32", {"who": "asterisk", "q850_cause": 32}),
    ],
)
async def test_who_of_us_hung_up(stage: Stage, ends: str, last: str, hangup: Record) -> None:
    async with stage.connected(redial_ms=0) as call:
        if ends == "api":
            await stage.controller.post(f"/v2/stop-call/{call.call_id}", {"q850_cause": 42}, expect=204)
        elif ends == "agent":
            await call.agent.hang_up()
        elif ends == "agent with a cause":
            await call.agent.hang_up(q850_cause=21)
        elif ends == "agent dies":
            call.agent.abort()
        else:
            channels = (await stage.pbx.cli("core show channels concise")).splitlines()
            [name] = [line.split("!")[0] for line in channels if line.startswith("PJSIP/caller")]
            await stage.pbx.cli(f"channel request hangup {name}")
        await call.caller.bye()
        record = await stage.controller.ended_call(call.call_id)
    assert messages(record) == [*ANSWERED, last]
    assert {name: value for name, value in record["hangup"].items() if name != "timestamp"} == hangup


async def test_a_call_that_we_placed(stage: Stage) -> None:
    async with trunk(stage, answers(ringing_ms=100, talk_ms=300)) as line:
        record = await line.ended()
    assert messages(record) == ["INVITE sent", "180 received", "200 received", "BYE received"]
    assert record["hangup"]["who"] == "far_end"


async def test_a_call_that_is_refused(stage: Stage) -> None:
    async with trunk(stage, refuses(486, ringing=True)) as line:
        record = await line.ended()
    assert messages(record) == ["INVITE sent", "180 received", "failure received 486 17"]
    hangup = {"who": "far_end", "timestamp": record["sip"][-1]["timestamp"], "sip_status": 486, "q850_cause": 17}
    assert record["hangup"] == hangup


async def test_a_call_that_nobody_takes(stage: Stage) -> None:
    async with trunk(stage, rings(), agent={"ring_duration_ms": 5_000}) as line:
        call_id = (await line.call())["call_id"]
        await line.far_end.heard("INVITE")
        await asyncio.sleep(1.0)
        ringing = await stage.controller.call(call_id)  # nothing has been stored since it was placed
        record = await stage.controller.ended_call(call_id)
    assert messages(ringing) == ["INVITE sent", "180 received"]
    assert messages(record) == ["INVITE sent", "180 received", "CANCEL sent 19"]
    assert record["hangup"]["who"] == "system"


async def test_headers_for_the_bye_are_not_sent_and_the_answer_says_so(stage: Stage) -> None:
    async with stage.connected() as call:
        wanted = {"q850_cause": 31, "headers": HEADERS}
        reply = await stage.controller.post(f"/v2/stop-call/{call.call_id}", wanted, expect=200)
        bye = await call.caller.bye()
    assert reply.json["headers_not_sent"] == list(HEADERS)
    assert "cause=31" in bye.need("Reason")
    assert bye.header("X-Case") is None


async def test_an_agent_is_told_that_its_headers_are_not_sent(stage: Stage) -> None:
    async def leave(call: AgentCall) -> None:
        await call.hears_on(0.2)
        await call.hang_up(q850_cause=31, headers=HEADERS)

    async with stage.connected(leave) as call:
        bye = await call.caller.bye()
        told = await call.agent.event("error")
    assert told["error"]["event"] == "hangup"
    assert "X-Case, User-To-User" in told["error"]["message"]
    assert "cause=31" in bye.need("Reason")


async def test_asterisk_puts_no_header_of_ours_on_a_bye(stage: Stage) -> None:
    """Should this fail, Asterisk has learnt it, and stop-call can do what it is asked for."""
    async with stage.connected() as call:
        channels = (await stage.pbx.cli("core show channels concise")).splitlines()
        [name] = [line.split("!")[0] for line in channels if line.startswith("PJSIP/caller")]
        said = await stage.pbx.cli(f"dialplan set chanvar {name} PJSIP_HEADER(add,X-Case) 7")
        await stage.controller.post(f"/v2/stop-call/{call.call_id}", expect=204)
        bye = await call.caller.bye()
    assert "set to '7'" in said
    assert bye.header("X-Case") is None
