"""The public log of real calls: what stands in it, in which order, and what does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio

from ari_agent.calls.public_log.log_events import EVENTS, HAS_CONTENT
from ari_agent.calls.public_log.log_file import CRASHED
from tests.api.web_house import WEB
from tests.fakes.agent_server import echo
from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmServer
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sipp_callee import answers
from tests.fakes.sound import tone
from tests.fakes.web_client import WebFrontEnd
from tests.fakes.webhook_server import Answer
from tests.integration.stage import CALLER_NUMBER, Stage, staged
from tests.integration.target import BRIDGE
from tests.integration.test_agentic_transfer import asked, outcome, says_hello
from tests.integration.test_outbound import trunk
from tests.integration.test_text_agent import LONG, answering, connected, opening, speech

Line = Mapping[str, Any]

SECRET: Final = "token-of-the-agent-4711"
SAID: Final = "the caller wants a refund"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A controller of this module's own, with ears and a voice; it is killed here."""
    folder = tmp_path_factory.mktemp("log")
    async with staged(folder, SPEECH_TO_TEXT="grammar", TEXT_TO_SPEECH="flite", FLITE=flite()) as made:
        yield made


async def fetched(url: str) -> list[Line]:
    """The lines of a log, as whoever has its link gets them; each has been checked against what is documented."""
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "application/x-ndjson"
        text = await response.text()
    assert text.endswith("\n")
    lines: list[Line] = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        content = {"content", "content_bytes"} if line["event"] in HAS_CONTENT else set()
        assert line.keys() <= {"ms", "event", "cut_from_bytes", *EVENTS[line["event"]], *content}, line
    times = [line["ms"] for line in lines]
    assert times == sorted(times)
    return lines


async def whole_log(url: str, *, timeout_s: float = 20.0) -> list[Line]:
    """The log once it has ended."""
    for _ in range(int(timeout_s / 0.2)):
        lines = await fetched(url)
        if lines[-1]["event"] == "log_ended":
            return lines
        await asyncio.sleep(0.2)
    raise TimeoutError(f"the log has not ended after {timeout_s} s: {lines[-1]}")


def after(lines: list[Line], place: int, /, **wanted: Any) -> int:
    """The place of the first line behind this place that has these facts."""
    for index in range(place + 1, len(lines)):
        if all(lines[index].get(name) == value for name, value in wanted.items()):
            return index
    raise AssertionError(f"no line behind {place} has {wanted}: {[*lines[place:]]}")


async def test_a_whole_call_from_the_invite_to_its_webhooks(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    engine = {**agent.engine, "audio_websocket_headers": {"X-Own": SECRET}, "audio_websocket_auth_token": "auth-0815-x"}
    await stage.controller.request("PATCH", f"/update-agent/{agent_id}", {"response_engine": engine})
    hook = stage.webhooks.hook(Answer.inbound(dynamic_variables={"customer": "Bob", "api_token": "abcdef"}))
    number = await stage.import_number(agent_id, inbound_webhook_url=f"{hook.url}?key={SECRET}")
    async with stage.caller() as caller:
        await caller.call(number, headers=[("X-Case", "7")])
        talking = await agent.call()
        call_id = str(talking.about["call_id"])
        await stage.begun(call_id)
        caller.audio.press("5")
        await talking.event("dtmf")
        await talking.send({"event": "mark", "streamSid": talking.stream_sid, "mark": {"name": SAID}})
        await talking.event("mark")
        await talking.send(f'{{"event":"update","password":"hunter22","why":"{SECRET}\\u2028\\n{{"}}'[:-1])
        caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        await talking.transfer("+14155559999", headers={"X-Case": "8"})
        assert (await talking.transfer_result())["sip_status"] == 486
        await talking.press("12")
        await asyncio.sleep(0.5)
        await talking.hang_up(q850_cause=16)
        await caller.bye()
    record = await stage.controller.ended_call(call_id)
    lines = await whole_log(record["public_log_url"])
    place = -1
    for wanted in (
        {"event": "call_began", "direction": "inbound", "call_id": call_id},
        {"event": "sip", "message": "INVITE", "direction": "received"},
        {"event": "number", "number": number},
        {"event": "draw", "agent_id": agent_id, "by": "chance"},
        {"event": "inbound_webhook_asked", "url": hook.url},
        {"event": "inbound_webhook_answered", "attempt": 1},
        {"event": "routed", "decision": "connect", "rule": "inbound_agents of the number", "agent_id": agent_id},
        {"event": "record_began", "from_number": CALLER_NUMBER, "to_number": number},
        {"event": "state", "state": "connecting"},
        {"event": "agent_dialled", "protocol": "twilio"},
        {"event": "agent_message", "direction": "sent", "kind": "start"},
        {"event": "agent_connected"},
        {"event": "state", "state": "talking"},
        {"event": "webhook", "webhook": "call_started", "outcome": "queued"},
        {"event": "key", "content": "5"},
        {"event": "agent_message", "direction": "sent", "kind": "dtmf"},
        {"event": "agent_message", "direction": "received", "kind": "mark"},
        {"event": "agent_message", "direction": "sent", "kind": "mark"},
        {"event": "command", "by": "agent", "command": "transfer"},
        {"event": "state", "state": "transferring"},
        {"event": "transfer", "step": "started"},
        {"event": "sip", "message": "REFER failure", "sip_status": 486},
        {"event": "transfer_outcome", "status": "failed", "sip_status": 486},
        {"event": "command", "by": "agent", "command": "dtmf"},
        {"event": "agent_hung_up", "q850_cause": 16},
        {"event": "media"},
        {"event": "call_ended", "disconnection_reason": "agent_hangup", "who": "agent"},
        {"event": "webhook", "webhook": "call_ended", "outcome": "delivered", "attempt": 1},
        {"event": "log_ended", "lines": len(lines) - 1},
    ):
        place = after(lines, place, **wanted)
    asked = after(lines, -1, event="command", command="transfer")
    refer = after(lines, asked, event="sip", message="REFER", direction="sent")
    assert refer < after(lines, asked, event="sip", message="REFER failure")
    assert any(line.get("webhook") == "call_analyzed" and line.get("outcome") == "delivered" for line in lines)
    question = lines[after(lines, -1, event="inbound_webhook_asked")]
    assert question["content"]["call_inbound"]["custom_sip_headers"]["x-case"] == "7"
    answered = lines[after(lines, -1, event="inbound_webhook_answered")]
    assert answered["content"]["answer"]["dynamic_variables"] == {"customer": "Bob", "api_token": "***"}
    audio = lines[after(lines, -1, event="agent_audio")]
    assert 30 <= max(audio["sent"]) <= 70
    ended = lines[after(lines, -1, event="call_ended")]
    assert abs(ended["ms"] - (record["end_timestamp"] - lines[0]["at"])) < 2500
    said = json.dumps(lines)
    for secret in (SECRET, "auth-0815-x", "hunter22", "abcdef", stage.controller.api_key):
        assert secret not in said


async def test_of_basic_attributes_only_no_content_is_kept(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent, data_storage_setting="basic_attributes_only")
    hook = stage.webhooks.hook(Answer.inbound(dynamic_variables={"customer": SAID}))
    number = await stage.import_number(agent_id, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(number, headers=[("X-Case", SAID)])
        talking = await agent.call()
        call_id = str(talking.about["call_id"])
        await stage.begun(call_id)
        await talking.send({"event": "mark", "streamSid": talking.stream_sid, "mark": {"name": SAID}})
        await talking.event("mark")
        await talking.transfer(f"{SAID}")
        assert (await talking.transfer_result())["status"] == "failed"
        await caller.hang_up()
    record = await stage.controller.ended_call(call_id)
    lines = await whole_log(record["public_log_url"])
    assert SAID not in json.dumps(lines)
    assert not any("content" in line for line in lines)
    assert lines[after(lines, -1, event="agent_message", kind="mark")]["content_bytes"] > len(SAID)
    assert lines[after(lines, -1, event="inbound_webhook_answered")]["content_bytes"] > len(SAID)


async def test_a_call_that_is_told_to_keep_less_loses_what_was_written(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.send({"event": "mark", "streamSid": call.agent.stream_sid, "mark": {"name": SAID}})
        await call.agent.event("mark")
        record = await stage.controller.call(call.call_id)
        assert SAID in json.dumps(await fetched(record["public_log_url"]))
        change = {"fields_to_override": {"data_storage_setting": "basic_attributes_only"}}
        await stage.controller.request("PATCH", f"/v2/update-live-call/{call.call_id}", change)
        await call.agent.send({"event": "mark", "streamSid": call.agent.stream_sid, "mark": {"name": SAID}})
        await call.agent.event("mark", index=1)
    lines = await whole_log((await stage.controller.ended_call(call.call_id))["public_log_url"])
    for _ in range(50):  # the last line is written before the others are gone over
        if SAID not in json.dumps(lines):
            break
        await asyncio.sleep(0.1)
        lines = await fetched(record["public_log_url"])
    assert SAID not in json.dumps(lines)
    assert after(lines, -1, event="content_withdrawn")


async def test_a_caller_who_is_refused_without_a_record_leaves_no_log(stage: Stage) -> None:
    number = await stage.import_number(None)
    folder = stage.controller.folder
    before = sorted(folder.rglob("public.log.jsonl"))
    async with stage.caller() as caller:
        await caller.dial(number)
        await caller.refused()
    assert sorted(folder.rglob("public.log.jsonl")) == before


async def test_killed_mid_call_the_log_is_completed_and_its_record_has_the_link(own_stage: Stage) -> None:
    async with own_stage.connected(echo) as call:
        await own_stage.events.event("call_started", call_id=call.call_id)
        await asyncio.sleep(1.2)
        await own_stage.controller.kill()
        await call.caller.hang_up()
        await own_stage.controller.start()
        record = await own_stage.controller.ended_call(call.call_id)
    ended = await own_stage.events.event("call_ended", call_id=call.call_id)
    assert ended.call["public_log_url"] == record["public_log_url"]
    lines = await fetched(record["public_log_url"])
    assert after(lines, -1, event="state", state="talking")
    assert lines[-1] == {"ms": lines[-2]["ms"], "event": "log_ended", "lines": len(lines) - 1, "why": CRASHED}


def has_each(lines: list[Line], *wanted: Mapping[str, Any]) -> None:
    """These lines come in this order, between the first and the last one of every log."""
    place = -1
    for facts in ({"event": "call_began"}, {"event": "record_began"}, *wanted, {"event": "log_ended"}):
        place = after(lines, place, **facts)


async def test_a_text_agents_call_tells_its_turns_and_what_interrupted_it(own_stage: Stage) -> None:
    async with LlmServer() as llms:
        agent = llms.agent(answering({"content": "Very well. Goodbye!", "end_call": True}), opening=opening(LONG))
        async with connected(own_stage, agent) as talk:
            await talk.caller.audio.hears()
            await asyncio.sleep(1.0)
            talk.caller.audio.say(speech("rms_barge"))
            await talk.asked()
            await talk.caller.bye()
    record = await own_stage.controller.ended_call(talk.call_id)
    lines = await whole_log(record["public_log_url"])
    has_each(
        lines,
        {"event": "agent_dialled", "protocol": "custom-llm"},
        {"event": "agent_connected"},
        {"event": "agent_message", "direction": "received", "kind": "response"},
        {"event": "turn", "what": "agent_sentence"},
        {"event": "turn", "what": "user_voice_began"},
        {"event": "turn", "what": "agent_interrupted"},
        {"event": "turn", "what": "agent_asked"},
        {"event": "agent_message", "direction": "sent", "kind": "response_required"},
        {"event": "agent_message", "direction": "received", "kind": "response"},
        {"event": "turn", "what": "agent_sentence"},
        {"event": "agent_hung_up"},
        {"event": "call_ended", "disconnection_reason": "agent_hangup"},
    )
    asked = lines[after(lines, -1, event="agent_message", kind="response_required")]
    assert asked["content"]["transcript"]["last"] == {"role": "user", "content": "wait stop i have a question"}


async def test_a_web_call_has_a_log_too(stage: Stage) -> None:
    agent = stage.agents.agent(protocol="web", rate_hz=16000)
    body = {"agent_id": await stage.create_agent(agent), **WEB}
    call_id = (await stage.controller.post("/register-call", body, expect=201)).json["call_id"]
    address = stage.controller.url.replace("http", "ws", 1)
    async with WebFrontEnd(f"{address}/audio-websocket/{call_id}") as browser:
        talking = await agent.call()
        await browser.say(tone(440, 1.2, rate_hz=24000))
        await talking.clear()
        await talking.heard_pieces(50)
    record = await stage.controller.ended_call(call_id)
    lines = await whole_log(record["public_log_url"])
    has_each(
        lines,
        {"event": "agent_dialled", "protocol": "web"},
        {"event": "agent_message", "direction": "received", "kind": "clear"},
        {"event": "agent_audio"},
        {"event": "call_ended", "disconnection_reason": "user_hangup"},
    )
    assert sum(lines[after(lines, -1, event="agent_audio")]["sent"]) >= 50


async def test_a_call_that_we_place_has_a_log_too(stage: Stage) -> None:
    async with trunk(stage, answers(talk_ms=300)) as ours:
        record = await ours.ended()
    has_each(
        await whole_log(record["public_log_url"]),
        {"event": "state", "state": "connecting"},
        {"event": "sip", "message": "INVITE", "direction": "sent"},
        {"event": "sip", "message": "180", "direction": "received"},
        {"event": "sip", "message": "200", "direction": "received"},
        {"event": "state", "state": "talking"},
        {"event": "sip", "message": "BYE", "direction": "received"},
        {"event": "call_ended", "disconnection_reason": "user_hangup", "who": "far_end"},
    )


async def test_the_second_agent_of_a_transfer_has_a_log_of_its_own(stage: Stage) -> None:
    async with asked(stage) as three:
        second = await says_hello(three)
        await second.send(BRIDGE)
        assert (await outcome(three.call.agent))["status"] == "succeeded"
    for call_id, wanted in (
        (
            three.call.call_id,
            (
                {"event": "command", "by": "agent", "command": "transfer"},
                {"event": "transfer_progress", "status": "dialling"},
                {"event": "sip", "message": "200", "leg": "target"},
                {"event": "transfer_outcome", "status": "succeeded"},
                {"event": "state", "state": "bridged"},
            ),
        ),
        (
            str(second.about["call_id"]),
            (
                {"event": "agent_message", "direction": "sent", "kind": "transfer"},
                {"event": "command", "by": "agent", "command": "transfer_bridge"},
                {"event": "call_ended", "disconnection_reason": "transfer_bridged"},
            ),
        ),
    ):
        record = await stage.controller.ended_call(call_id)
        has_each(await whole_log(record["public_log_url"]), *wanted)


async def test_pauses_of_the_recording_and_commands_of_the_api_stand_in_the_log(stage: Stage) -> None:
    async with stage.connected(agent={"recording": "on"}) as call:
        await call.agent.send({"event": "recording", "recording": {"action": "pause"}})
        await asyncio.sleep(0.3)
        await stage.controller.post(f"/v2/resume-recording/{call.call_id}")
        await stage.controller.post(f"/v2/send-dtmf/{call.call_id}", {"digits": "1"})
        await stage.controller.post(f"/v2/stop-call/{call.call_id}", {"q850_cause": 17})
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    has_each(
        await whole_log(record["public_log_url"]),
        {"event": "recording", "by": "agent", "paused": True},
        {"event": "recording", "by": "api", "paused": False},
        {"event": "command", "by": "api", "command": "dtmf", "content": {"digits": "1"}},
        {"event": "command", "by": "api", "command": "stop", "content": {"q850_cause": 17}},
        {"event": "sip", "message": "BYE", "direction": "sent", "q850_cause": 17},
        {"event": "call_ended", "disconnection_reason": "manual_stopped", "who": "api"},
    )
