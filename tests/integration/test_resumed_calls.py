"""A controller is killed in mid-call and started again: the caller has their agent again, in the same SIP dialog."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr

from ari_agent.app import controller
from ari_agent.calls.record import CallRecord
from ari_agent.config import Settings
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.setting_values import Address
from ari_agent.store.store import Store
from tests.fakes.agent_server import Agent, AgentCall, Refusal, echo
from tests.fakes.chat_model_server import ChatModelServer, Reply
from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmServer, until
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import find_pieces, noise
from tests.integration.stage import Connected, Stage, staged
from tests.integration.test_recording import recording_of
from tests.integration.test_text_agent import GREETING, connected, opening, speech

EVENTS = ["call_started", "transfer_started", "transfer_cancelled", "call_ended", "call_analyzed"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """One that is treated badly, with ears and a voice."""
    async with (
        ChatModelServer(Reply(["We were cut off."])) as model,
        staged(
            tmp_path_factory.mktemp("resumed"),
            SPEECH_TO_TEXT="grammar",
            TEXT_TO_SPEECH="flite",
            FLITE=flite(),
            LLM_MODEL="small",
            LLM_URL=model.url,
        ) as made,
    ):
        yield made


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def up_again(stage: Stage) -> AsyncIterator[None]:
    """Whatever a test did, or left undone: for the next one the controller runs."""
    yield
    process = stage.controller.process
    if process is None or process.returncode is not None:
        await stage.controller.start()


@dataclass(slots=True)
class Talking:
    """A caller through to an agent that echoes."""

    stage: Stage
    agent: Agent
    up: Connected

    async def again(self, index: int) -> AgentCall:
        """Kill the controller, start it again, and wait for the agent's next websocket."""
        since_s = time.monotonic()
        await self.stage.controller.kill()
        await self.stage.controller.start()
        self.up.agent = await self.agent.call(index=index)
        print(f"agent dialled again {time.monotonic() - since_s:.2f} s after the kill")
        return self.up.agent

    async def record(self) -> dict[str, Any]:
        """The record once the call is over, which began and ended once, and left nothing behind."""
        call_id, hook = self.up.call_id, self.stage.events
        record = await self.stage.controller.ended_call(call_id, timeout_s=20)
        await hook.event("call_analyzed", call_id=call_id, timeout_s=20)
        told = hook.events(call_id=call_id)
        assert [told.count(name) for name in ("call_started", "call_ended", "call_analyzed")] == [1, 1, 1], told
        await self.stage.idle()
        return record


@asynccontextmanager
async def talking(
    stage: Stage, *, protocol: str = "twilio", number: Mapping[str, Any] | None = None, **fields: Any
) -> AsyncIterator[Talking]:
    agent = stage.agents.agent(echo, protocol=protocol)
    agent_id = await stage.create_agent(agent, webhook_events=EVENTS, **fields)
    dialled = await stage.import_number(agent_id, **(number or {}))
    async with stage.caller() as caller:
        await caller.call(dialled)
        first = await agent.call()
        call_id = str(first.about["call_id"])
        await stage.begun(call_id)
        await stage.events.event("call_started", call_id=call_id)
        await asyncio.sleep(0.5)  # its 2xx is on record: from here on it is not sent again
        yield Talking(stage, agent, Connected(caller, first, call_id, dialled, agent_id))


def update(*said: tuple[str, str]) -> dict[str, Any]:
    """An agent's transcript so far."""
    transcript = [{"role": role, "content": content} for role, content in said]
    return {"event": "update", "update": {"transcript": transcript}}


async def test_the_caller_has_their_agent_again_and_all_of_it_is_one_call(stage: Stage) -> None:
    before, between, after = noise(0.8), noise(0.9), noise(1.0)
    async with talking(stage, number={"recording": "on"}) as call:
        await call.up.agent.send(update(("agent", "Hello."), ("user", "Hi.")))
        call.up.caller.audio.say(before)
        await call.up.hears_itself()
        await asyncio.sleep(1.5)  # what was said a second ago is on the disk
        began_ms = (await stage.controller.call(call.up.call_id))["start_timestamp"]
        sip_call_id, sent = call.up.caller.call_id, len(call.up.caller.received)
        for index, said in ((1, between), (2, after)):
            again = await call.again(index)
            assert again.events("start")[0]["start"]["reconnected"] is True
            assert again.about["call_id"] == call.up.call_id
            await call.up.hears_itself()
            call.up.caller.audio.say(said)
            await call.up.caller.audio.said()
        await again.send(update(("agent", "Are you still there?")))
        await asyncio.sleep(1.0)
        assert len(call.up.caller.received) == sent  # nothing in the SIP dialog
        assert call.up.caller.call_id == sip_call_id
        await call.up.caller.hang_up()
        record = await call.record()
    assert record["disconnection_reason"] == "user_hangup"
    assert record["start_timestamp"] == began_ms
    assert record["transcript"] == "Agent: Hello.\nUser: Hi.\nAgent: Are you still there?\n"
    assert "started again" in record["faults"][0]
    assert [entry["event"] for entry in record["sip"]][-1] == "BYE"
    recording = await recording_of(record)
    assert abs(len(recording.left) / 8 - record["duration_ms"]) < 1000
    for said in (before, between, after):
        assert max(match.similarity for match in find_pieces(said, recording.left)) > 0.98
    lines = [json.loads(line) for line in (await log_of(record)).splitlines()]
    assert [line["event"] for line in lines].count("resumed") == 2
    assert lines[-1]["event"] == "log_ended"


async def log_of(record: Mapping[str, Any]) -> bytes:
    """The public log, once it is complete."""
    async with aiohttp.ClientSession() as http:
        for _ in range(100):
            async with http.get(record["public_log_url"]) as response:
                text = await response.read()
            if b'"log_ended"' in text.splitlines()[-1]:
                return text
            await asyncio.sleep(0.1)
    raise TimeoutError("the log is not complete")


async def test_a_text_agent_is_told_the_conversation_so_far(stage: Stage) -> None:
    async with LlmServer() as llms:
        wants = {"response_type": "config", "config": {"call_details": True}}
        agent = llms.agent(opening=(wants, *opening()))
        async with connected(stage, agent) as talk:
            await talk.spoken(GREETING)
            await asyncio.sleep(1.5)  # what was said a second ago is in the record
            await stage.controller.kill()
            await stage.controller.start()
            await until(lambda: len(agent.talks) == 2)
            talk.llm = agent.talks[1]
            since_s = talk.caller.audio.heard[-1].time_s
            await until(lambda: bool(talk.told("call_details")))
            assert agent.talks[0].heard[0].get("reconnected") is None
            assert talk.told("call_details")[0]["reconnected"] is True
            assert talk.llm.path == agent.talks[0].path
            await talk.caller.audio.hears(since_s=since_s)
            await until(lambda: any(json.dumps(message).count(GREETING) == 2 for message in talk.told("update_only")))
            talk.caller.audio.say(speech("rms_yes"))
            asked = await talk.asked()
        said = [(utterance["role"], utterance["content"]) for utterance in asked["transcript"]]
        assert said[0] == ("agent", GREETING)
        assert said[-1] == ("user", "yes")
        record = await stage.controller.ended_call(talk.call_id)
    assert record["transcript"].startswith(f"Agent: {GREETING}\nAgent: {GREETING}\nUser: yes\n")
    await stage.idle()


async def test_the_model_of_a_prompt_goes_on_with_the_conversation(stage: Stage) -> None:
    prompt = {"begin_message": GREETING, "general_prompt": "Help."}
    llm = (await stage.controller.post("/create-retell-llm", prompt, expect=201)).json
    body = {"response_engine": {"type": "retell-llm", "llm_id": llm["llm_id"]}, "voice_id": "flite-slt"}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    number = await stage.import_number(agent_id)
    async with stage.caller() as caller:
        await caller.call(number)
        call_id = (await stage.events.event("call_started", to_number=number)).call["call_id"]
        await until_said(stage, call_id, GREETING)
        await stage.controller.kill()
        since_s = caller.audio.heard[-1].time_s
        await stage.controller.start()
        await caller.audio.hears(since_s=since_s)
        await until_said(stage, call_id, "We were cut off.")
        await caller.hang_up()
    record = await stage.controller.ended_call(call_id)
    assert record["transcript"] == f"Agent: {GREETING}\nAgent: We were cut off.\n"
    assert record["disconnection_reason"] == "user_hangup"
    await stage.idle()


async def until_said(stage: Stage, call_id: str, text: str) -> None:
    """Until the stored transcript has this."""
    for _ in range(200):
        if text in ((await stage.controller.call(call_id)).get("transcript") or ""):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"nobody has said {text!r}")


async def test_a_caller_on_hold_is_so_for_the_next_websocket_too(stage: Stage) -> None:
    async with talking(stage, protocol="web") as call:
        await call.up.caller.hold()
        again = await call.again(1)
        await stage.controller.logged("the caller's phone holds the call: an event was missed")
        await call.up.caller.resume()
        await call.up.hears_itself()
        await again.hang_up(q850_cause=17)
        await call.up.caller.bye()
        record = await call.record()
    assert record["disconnection_reason"] == "agent_hangup"


async def test_where_the_agent_refuses_the_call_ends_with_its_reason(stage: Stage) -> None:
    async with talking(stage) as call:
        call.agent.refusal = Refusal(503)
        await stage.controller.kill()
        await stage.controller.start()
        await call.up.caller.bye(timeout_s=15)
        record = await call.record()
    assert record["disconnection_reason"] == "error_llm_websocket_open"


async def test_a_caller_who_hung_up_meanwhile_is_found_to_be_gone(stage: Stage) -> None:
    async with talking(stage) as call:
        await stage.controller.kill()
        await call.up.caller.hang_up()
        await stage.controller.start()
        record = await call.record()
    assert record["disconnection_reason"] == "user_hangup"
    assert len(call.agent.calls) == 1


async def test_a_caller_who_waits_for_a_target_is_with_the_agent_again(stage: Stage) -> None:
    async with SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address="127.0.0.4") as target:
        trunk = {"termination_uri": target.uri, "transport": "UDP"}
        async with talking(stage, protocol="web", number=trunk) as call:
            await call.up.agent.transfer("+14155559999", mode="sip_invite", on_hold_music="ringtone")
            await target.rings()
            await stage.events.event("transfer_started", call_id=call.up.call_id)
            again = await call.again(1)
            assert again.about["reconnected"] is True
            await target.cancelled()
            await call.up.hears_itself()
            await again.hang_up(q850_cause=17)
            await call.up.caller.bye()
            record = await call.record()
    assert record["disconnection_reason"] == "agent_hangup"
    assert stage.events.events(call_id=call.up.call_id).count("transfer_cancelled") == 1


async def test_a_call_that_we_placed_goes_on_and_ends_with_a_bye(stage: Stage) -> None:
    agent = stage.agents.agent(echo)
    agents = [{"agent_id": (agent_id := await stage.create_agent(agent, webhook_events=EVENTS)), "weight": 1}]
    async with SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address="127.0.0.4") as callee:
        fields = {"termination_uri": callee.uri, "transport": "UDP", "outbound_agents": agents}
        number = await stage.import_number(None, **fields)
        body = {"from_number": number, "to_number": "+14155550199"}
        call_id = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json["call_id"]
        await callee.picks_up()
        await stage.begun(call_id)
        await stage.events.event("call_started", call_id=call_id)
        await asyncio.sleep(0.5)
        call = Talking(stage, agent, Connected(callee, await agent.call(), call_id, number, agent_id))
        again = await call.again(1)
        await again.hears_on(0.5)
        await again.close()
        await callee.bye()
        record = await call.record()
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["direction"] == "outbound"


async def test_another_controller_takes_the_calls_over_into_its_own_application(stage: Stage, tmp_path: Path) -> None:
    settings = Settings(
        app="ari_agent_2",
        ari_url=stage.pbx.ari_url,
        ari_username=stage.pbx.ari_username,
        ari_password=SecretStr(stage.pbx.ari_password),
        api_key=SecretStr("key"),
        bind=Address("127.0.0.1", 0),
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}",
        rtp_host="127.0.0.1",
    )
    async with talking(stage) as call, talking(stage) as lost:
        await stage.controller.kill()
        store = Store(stage.controller.environment["DATABASE_URL"])
        await store.open()
        found = {stored.call.call_id: stored for stored in await store.calls.unfinished()}
        await store.close()
        stored = found[call.up.call_id]
        record = CallRecord(stored.call, agent=None, account_webhook_url=None, recovery=stored.recovery)
        async with controller(settings) as switchboard:
            await until(lambda: switchboard.can_dial)
            switchboard._services.records.left_talking.append(record)
            await switchboard.left_calls.go_on()
            await switchboard.sweep("ari_agent")
            call.up.agent = await call.agent.call(index=1)
            await call.up.hears_itself()
            await lost.up.caller.bye(timeout_s=20)  # nobody went on with it: the dialplan did
            await call.up.caller.hang_up()
            await until(lambda: not switchboard.live())
        assert record.call.disconnection_reason is DisconnectionReason.USER_HANGUP
        await stage.idle()
