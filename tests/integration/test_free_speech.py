"""Turns of a caller who talks freely: Moonshine listens, which writes what was said when a pause has begun."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np
import pytest
import pytest_asyncio

from tests.fakes.flite import program as flite
from tests.fakes.flite import resampled
from tests.fakes.flite import speech as flite_speech
from tests.fakes.llm_server import LlmServer, until
from tests.fakes.sound import SILENCE_FLOOR_DBFS, Samples, level_dbfs, silence
from tests.integration.stage import Stage, staged
from tests.integration.stalls import again_if_stalled
from tests.integration.test_text_agent import LONG, answering, connected, opening

HELLO: Final = "Hello."
PAUSE_S: Final = 0.5
"""Longer than what ends a turn whose sentence is complete, or may be."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def talking(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A controller that hears free speech."""
    folder = tmp_path_factory.mktemp("free")
    async with staged(folder, SPEECH_TO_TEXT="moonshine", TEXT_TO_SPEECH="flite", FLITE=flite()) as made:
        yield made


def said(text: str, voice: str = "rms") -> Samples:
    """The text without the silence around it, at 8 kHz."""
    sound = resampled(flite_speech(text, voice), 16000, 8000)
    loud = [at for at in range(0, len(sound) - 160, 160) if level_dbfs(sound[at : at + 160]) > SILENCE_FLOOR_DBFS]
    return sound[loud[0] : loud[-1] + 160]


@pytest.mark.parametrize(
    ("first", "rest", "heard"),
    [
        ("I would like to order a pizza, and", "two bottles of water, please.", ("pizza and", "water")),
        ("My name is", "John, and I need a room.", ("my name is", "room")),
    ],
)
async def test_a_caller_who_pauses_in_the_middle_of_a_sentence_is_not_cut_off(
    talking: Stage, first: str, rest: str, heard: Sequence[str]
) -> None:
    async with LlmServer() as llms:
        agent = llms.agent(answering({"content": "Very well."}), opening=opening(HELLO))
        async with connected(talking, agent) as talk:
            await talk.spoken(HELLO)
            talk.caller.audio.say(np.concatenate((said(first), silence(PAUSE_S), said(rest))))
            content = (await talk.asked())["transcript"][-1]["content"].lower().replace(",", "")
            assert [words for words in heard if words not in content] == [], content
            await talk.spoken("Very well.")
            assert len(talk.told("response_required")) == 1


@again_if_stalled
async def test_a_caller_whose_sentence_is_complete_is_answered_sooner_than_one_whose_sentence_hangs(
    talking: Stage,
) -> None:
    async with LlmServer() as llms:
        agent = llms.agent(answering({"content": "Yes."}, {"content": "No."}), opening=opening(HELLO))
        async with connected(talking, agent) as talk:
            await talk.spoken(HELLO)
            waits_s = []
            for turn, text in enumerate(("Transfer me to an agent.", "I would like to order a pizza, and")):
                talk.caller.audio.say(said(text))
                await talk.caller.audio.said()
                ended_s = time.monotonic()
                await talk.asked(turn + 1)
                waits_s.append(time.monotonic() - ended_s)
                await talk.spoken(("Yes.", "No.")[turn])
            complete_s, hanging_s = waits_s
            assert hanging_s >= 0.75  # the voice ends before its sound does
            assert complete_s < hanging_s


@pytest.mark.parametrize("nod", ["yeah", "okay", "yes", "I see"])
async def test_a_nod_does_not_stop_the_agent(talking: Stage, nod: str) -> None:
    async with LlmServer() as llms:
        agent = llms.agent(answering(), opening=opening(LONG))
        async with connected(talking, agent) as talk:
            await talk.caller.audio.hears()
            await asyncio.sleep(0.8)
            talk.caller.audio.say(said(nod, "slt"))
            await talk.spoken(LONG)
            assert not talk.told("response_required")
    record = await talking.controller.ended_call(talk.call_id)
    assert "User: " in record["transcript"]


@pytest.mark.parametrize("text", ["Please stop.", "Wait a moment."])
@pytest.mark.parametrize("sensitivity", [1, 0.1])
async def test_a_stop_stops_the_agent(talking: Stage, text: str, sensitivity: float) -> None:
    async with LlmServer() as llms:
        agent = llms.agent(answering(), opening=opening(LONG))
        async with connected(talking, agent, fields={"interruption_sensitivity": sensitivity}) as talk:
            await talk.caller.audio.hears()
            await asyncio.sleep(0.8)
            talk.caller.audio.say(said(text))
            asked = await talk.asked()
            await until(lambda: talk.last_said()[0] == "user")
            agent_said, user_said = asked["transcript"]
            assert user_said["content"] == text
            assert LONG.startswith(agent_said["content"])
            assert agent_said["content"] != LONG
