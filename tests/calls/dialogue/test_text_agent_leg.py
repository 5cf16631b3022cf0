"""The leg of a text agent: events to the dialogue, its orders to the world; with real sound in tests/integration."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from aiohttp import ClientSession

from ari_agent.calls.dialogue.phases import AgentPhase
from ari_agent.calls.dialogue.text_agent_leg import Speech, TextAgentLeg
from ari_agent.calls.media.call_media import (
    AgentFailed,
    AgentHungUp,
    AgentReady,
    DtmfAsked,
    MediaEvent,
    MediaSpec,
    TranscriptTold,
)
from ari_agent.calls.media.commands import CallerAway, ControlFailed, KeyPressed
from ari_agent.contract.agent import Agent
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine
from tests.api.test_web_text_agents import Deaf, Tones
from tests.calls.dialogue.test_caller_hearing import LoudIsVoice
from tests.contract.samples import AUDIO
from tests.fakes.llm_server import LlmAgent, LlmServer, Message, until

OPENING: Message = {"response_id": 0, "content": "Hello there.", "content_complete": True}


class Phone:
    """A caller's side that tells at once, while it is handed a mark, that the one before it was heard."""

    shows_updates = True
    is_recorded = True

    def __init__(self) -> None:
        self.played = 0
        self.told: list[str] = []
        self.leg: TextAgentLeg | None = None
        self._waiting: list[str] = []

    def play(self, payload: bytes) -> None:
        self.played += len(payload)

    def mark(self, name: str) -> bool:
        waiting, self._waiting = self._waiting, [name]
        assert self.leg
        self.leg.marks_played(waiting)
        return True

    def hears_the_rest(self) -> None:
        assert self.leg
        self.leg.marks_played(self._waiting)

    def clear(self) -> Sequence[str]:
        return ()

    def tell(self, event: str, message: bytes) -> None:
        self.told.append(event)

    def pause_recording(self, paused: bool) -> bool:
        self.told.append("pause" if paused else "resume")
        return self.is_recorded

    def agent_is_away(self, away: bool) -> None:
        raise AssertionError


def spec(engine: Any, **more: Any) -> MediaSpec:
    made = {"agent_id": "agent_1", "version": 0, "is_published": False, "last_modification_timestamp": 0}
    agent = Agent.model_validate({"response_engine": engine.model_dump(), "voice_id": "flite-slt", **made})
    given: dict[str, Any] = {"agent": agent, "allow_user_dtmf": True, **more}
    return MediaSpec("call_1", "1", "2", "inbound", engine, {}, None, end_call_after_silence_ms=600_000, **given)


@pytest.fixture
async def speech() -> AsyncIterator[Speech]:
    async with ClientSession() as http:
        yield Speech(Deaf(), Tones(), LoudIsVoice(), http, lambda: 0)


@pytest.fixture
async def llms() -> AsyncIterator[LlmServer]:
    async with LlmServer() as server:
        yield server


class Call:
    """A leg, its phone, and what it tells."""

    def __init__(self, speech: Speech, agent: LlmAgent, **more: Any) -> None:
        self.told: list[MediaEvent] = []
        self.phone = Phone()
        engine = CustomLlmEngine.model_validate(agent.engine)
        self.leg = self.phone.leg = speech.new_leg(spec(engine, **more), self.phone, self.told.append)

    def has(self, kind: type[MediaEvent]) -> Callable[[], bool]:
        return lambda: any(isinstance(event, kind) for event in self.told)


async def test_an_agent_speaks_to_a_phone_that_answers_while_it_is_spoken_to(speech: Speech, llms: LlmServer) -> None:
    call = Call(speech, llms.agent(opening=({**OPENING, "end_call": True},)))
    call.leg.dial()
    call.leg.dial()
    await until(call.has(AgentReady))
    call.leg.start()
    call.leg.start()
    await until(lambda: call.phone.played == 32_000)
    call.phone.hears_the_rest()
    await until(call.has(AgentHungUp))
    assert call.leg.is_open
    assert "text" in repr(call.leg).lower()
    assert "update" in call.phone.told
    await call.leg.close()
    await call.leg.close()
    last = [event for event in call.told if isinstance(event, TranscriptTold)][-1]
    assert [utterance.content for utterance in last.update.transcript] == ["Hello there."]


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_an_agents_server_pauses_the_recording(
    speech: Speech, llms: LlmServer, caplog: pytest.LogCaptureFixture, is_recorded: bool
) -> None:
    actions = [{"response_type": "recording", "action": action} for action in ("pause", "resume")]
    call = Call(speech, llms.agent(opening=(*actions, OPENING)))
    call.phone.is_recorded = is_recorded
    call.leg.dial()
    await until(lambda: "resume" in call.phone.told)
    assert [told for told in call.phone.told if told in ("pause", "resume")] == ["pause", "resume"]
    assert ("the call is not recorded" in caplog.text) is not is_recorded
    await call.leg.close()


async def test_a_defect_ends_the_call_and_does_not_leave_the_caller_in_silence(
    speech: Speech, llms: LlmServer, caplog: pytest.LogCaptureFixture
) -> None:
    call = Call(speech, llms.agent())
    call.leg._dialogue.speech.phase = AgentPhase.HELD  # which cannot be
    with caplog.at_level(logging.ERROR):
        call.leg.start()
        call.leg.command(ControlFailed("dtmf", "no digits"))
    failed = next(event for event in call.told if isinstance(event, AgentFailed))
    assert failed.reason is DisconnectionReason.ERROR_RETELL
    await call.leg.close()


async def test_what_happens_while_orders_are_carried_out_waits_for_them(speech: Speech, llms: LlmServer) -> None:
    call = Call(speech, llms.agent(opening=({**OPENING, "digit_to_press": "1"},)))
    told: list[str] = []

    def listen(event: MediaEvent) -> None:
        if isinstance(event, DtmfAsked):
            told.append("asked")
        if isinstance(event, TranscriptTold) and event.items and event.items[-1].role.startswith("tool_call"):
            told.append(event.items[-1].role)
            if told == ["tool_call_invocation"]:  # an order before the one that asks for the digits
                call.leg.command(ControlFailed("dtmf", "no digits"))

    call.leg._on_event = listen
    call.leg.dial()
    call.leg.start()
    await until(lambda: call.phone.played == 32_000)
    call.phone.hears_the_rest()
    await until(lambda: len(set(told)) == 3)
    assert list(dict.fromkeys(told)) == ["tool_call_invocation", "asked", "tool_call_result"]
    await call.leg.close()


async def test_keys_are_heard_where_they_are_wanted(speech: Speech, llms: LlmServer) -> None:
    for wanted in (True, False):
        call = Call(speech, llms.agent(), allow_user_dtmf=wanted)
        call.leg.start()
        call.leg.command(KeyPressed("1", 100))
        assert call.has(TranscriptTold)() == wanted
        await call.leg.close()


async def test_after_the_end_nothing_happens(speech: Speech, llms: LlmServer) -> None:
    call = Call(speech, llms.agent(opening=(OPENING,)))
    await call.leg.close()
    call.leg.dial()
    call.leg.start()
    call.leg.command(CallerAway())
    call.leg.command(KeyPressed("1", 100))
    await asyncio.sleep(0.05)
    assert call.told == []


async def test_a_text_agent_needs_a_text_agents_engine(speech: Speech) -> None:
    with pytest.raises(TypeError):
        speech.new_leg(spec(AudioWebsocketEngine.model_validate(AUDIO)), Phone(), print)
