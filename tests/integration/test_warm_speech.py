"""Warm transfers whose messages text to speech (flite) says: for text agents, and in an audio agent's place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.fakes.agent_server import listen
from tests.fakes.flite import program as flite
from tests.fakes.flite import resampled, speech
from tests.fakes.llm_server import LlmServer, until
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import Samples, find, find_pieces, read_wav, tone
from tests.fakes.tones import as_sent, heard_ms, longest_silence_ms
from tests.integration.stage import Stage, staged
from tests.integration.target import BRIDGE, TARGET_ADDRESS, TO
from tests.integration.test_text_agent import SPEECH, answering, opening

PRIVATE: Final = {
    "type": "static_message",
    "message": "{{x-name}} is on the line. There is a question about an invoice, and about a letter of last week.",
}
PUBLIC: Final = {"type": "static_message", "message": "I leave you two alone now."}
WANTS_ITEMS: Final = ({"response_type": "config", "config": {"transcript_with_tool_calls": True}},)
OPTIONS: Final = {
    "to": TO,
    "mode": "warm",
    "on_hold_music": "uplifting_beats",
    "opt_out_human_detection": True,
    "private_handoff_option": PRIVATE,
    "public_handoff_option": PUBLIC,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def talking(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A controller with ears and a voice."""
    folder = tmp_path_factory.mktemp("warm")
    async with staged(folder, SPEECH_TO_TEXT="grammar", TEXT_TO_SPEECH="flite", FLITE=flite()) as made:
        yield made


@asynccontextmanager
async def parties(stage: Stage, engine: dict[str, Any]) -> AsyncIterator[tuple[SipCaller, SipCallee]]:
    """A caller through to a new agent, and the target that its number's trunk leads to."""
    body = {"response_engine": engine, "voice_id": "flite-slt"}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    async with SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address=TARGET_ADDRESS) as target:
        dialled = await stage.import_number(agent_id, termination_uri=target.uri, transport="UDP")
        async with stage.caller() as caller:
            await caller.call(dialled, headers=[("X-Name", "Ada")])
            yield caller, target


def hears(party: SipCaller, text: str) -> bool:
    """Whether this was said to somebody."""
    pieces = find_pieces(resampled(speech(text), 16000, 8000), as_sent(party.audio.heard), piece=1600)
    found = sum(piece.similarity > 0.8 for piece in pieces)
    return found > len(pieces) / 2  # where a bridge of three skips a frame, a piece is not found


def both_heard(caller: SipCaller, target: SipCallee) -> None:
    """Of each message, whoever it is for."""
    assert hears(target, "Ada is on the line.")
    assert not hears(caller, "Ada is on the line.")
    assert hears(target, PUBLIC["message"])
    assert hears(caller, PUBLIC["message"])


async def test_a_text_agent_hands_over_in_its_own_voice(talking: Stage) -> None:
    async with LlmServer() as llms:
        agent = llms.agent(answering(), opening=opening())
        async with parties(talking, agent.engine) as (caller, target):
            await until(lambda: bool(agent.talks))
            call_id = agent.talks[0].path.rsplit("/", 1)[1]
            await talking.begun(call_id)
            transfer = asyncio.create_task(talking.controller.post(f"/v2/transfer-call/{call_id}", OPTIONS))
            await target.rings()
            await asyncio.sleep(0.5)
            await target.picks_up()
            target.audio.say(read_wav(SPEECH / "slt_no_thank_you.wav")[0])
            assert (await transfer).json == {"status": "succeeded", "sip_status": 200}
            both_heard(caller, target)
            target.audio.say(tone(2400, 0.3))
            await target.audio.said()
            await asyncio.sleep(0.3)
            assert heard_ms(as_sent(caller.audio.heard), 2400) >= 200
        record = await talking.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert "Transfer Target: no thank you" in record["transcript"]
    assert not [message for message in agent.talks[0].heard if message["interaction_type"] == "response_required"]
    await talking.idle()


async def test_a_text_agent_is_told_why_its_caller_is_back_and_speaks_before_the_music_ends(talking: Stage) -> None:
    sorry = "Sorry, nobody answers there."
    async with LlmServer() as llms:
        agent = llms.agent(answering({"content": sorry}), opening=(*WANTS_ITEMS, *opening()))
        async with parties(talking, agent.engine) as (caller, target):
            await until(lambda: bool(agent.talks))
            call_id = agent.talks[0].path.rsplit("/", 1)[1]
            await talking.begun(call_id)
            transfer = asyncio.create_task(talking.controller.post(f"/v2/transfer-call/{call_id}", OPTIONS))
            await target.rings()
            await asyncio.sleep(0.5)
            await target.refuses(486)
            assert (await transfer).json["sip_status"] == 486
            await until(lambda: hears(caller, sorry))
            assert longest_silence_ms(until_words(caller, sorry)) <= 200
    asked = [message for message in agent.talks[0].heard if message["interaction_type"] == "response_required"]
    assert len(asked) == 1
    injected = [item["content"] for item in asked[0]["transcript_with_tool_calls"] if item["role"] == "injected"]
    assert injected == [
        f"The caller was not transferred to {TO}: the destination is busy. The caller is with you again."
    ]
    await talking.idle()


async def test_a_text_agent_has_no_prompts(talking: Stage) -> None:
    async with LlmServer() as llms:
        agent = llms.agent(answering(), opening=opening())
        async with parties(talking, agent.engine):
            await until(lambda: bool(agent.talks))
            call_id = agent.talks[0].path.rsplit("/", 1)[1]
            await talking.begun(call_id)
            options = {**OPTIONS, "private_handoff_option": {"type": "prompt", "prompt": "Who calls?"}}
            answer = (await talking.controller.post(f"/v2/transfer-call/{call_id}", options)).json
    assert answer["status"] == "failed"
    assert "private_handoff_option is a prompt" in answer["message"]
    assert "static_message" in answer["message"]


async def test_text_to_speech_speaks_in_an_audio_agents_place(talking: Stage) -> None:
    agent = talking.agents.agent(listen, protocol="web", rate_hz=24000)
    async with parties(talking, agent.engine) as (caller, target):
        call = await agent.call()
        await talking.begun(str(call.about["call_id"]))
        await call.send({"event": "transfer", "transfer": OPTIONS})
        await target.rings()
        await asyncio.sleep(0.5)
        await target.picks_up()
        await call.gone(timeout_s=30)
        both_heard(caller, target)
        assert longest_silence_ms(until_words(caller, PUBLIC["message"])) <= 200
    told = [message["transfer"] for message in call.events("transfer")]
    assert told[2] == {
        "status": "private_handoff",
        "hears": "target",
        "message": PRIVATE["message"].replace("{{x-name}}", "Ada"),
        "spoken_by": "text_to_speech",
    }
    assert (told[3]["status"], told[3]["spoken_by"]) == ("public_handoff", "text_to_speech")
    await talking.idle()


async def test_text_to_speech_tells_both_what_a_second_agent_leaves_them_with(talking: Stage) -> None:
    second = talking.agents.agent(listen, protocol="web")
    second_id = await talking.create_agent(second)
    config = {"transfer_agent": {"agent_id": second_id}}
    options = {**OPTIONS, "mode": "agentic_warm", "agentic_transfer_config": config}
    async with LlmServer() as llms:
        agent = llms.agent(answering(), opening=opening())
        async with parties(talking, agent.engine) as (caller, target):
            await until(lambda: bool(agent.talks))
            call_id = agent.talks[0].path.rsplit("/", 1)[1]
            await talking.begun(call_id)
            transfer = asyncio.create_task(talking.controller.post(f"/v2/transfer-call/{call_id}", options))
            await target.rings()
            other = await second.call()
            await asyncio.sleep(0.5)
            await target.picks_up()
            await other.transfer_result()
            await other.send(BRIDGE)
            assert (await transfer).json == {"status": "succeeded", "sip_status": 200}
            for listener in (caller, target):
                assert hears(listener, PUBLIC["message"])
                assert not hears(listener, "Ada is on the line."), "a second agent has its own words for that"
    await talking.idle()


def until_words(caller: SipCaller, text: str) -> Samples:
    """What the caller was sent from half a second before the music ended until these words."""
    heard = as_sent(caller.audio.heard)
    words = find(resampled(speech(text), 16000, 8000)[:4800], heard).offset
    return heard[max(0, words - 4000) : words + 2400]
