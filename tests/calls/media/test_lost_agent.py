"""Audio agents that are lost in mid-call, on real websockets, and what their next connection is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from ari_agent.calls.media.audio_agent_leg import KEPT_COMMANDS
from ari_agent.calls.media.call_media import (
    AgentAway,
    AgentBack,
    AgentFailed,
    AgentHungUp,
    AgentReady,
    CallerInactive,
    KeyForwarded,
)
from ari_agent.calls.media.commands import KeyPressed
from ari_agent.contract.disconnection import DisconnectionReason
from tests.calls.media.test_media_session import Conversation, conversation, dialling, nothing_is_left, server
from tests.fakes.agent_server import AgentCall, AgentServer, Refusal
from tests.fakes.raw_agent import CLOSE, RawAgent, RawConnection
from tests.fakes.sound import noise, tone

__all__ = ["nothing_is_left", "server"]

pytestmark = pytest.mark.slow

LONG_S = 8.0


def kinds(talk: Conversation) -> list[type[Any]]:
    return [type(event) for event in talk.events]


async def goes_away(call: AgentCall) -> None:
    await call.close(1001)


async def fails(call: AgentCall) -> None:
    await call.close(1011)


async def resets(call: AgentCall) -> None:
    call.abort()


@pytest.mark.parametrize("protocol", ["twilio", "web"])
@pytest.mark.parametrize("ends", [goes_away, fails, resets])
async def test_a_lost_agent_is_dialled_again_and_told_so(
    server: AgentServer, protocol: str, ends: Callable[[AgentCall], Awaitable[None]]
) -> None:
    agent = server.agent(protocol=protocol)
    async with conversation(agent.engine, redial_s=LONG_S, metadata={"ticket": 7}) as talk:
        first = await agent.call()
        assert "reconnected" not in first.about
        await talk.event(AgentReady)
        await ends(first)
        second = await agent.call(index=1)
        back = await talk.event(AgentBack)
        assert kinds(talk) == [AgentReady, AgentAway, AgentBack]
        assert back.attempts == 1
        before, now = dict(first.about), dict(second.about)
        assert now.pop("reconnected") == ("true" if protocol == "twilio" else True)
        assert now == before
        assert protocol == "web" or second.stream_sid != first.stream_sid
        talk.caller.say()
        await second.hears(seconds=0.02)
        await second.say(tone(400, seconds=0.2, rate_hz=second.rate_hz))
        await talk.until(lambda: len(talk.caller.loud()) >= 10)
        await second.close(1000)
        assert await talk.event(AgentHungUp) == AgentHungUp(16)


async def test_an_agent_that_answers_no_ping_is_lost_and_dialled_again() -> None:
    async with RawAgent() as raw:
        talk = Conversation(dialling(raw), redial_s=LONG_S)
        talk.session._agent._socket._ping_idle_s = 0.1  # type: ignore[attr-defined]
        await talk.open()
        talk.session.dial_agent()
        await (await raw.connection()).accept()
        await talk.event(AgentAway)
        await (await raw.connection()).accept()
        await talk.event(AgentBack)
        await talk.session.close()
        talk.caller.socket.close()


@pytest.mark.parametrize(("redial_s", "code", "end"), [(0.0, 1001, AgentHungUp), (0.0, 1011, AgentFailed)])
async def test_without_redials_a_loss_ends_the_call_as_ever(
    server: AgentServer, redial_s: float, code: int, end: type[Any]
) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=redial_s) as talk:
        await (await agent.call()).close(code)
        await talk.event(end)
        assert kinds(talk) == [AgentReady, end]
        assert agent.attempts == 1


@pytest.mark.parametrize("payload", [b"\x03\xe8", b""])
async def test_1000_and_no_code_are_a_hangup_whatever_the_limit(payload: bytes) -> None:
    async with RawAgent() as raw, conversation(dialling(raw), redial_s=LONG_S) as talk:
        connection = await raw.connection()
        await connection.accept()
        connection.frame(CLOSE, payload)
        assert await talk.event(AgentHungUp) == AgentHungUp(16)
        assert kinds(talk) == [AgentReady, AgentHungUp]


async def test_a_hangup_request_counts_whatever_becomes_of_the_websocket_then(server: AgentServer) -> None:
    async def leave(call: AgentCall) -> None:
        await call.hang_up(q850_cause=34)
        call.abort()

    agent = server.agent(leave)
    async with conversation(agent.engine, redial_s=LONG_S) as talk:
        assert await talk.event(AgentHungUp) == AgentHungUp(34)
        await (await agent.call()).gone()
        assert kinds(talk) == [AgentReady, AgentHungUp]
        assert agent.attempts == 1


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_whatever_is_answered_the_agent_is_dialled_until_it_is_there(server: AgentServer, status: int) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=LONG_S) as talk:
        first = await agent.call()
        agent.refusal = Refusal(status)
        first.abort()
        await talk.until(lambda: agent.attempts >= 3)
        agent.refusal = None
        assert (await talk.event(AgentBack)).attempts >= 3
        assert (await talk.event(AgentBack)).away_ms >= 250


async def test_an_agent_that_stays_away_is_lost_for_good_when_the_time_is_over(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=0.4) as talk:
        first = await agent.call()
        agent.refusal = Refusal(503)
        first.abort()
        failed = await talk.event(AgentFailed)
        assert failed.reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION
        assert "not reached again within 0.4 s" in failed.message
        assert "503" in failed.message
        assert kinds(talk) == [AgentReady, AgentAway, AgentFailed]
        assert agent.attempts in (2, 3, 4)


async def test_an_agent_that_never_answers_the_handshake_again_takes_no_longer(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=0.4) as talk:
        first = await agent.call()
        agent.refusal = Refusal(503, delay_s=60.0)
        first.abort()
        assert "no websocket handshake within 0." in (await talk.event(AgentFailed)).message


async def test_an_agent_that_takes_the_call_and_drops_it_again_and_again_is_given_up(server: AgentServer) -> None:
    agent = server.agent(resets)
    async with conversation(agent.engine, redial_s=1.0) as talk:
        await talk.event(AgentFailed)
        assert kinds(talk)[0] is AgentReady
        assert 2 <= len(agent.calls) <= 5
        assert len(agent.calls) - kinds(talk).count(AgentAway) in (0, 1), "the last loss may come when the time is over"


async def test_what_it_had_said_is_heard_to_its_end_and_its_marks_are_not_told_to_the_next(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=LONG_S) as talk:
        first = await agent.call()
        await first.say(noise(1.0))
        await first.mark("of the first")
        await talk.until(lambda: len(talk.caller.loud()) >= 5)
        first.abort()
        second = await agent.call(index=1)
        await second.say(tone(400, seconds=0.1, rate_hz=8000))
        await second.mark("of the second")
        await second.event("mark")
        assert second.marks == ["of the second"]
        assert len(talk.caller.loud()) >= 53


async def test_half_a_sample_of_the_first_connection_does_not_make_noise_of_the_second(server: AgentServer) -> None:
    agent = server.agent(protocol="web")
    async with conversation(agent.engine, redial_s=LONG_S) as talk:
        first = await agent.call()
        await first.send(tone(400, seconds=0.1, rate_hz=16000).tobytes()[:-1])
        await talk.until(lambda: len(talk.caller.loud()) >= 4)
        await asyncio.sleep(0.1)
        first.abort()
        second = await agent.call(index=1)
        heard = len(talk.caller.loud())
        await second.send(np.full(16000, 256, np.int16).tobytes())  # a byte off, it would be 1
        await talk.until(lambda: len(talk.caller.loud()) >= heard + 40)
        assert talk.session.stats.agent_dbfs > -45


async def test_keys_wait_for_the_next_connection_and_audio_does_not(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=LONG_S) as talk:
        first = await agent.call()
        agent.refusal = Refusal(503)
        first.abort()
        await talk.event(AgentAway)
        assert not talk.session.has_agent
        for digit in "9" * 2 + "1" * (KEPT_COMMANDS - 2) + "42":
            talk.command(KeyPressed(digit, 100))
            talk.caller.say()
        assert KeyForwarded not in kinds(talk)
        agent.refusal = None
        second = await agent.call(index=1)
        await second.event("dtmf", index=KEPT_COMMANDS - 1)
        assert second.digits == "1" * (KEPT_COMMANDS - 2) + "42", "the oldest are dropped"
        assert second.heard == []
        await talk.event(AgentBack)
        assert kinds(talk).index(KeyForwarded) > kinds(talk).index(AgentAway)


async def test_silence_is_not_counted_while_the_agent_is_away(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=LONG_S, end_call_after_silence_ms=1500) as talk:
        first = await agent.call()
        agent.refusal = Refusal(503)
        first.abort()
        await talk.event(AgentAway)
        await asyncio.sleep(2.6)
        assert CallerInactive not in kinds(talk)
        agent.refusal = None
        await talk.event(AgentBack)
        await talk.event(CallerInactive)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_call_that_ends_while_the_agent_is_dialled_again_leaves_nothing(
    server: AgentServer, answers: bool
) -> None:
    agent = server.agent()
    async with conversation(agent.engine, redial_s=LONG_S) as talk:
        first = await agent.call()
        agent.refusal = Refusal(503, delay_s=0.0 if answers else 60.0)
        first.abort()
        await talk.until(lambda: agent.attempts >= 2)
        await talk.session.close()
        assert AgentFailed not in kinds(talk)


async def test_an_agent_that_does_not_read_is_dialled_again(server: AgentServer) -> None:
    async def again(raw: RawAgent) -> RawConnection:
        connection = await raw.connection()
        await connection.accept()
        return connection

    async with RawAgent() as raw, conversation(dialling(raw), redial_s=LONG_S) as talk:
        await again(raw)
        await talk.event(AgentReady)
        socket = talk.session._agent._socket  # type: ignore[attr-defined]
        for _ in range(3000):
            socket.send(b'{"event":"x","x":"' + b"x" * 1000 + b'"}')
        assert (await talk.event(AgentAway)).why.endswith("(it does not read its messages)")
        second = await again(raw)
        await talk.event(AgentBack)
        assert b'"connected"' in (await second.read_frame())[1]
