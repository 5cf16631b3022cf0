"""Text agents on the phone: a caller who speaks and listens, a server that reads and writes, and all between them real.

The recognizer is the built-in grammar (pocketsphinx), the voice flite.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmAgent, LlmServer, LlmTalk, Message, Script, until
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_caller import ReferPlan, SipCaller
from tests.fakes.sip_message import uri_of
from tests.fakes.sipp_callee import answers
from tests.fakes.sound import Samples, read_wav
from tests.fakes.webhook_server import Answer
from tests.integration.stage import CALLER_NUMBER, Stage, staged
from tests.integration.test_outbound import trunk

SPEECH: Final = Path(__file__).parents[1] / "data" / "speech"
GREETING: Final = "Hello, how can I help you?"
LONG: Final = "I will now tell you a very long story about a telephone. It rang and rang and rang, and nobody came."


def speech(name: str) -> Samples:
    """Of a caller, 8 kHz."""
    return read_wav(SPEECH / f"{name}.wav")[0]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def talking(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A controller with ears and a voice."""
    folder = tmp_path_factory.mktemp("talking")
    async with staged(folder, SPEECH_TO_TEXT="grammar", TEXT_TO_SPEECH="flite", FLITE=flite()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def llms() -> AsyncIterator[LlmServer]:
    """Text agents."""
    async with LlmServer() as server:
        yield server


@dataclass(slots=True)
class Talk:
    """A call that is up, its two ends."""

    stage: Stage
    caller: SipCaller
    llm: LlmTalk
    call_id: str

    def told(self, kind: str) -> list[Message]:
        """What the agent's server was told."""
        return [message for message in self.llm.heard if message["interaction_type"] == kind]

    async def asked(self, times: int = 1) -> Message:
        """Until the agent was asked so often."""
        await until(lambda: len(self.told("response_required")) >= times)
        return self.told("response_required")[times - 1]

    def last_said(self) -> tuple[str, str]:
        """The last utterance of the newest transcript."""
        utterance = [message for message in self.llm.heard if message.get("transcript")][-1]["transcript"][-1]
        return utterance["role"], utterance["content"]

    async def spoken(self, text: str) -> None:
        """Until the agent is known to have said this."""
        await until(lambda: any(text in _agents(message) for message in self.llm.heard))


def _agents(message: Message) -> str:
    said = (utterance["content"] for utterance in message.get("transcript", ()) if utterance["role"] == "agent")
    return " ".join(said)


@asynccontextmanager
async def connected(
    stage: Stage,
    agent: LlmAgent,
    *,
    fields: Mapping[str, Any] | None = None,
    number: Mapping[str, Any] | None = None,
) -> AsyncIterator[Talk]:
    """A caller through to this agent. fields, number: of the agent and of the number."""
    body = {"response_engine": agent.engine, "voice_id": "flite-slt", **(fields or {})}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    dialled = await stage.import_number(agent_id, **(number or {}))
    async with stage.caller() as caller:
        await caller.call(dialled)
        await until(lambda: bool(agent.talks))
        call_id = agent.talks[0].path.rsplit("/", 1)[1]
        await stage.begun(call_id)
        yield Talk(stage, caller, agent.talks[0], call_id)


def opening(text: str = GREETING) -> tuple[Message, ...]:
    """The begin message."""
    return ({"response_type": "response", "response_id": 0, "content": text, "content_complete": True},)


def answering(*answers: Mapping[str, Any]) -> Script:
    """One answer after the other, then nothing more."""
    left = list(answers)

    async def answer(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required" and left:
            given = dict(left.pop(0))
            await talk.respond(message["response_id"], given.pop("content", ""), **given)

    return answer


async def test_a_conversation(talking: Stage, llms: LlmServer) -> None:
    agent = llms.agent(answering({"content": "Very well. Goodbye!", "end_call": True}), opening=opening())
    async with connected(talking, agent) as talk:
        await talk.caller.audio.hears()
        await talk.spoken(GREETING)
        talk.caller.audio.say(speech("rms_yes"))
        asked = await talk.asked()
        said = [(utterance["role"], utterance["content"]) for utterance in asked["transcript"]]
        assert said == [("agent", GREETING), ("user", "yes")]
        before_s = talk.caller.audio.heard[-1].time_s
        await talk.caller.audio.hears(since_s=before_s)
        await talk.caller.bye()
    record = await talking.controller.ended_call(talk.call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == f"Agent: {GREETING}\nUser: yes\nAgent: Very well. Goodbye!\n"
    for stretch in ("e2e", "asr", "llm", "tts"):
        assert record["latency"][stretch]["num"] >= 1, record["latency"]
    print(record["latency"])


async def test_a_transfer_that_shows_the_caller_is_dialled(talking: Stage, llms: LlmServer) -> None:
    wish = {"transfer_number": "+14155559999", "show_transferee_as_caller": True}
    agent = llms.agent(opening=({**opening()[0], **wish},))
    async with SipCallee(pbx=(talking.pbx.bind, talking.pbx.sip_port), address="127.0.0.4") as target:
        trunk_to_it = {"termination_uri": target.uri, "transport": "UDP"}
        async with connected(talking, agent, number=trunk_to_it) as talk:
            invite = await target.picks_up()
            assert uri_of(invite.need("From")).startswith(f"sip:{CALLER_NUMBER}@")
            await talking.controller.logged(f"call bridged call_id={talk.call_id}")
    assert (await talking.controller.ended_call(talk.call_id))["disconnection_reason"] == "call_transfer"


@pytest.mark.parametrize(
    ("plan", "ends"),
    [(ReferPlan(), True), (ReferPlan(notifies=((0.05, 100), (0.1, 486))), False)],
    ids=["taken", "busy"],
)
async def test_a_transfer(talking: Stage, llms: LlmServer, plan: ReferPlan, ends: bool) -> None:
    moment = {"content": "One moment, please.", "transfer_number": "+14155559999"}
    opened = ({"response_type": "config", "config": {"transcript_with_tool_calls": True}}, *opening())
    agent = llms.agent(answering(moment, {"content": "Nobody is there."}), opening=opened)
    async with connected(talking, agent) as talk:
        talk.caller.refer_plan = plan
        await talk.spoken(GREETING)
        talk.caller.audio.say(speech("rms_transfer_agent"))
        asked = await talk.asked()
        assert asked["transcript"][-1] == {"role": "user", "content": "transfer me to an agent"} | {
            "words": asked["transcript"][-1]["words"]
        }
        refer = await talk.caller.refer()
        assert uri_of(refer.need("Refer-To")).startswith("sip:+14155559999@")
        if ends:
            await talk.caller.bye()
        else:
            again = await talk.asked(2)
            invocation, result = again["transcript_with_tool_calls"][-2:]
            assert (invocation["name"], invocation["arguments"]) == (
                "transfer_call",
                '{"transfer_number": "+14155559999"}',
            )
            assert result["tool_call_id"] == invocation["tool_call_id"]
            assert result["successful"] is False
            await talk.spoken("Nobody is there.")
    record = await talking.controller.ended_call(talk.call_id)
    assert record["disconnection_reason"] == ("call_transfer" if ends else "user_hangup")
    assert [item["role"] for item in record["transcript_with_tool_calls"]][:4] == [
        "agent",
        "user",
        "agent",
        "tool_call_invocation",
    ]


async def test_a_caller_who_interrupts(talking: Stage, llms: LlmServer) -> None:
    agent = llms.agent(answering({"content": "Yes?"}), opening=opening(LONG))
    async with connected(talking, agent) as talk:
        began = await talk.caller.audio.hears()
        await talk.spoken("I will now tell you a very long story about a telephone.")
        talk.caller.audio.say(speech("rms_barge"))
        await until(lambda: any(message.get("turntaking") == "user_turn" for message in talk.llm.heard))
        await talk.caller.audio.hears_silence()
        heard_s = talk.caller.audio.loud_packets()[-1].time_s - began.time_s
        asked = await talk.asked()
        agent_said, user_said = asked["transcript"]
        assert user_said["content"] == "wait stop i have a question"
        assert LONG.startswith(agent_said["content"])
        assert agent_said["content"] != LONG
        words = agent_said["words"]
        assert " ".join(word["word"] for word in words) == agent_said["content"]
        assert words[-1]["end"] - words[0]["start"] == pytest.approx(heard_s, abs=0.5)
        await talk.spoken("Yes?")
    record = await talking.controller.ended_call(talk.call_id)
    assert record["transcript"].startswith(f"Agent: {agent_said['content']}\nUser: wait stop i have a question\n")


async def test_keys_are_said_as_words_and_pressed_for_the_agent(talking: Stage, llms: LlmServer) -> None:
    agent = llms.agent(answering({"content": "Pressing.", "digit_to_press": "42#"}), opening=opening())
    options = {"user_dtmf_options": {"termination_key": "#"}}
    async with connected(talking, agent, fields=options) as talk:
        await talk.spoken(GREETING)
        talk.caller.audio.press("12#")
        asked = await talk.asked()
        assert asked["transcript"][-1]["content"] == "Pressed Button: 12"
        await until(lambda: talk.caller.audio.digits == "42#")
    record = await talking.controller.ended_call(talk.call_id)
    kinds = [item.get("digit") or item.get("name") or item["role"] for item in record["transcript_with_tool_calls"]]
    assert kinds == ["agent", "1", "2", "#", "user", "agent", "press_digit"]


async def test_a_caller_who_says_nothing_is_reminded(talking: Stage, llms: LlmServer) -> None:
    async def remind(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "reminder_required":
            await talk.respond(message["response_id"], "Are you still there?")

    agent = llms.agent(remind, opening=opening())
    async with connected(talking, agent, fields={"reminder_trigger_ms": 1000}) as talk:
        await talk.spoken("Are you still there?")
        assert [message["response_id"] for message in talk.told("reminder_required")] == [1]
        assert not talk.told("response_required")


ENDINGS = {
    "closes normally": (1000, "agent_hangup"),
    "fails": (1011, "error_llm_websocket_runtime"),
}


@pytest.mark.parametrize(("code", "reason"), ENDINGS.values(), ids=ENDINGS.keys())
async def test_a_server_that_closes(talking: Stage, llms: LlmServer, code: int, reason: str) -> None:
    async def close(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required":
            await talk.respond(message["response_id"], "Goodbye then.")
            await talk.connection.close(code)

    agent = llms.agent(close, opening=opening())
    async with connected(talking, agent) as talk:
        await talk.spoken(GREETING)
        talk.caller.audio.say(speech("slt_no_thank_you"))
        await talk.caller.bye()
    record = await talking.controller.ended_call(talk.call_id)
    assert record["disconnection_reason"] == reason
    assert record["transcript"].endswith("Agent: Goodbye then.\n") == (code == 1000)


async def test_a_server_that_is_not_there(talking: Stage, llms: LlmServer) -> None:
    agent = llms.agent(refusals=3)
    body = {"response_engine": agent.engine, "voice_id": "flite-slt"}
    agent_id = (await talking.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    dialled = await talking.import_number(agent_id)
    async with talking.caller() as caller:
        await caller.dial(dialled)
        assert (await caller.refused(15.0)).status == 503


async def test_a_registered_call_is_dialled_by_its_id(talking: Stage, llms: LlmServer) -> None:
    wants_details = {"response_type": "config", "config": {"call_details": True}}
    agent = llms.agent(answering({"content": "Goodbye."}), opening=(wants_details, *opening()))
    engine = {**agent.engine, "llm_websocket_url": agent.url.rstrip("/") + "/{{name}}?plan={{plan}}"}
    body = {"response_engine": engine, "voice_id": "flite-rms"}
    agent_id = (await talking.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    variables = {"name": "Bob Smith", "plan": "gold"}
    registration = {"agent_id": agent_id, "retell_llm_dynamic_variables": variables}
    call = (await talking.controller.post("/v2/register-phone-call", registration, expect=201)).json
    async with talking.caller() as caller:
        await caller.call(call["call_id"])
        await until(lambda: bool(agent.talks))
        talk = Talk(talking, caller, agent.talks[0], call["call_id"])
        assert talk.llm.path.endswith(f"/Bob%20Smith/{call['call_id']}?plan=gold")
        await talk.spoken(GREETING)
        details = talk.told("call_details")[0]["call"]
        assert (details["call_id"], details["retell_llm_dynamic_variables"]) == (call["call_id"], variables)
    assert (await talking.controller.ended_call(call["call_id"]))["disconnection_reason"] == "user_hangup"


async def test_an_outbound_call(talking: Stage, llms: LlmServer) -> None:
    agent = llms.agent(opening=opening())
    settings = {"response_engine": agent.engine, "voice_id": "flite-slt"}
    async with trunk(talking, answers(talk_ms=3500), agent=settings) as far:
        record = await far.ended()
    assert record["transcript"] == f"Agent: {GREETING}\n"
    assert (record["direction"], record["disconnection_reason"]) == ("outbound", "user_hangup")


async def test_a_caller_on_hold_is_not_reminded(talking: Stage, llms: LlmServer) -> None:
    agent = llms.agent(opening=opening())
    async with connected(talking, agent, fields={"reminder_trigger_ms": 1500}) as talk:
        await talk.spoken(GREETING)
        await talk.caller.hold()
        await asyncio.sleep(2.5)
        assert not talk.told("reminder_required")
        await talk.caller.resume()
        await until(lambda: bool(talk.told("reminder_required")))


async def test_an_unserved_voice_is_refused_and_a_call_that_needs_it_is_not_answered_and_says_why(
    talking: Stage, llms: LlmServer
) -> None:
    agent = llms.agent(opening=opening())
    body = {"response_engine": agent.engine, "voice_id": "11labs-Adrian"}
    refused = (await talking.controller.post("/create-agent", body, expect=400)).json
    assert "set the agent's voice_id to one of flite-rms" in refused["message"]
    agent_id = (await talking.controller.post("/create-agent", {**body, "voice_id": "flite-slt"}, expect=201)).json[
        "agent_id"
    ]
    hook = talking.webhooks.hook(Answer.inbound(agent_override={"agent": {"voice_id": "11labs-Adrian"}}))
    dialled = await talking.import_number(agent_id, inbound_webhook_url=hook.url)
    async with talking.caller() as caller:
        await caller.dial(dialled)
        await caller.refused()
    assert agent.talks == []
    listed = (await talking.controller.post("/v2/list-calls", {"filter_criteria": {"agent_id": [agent_id]}})).json
    record = await talking.controller.ended_call(listed[0]["call_id"])
    assert record["disconnection_reason"] == "error_retell"
    assert "set the agent's voice_id to one of flite-rms" in " ".join(record["faults"])
