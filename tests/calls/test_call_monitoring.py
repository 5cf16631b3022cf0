"""How many may listen in, what a slow one loses, and what a real media session lets them hear."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any, cast

import numpy as np
import pytest

from ari_agent.calls.call_monitoring import CallMonitoring, CannotListen
from ari_agent.calls.media.commands import CallerAway, CallerBack
from ari_agent.calls.session import CallSession
from ari_agent.contract.recording import RecordingPlan
from ari_agent.errors import UnknownCall
from ari_agent.media.audio import ulaw_to_linear
from tests.calls.media.test_media_session import Conversation, conversation
from tests.console.heard_call import HeardCall
from tests.fakes.agent_server import AgentServer
from tests.fakes.sound import tone
from tests.fakes.tones import heard_ms

PIECE = b"\x10\x90" * 480


def monitoring(*calls: HeardCall, **limits: int) -> CallMonitoring:
    known = {call.call_id: call for call in calls}

    def session_of(call_id: str) -> CallSession:
        if call_id not in known:
            raise UnknownCall(call_id)
        return cast(CallSession, known[call_id])

    return CallMonitoring(session_of, **limits)


async def test_listeners_are_bounded_for_each_call_and_in_all() -> None:
    calls = [HeardCall(f"call_{number}") for number in range(3)]
    watched = monitoring(*calls, most=3, most_of_one_call=2)
    with ExitStack() as open_ones:
        for call in (calls[0], calls[0], calls[1]):
            open_ones.enter_context(watched.listener(call.call_id, "admin"))
        with pytest.raises(CannotListen, match="2 listen to it already"), watched.listener("call_0", "admin"):
            pass
        with pytest.raises(CannotListen, match="3 listen to calls already"), watched.listener("call_2", "admin"):
            pass
        assert calls[2].media.hear is None
    with watched.listener("call_2", "admin"):
        assert [call.media.hear is None for call in calls] == [True, True, False]


async def test_a_listener_who_is_too_slow_loses_the_oldest_pieces_and_no_more_than_those() -> None:
    call = HeardCall()
    with monitoring(call).listener(call.call_id, "admin") as slow:
        for number in range(100):
            call.give(bytes([number]) * 960)
        call.end()
        pieces = [piece async for piece in slow.pieces()]
    assert (len(pieces), slow.dropped_pieces, slow.why_over) == (32, 68, "the call has ended")
    assert pieces[-1] == ulaw_to_linear(bytes([99]) * 960)


async def test_levels_are_those_of_calls_that_are_heard() -> None:
    call = HeardCall()
    watched = monitoring(call)
    assert watched.levels(call.call_id) == call.media.levels
    call.end()
    assert watched.levels(call.call_id) is None
    assert watched.levels("call_of_yesterday") is None


class TappedConversation:
    """A real media session, as the call of it that somebody listens to."""

    def __init__(self, talk: Conversation) -> None:
        self.call = HeardCall()
        self.call.media = cast(Any, talk.session)
        self.heard = b""

    async def listen(self) -> None:
        with monitoring(self.call).listener(self.call.call_id, "admin") as listener:
            async for piece in listener.pieces():
                self.heard += piece

    def since(self, place: int) -> tuple[Any, Any]:
        stereo = np.frombuffer(self.heard[place:], "<i2")
        return stereo[::2], stereo[1::2]


@pytest.mark.slow
@pytest.mark.parametrize("is_recorded", [False, True])
async def test_a_call_is_heard_with_its_pauses_whether_or_not_it_is_recorded(is_recorded: bool) -> None:
    written: list[bytes] = []
    async with AgentServer() as server:
        agent = server.agent(protocol="twilio")
        plan = RecordingPlan(sides="on" if is_recorded else "off")
        async with conversation(agent.engine, record_to=lambda _: written.append, recording=plan) as talk:
            call = await agent.call()
            tapped = TappedConversation(talk)
            listening = asyncio.create_task(tapped.listen())
            await asyncio.sleep(0)
            await call.say(tone(1900, 1.0))

            async def speak(seconds: float) -> int:
                before = len(tapped.heard)
                for _ in range(round(seconds / 0.02)):
                    talk.caller.say()
                    await asyncio.sleep(0.02)
                return before

            left, right = tapped.since(await speak(0.6))
            assert np.max(np.abs(left)) > 10_000
            assert heard_ms(right.astype(np.int16), 1900) > 300
            assert talk.session.pause_recording(True) is is_recorded
            await speak(0.1)
            silent = tapped.since(await speak(0.3))
            assert all(len(side) and not np.any(side) for side in silent)
            talk.session.pause_recording(False)
            talk.command(CallerAway())
            await speak(0.1)
            left, _ = tapped.since(await speak(0.3))
            assert len(left) and not np.any(left)
            talk.command(CallerBack())
            left, _ = tapped.since(await speak(0.3))
            assert np.max(np.abs(left)) > 10_000
            assert max(talk.session.levels) > -30
        await listening
        assert talk.session.listen(lambda _: None) is None
    assert bool(written) is is_recorded


async def test_nothing_of_a_call_is_heard_before_its_answer() -> None:
    async with AgentServer() as server, conversation(server.agent().engine, start=False) as talk:
        tapped = TappedConversation(talk)
        with pytest.raises(CannotListen, match="nothing of it is heard now"):
            await tapped.listen()
