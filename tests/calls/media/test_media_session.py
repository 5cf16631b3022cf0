from __future__ import annotations

import asyncio
import contextlib
import itertools
import pickle
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from ari_agent.calls.media.call_media import (
    AgentFailed,
    AgentHungUp,
    AgentReady,
    CallerInactive,
    DtmfAsked,
    GreetingHeard,
    LatencyMeasured,
    MediaEvent,
    MediaSpec,
    NoAudioReceived,
    TransferAsked,
    TransferDecided,
)
from ari_agent.calls.media.commands import (
    CallerAway,
    CallerBack,
    Command,
    ControlFailed,
    KeyPressed,
    TargetListens,
    TransferGoesOn,
    TransferResult,
    Voicemail,
)
from ari_agent.calls.media.greeting_listener import Heard
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.media.speech_watch import SpeechLimits
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest, VoicemailNotice
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.contract.transfer_progress import TransferDecision, TransferProgress
from ari_agent.errors import NoRtpPort
from ari_agent.media import rtp
from ari_agent.media.audio import ULAW_SILENCE_FRAME
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import SLOT_S, TICK_S, Wheel
from tests.fakes.agent_server import AgentCall, AgentServer, Refusal
from tests.fakes.raw_agent import RawAgent
from tests.fakes.sound import silence, tone, ulaw_decode, ulaw_encode
from tests.fakes.timers import FakeTimers
from tests.fakes.tones import heard_ms

pytestmark = pytest.mark.slow

SPEECH = bytes(range(128)) + bytes(range(32))  # mu-law, loud
LIMIT_S = 10.0
Event = TypeVar("Event", bound=MediaEvent)
Value = TypeVar("Value")


class Caller:
    """Asterisk's end of the RTP: a UDP socket that numbers what it sends and keeps what it hears."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.to: tuple[str, int] | None = None
        self.sent = 0
        self.heard: list[rtp.Packet] = []

    def say(self, payload: bytes = SPEECH) -> None:
        assert self.to is not None
        packet = rtp.Packet(rtp.PCMU, self.sent == 0, self.sent, self.sent * 160, 4711, payload)
        self.socket.sendto(rtp.build(packet), self.to)
        self.sent += 1

    def listen(self) -> list[rtp.Packet]:
        """Everything heard so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append(rtp.parse(self.socket.recv(2048)))
        return self.heard

    def loud(self) -> list[bytes]:
        """Frames heard that are not silence."""
        return [packet.payload for packet in self.listen() if packet.payload != ULAW_SILENCE_FRAME]


def copied(value: Value) -> Value:
    """As it arrives in another process: everything that goes in and comes out must stand that."""
    there: Value = pickle.loads(pickle.dumps(value))
    return there


class Conversation:
    """One media session with its caller and what it told."""

    def __init__(self, engine: dict[str, Any], **spec: Any) -> None:
        self.events: list[MediaEvent] = []
        self.measured: list[LatencyMeasured] = []
        self.caller = Caller()
        self.wheel = Wheel()
        defaults: dict[str, Any] = {
            "call_id": "call_1",
            "from_number": "+15551230000",
            "to_number": "+15559990000",
            "direction": "inbound",
            "engine": AudioWebsocketEngine.model_validate(engine),
            "dynamic_variables": {"x-caller": "abc"},
            "metadata": None,
            "end_call_after_silence_ms": 600_000,
            "allow_user_dtmf": True,
        }
        self.session = MediaSession(
            copied(MediaSpec(**defaults | spec)),
            rtp=RtpPorts("127.0.0.1"),
            wheel=self.wheel,
            on_event=lambda event: self._told(copied(event)),
        )

    def _told(self, event: MediaEvent) -> None:
        if isinstance(event, LatencyMeasured):
            self.measured.append(event)
        else:
            self.events.append(event)

    def command(self, command: Command) -> None:
        self.session.command(copied(command))

    async def open(self) -> None:
        self.caller.to = await self.session.open()
        self.session.accept_from(*self.caller.socket.getsockname())

    async def until(self, look: Callable[[], object]) -> None:
        for _ in range(int(LIMIT_S / 0.002)):
            if look():
                return
            await asyncio.sleep(0.002)
        raise TimeoutError(f"events: {self.events}, {self.session}")

    async def event(self, kind: type[Event]) -> Event:
        await self.until(lambda: any(isinstance(event, kind) for event in self.events))
        return next(event for event in self.events if isinstance(event, kind))


def descriptors() -> Counter[str]:
    """How many sockets, epolls and the like this process holds. Files are the test runner's and the event loop's."""
    found: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            found[target.split(":[", maxsplit=1)[0]] += not target.startswith("/")
    return found


def other_tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """Whatever a test does: afterwards no socket, no file, no task is left of it."""
    files, tasks = descriptors(), other_tasks()
    yield
    for _ in range(500):
        if descriptors() == files and other_tasks() <= tasks:
            return
        await asyncio.sleep(0.002)
    assert descriptors() == files
    assert other_tasks() <= tasks


@pytest.fixture
async def server(nothing_is_left: None) -> AsyncIterator[AgentServer]:
    async with AgentServer() as listening:
        yield listening
        assert listening.take_script_errors() == []


@contextlib.asynccontextmanager
async def conversation(engine: dict[str, Any], *, start: bool = True, **spec: Any) -> AsyncIterator[Conversation]:
    """A session that dials, and is closed at the end within the second that `close` promises."""
    talk = Conversation(engine, **spec)
    await talk.open()
    talk.session.dial_agent()
    if start:
        talk.session.start()
    try:
        yield talk
    finally:
        async with asyncio.timeout(1.0):
            await talk.session.close()
        talk.caller.socket.close()
        assert len(talk.wheel) == 0
        assert talk.session._socket is None or talk.session._socket._socket.fileno() == -1


def dialling(raw: RawAgent) -> dict[str, Any]:
    """The engine of an agent at the level of bytes."""
    return {"type": "audio-websocket", "audio_websocket_url": raw.url}


# talking


@pytest.mark.parametrize("listens", [True, False])
async def test_who_has_answered_is_told_to_a_call_that_asks(server: AgentServer, listens: bool) -> None:
    agent = server.agent()
    async with conversation(agent.engine, listens_to_greeting=listens) as talk:
        call = await agent.call()
        beep = ulaw_encode(np.concatenate([tone(1000, 0.4), silence(0.2)]))
        for start in range(0, len(beep), 160):
            talk.caller.say(beep[start : start + 160])
            await asyncio.sleep(0.02)
        await call.heard_pieces(len(beep) // 160)
        told = [event.what for event in talk.events if isinstance(event, GreetingHeard)]
        assert told == ([Heard.MACHINE, Heard.GREETING_OVER] if listens else [])


@pytest.mark.parametrize(
    ("protocol", "encoding", "rate_hz"),
    [("twilio", "mulaw", 8000), ("web", "mulaw", 8000), ("web", "s16le", 16000), ("web", "s16le", 44100)],
)
async def test_caller_and_agent_hear_each_other(
    server: AgentServer, protocol: str, encoding: str, rate_hz: int
) -> None:
    agent = server.agent(protocol=protocol, encoding=encoding, rate_hz=rate_hz)
    async with conversation(agent.engine) as talk:
        assert await talk.event(AgentReady) == AgentReady()
        call = await agent.call()
        for _ in range(25):
            talk.caller.say()
            await asyncio.sleep(0.02)
        await call.hears(seconds=0.3)
        await call.say(tone(400, seconds=0.2, rate_hz=rate_hz))
        await talk.until(lambda: len(talk.caller.loud()) >= 10)
        stats = talk.session.stats
        assert stats.packets_received == 25
        assert stats.agent_messages_received >= 1
        assert stats.packets_malformed == stats.packets_foreign == 0


async def test_the_agent_is_told_about_its_call(server: AgentServer) -> None:
    twilio, web = server.agent(protocol="twilio"), server.agent(protocol="web")
    async with conversation(twilio.engine, metadata={"ticket": 7}):
        told = (await twilio.call()).about
        assert {key: told[key] for key in ("call_id", "from", "to", "direction", "x-caller", "metadata")} == {
            "call_id": "call_1",
            "from": "+15551230000",
            "to": "+15559990000",
            "direction": "inbound",
            "x-caller": "abc",
            "metadata": '{"ticket": 7}',
        }
    async with conversation(web.engine, metadata={"ticket": 7}):
        told = (await web.call()).about
        assert told["retell_llm_dynamic_variables"] == {"x-caller": "abc"}
        assert told["metadata"] == {"ticket": 7}


async def test_a_greeting_from_before_the_answer_starts_with_it(server: AgentServer) -> None:
    greeting = tone(400, seconds=0.3, rate_hz=8000)

    async def greet(call: AgentCall) -> None:
        await call.say(greeting)

    agent = server.agent(greet)
    async with conversation(agent.engine, start=False) as talk:
        await talk.event(AgentReady)
        await talk.until(lambda: talk.session.stats.queued_ms == 300)
        assert talk.caller.listen() == []
        talk.session.start()
        await talk.until(lambda: len(talk.caller.loud()) >= 15)
        assert [packet.payload for packet in talk.caller.heard[:15]] == talk.caller.loud()[:15], "nothing before it"


async def test_after_clear_the_caller_hears_silence_and_marks_come_back(server: AgentServer) -> None:
    async def talk_a_lot(call: AgentCall) -> None:
        await call.say(tone(400, seconds=60, rate_hz=8000))
        await call.mark("never heard")

    agent = server.agent(talk_a_lot)
    async with conversation(agent.engine) as talk:
        await talk.until(lambda: len(talk.caller.loud()) > 5)
        call = await agent.call()
        await call.clear()
        await call.event("mark")
        assert call.marks == ["never heard"]
        loud = len(talk.caller.loud())
        total = len(talk.caller.heard)
        await talk.until(lambda: len(talk.caller.listen()) > total + 10)
        assert len(talk.caller.loud()) <= loud + 2, "at most 40 ms more were on their way"


async def test_marks_come_back_in_order_when_heard(server: AgentServer) -> None:
    async def say_with_marks(call: AgentCall) -> None:
        for name in ("one", "two"):
            await call.say(tone(400, seconds=0.1, rate_hz=8000))
            await call.mark(name)

    agent = server.agent(say_with_marks)
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        await call.event("mark", index=1)
        assert call.marks == ["one", "two"]
        assert len(talk.caller.loud()) == 10


async def test_a_ping_is_answered(server: AgentServer) -> None:
    agent = server.agent(protocol="web")
    async with conversation(agent.engine):
        call = await agent.call()
        await call.send("ping")
        await call._until(lambda: "pong" in call.messages, "pong", LIMIT_S)


async def test_keys_of_the_caller_reach_the_agent_unless_switched_off(server: AgentServer) -> None:
    hears, deaf = server.agent(), server.agent()
    async with conversation(hears.engine) as one, conversation(deaf.engine, allow_user_dtmf=False) as two:
        calls = await hears.call(), await deaf.call()
        for talk in (one, two):
            talk.command(KeyPressed("5", 180))
            talk.command(KeyPressed("#", 90))
            talk.command(ControlFailed("dtmf", "the end of the story"))
        for call in calls:
            await call.event("error")
        assert [call.digits for call in calls] == ["5#", ""]
        assert calls[0].events("dtmf")[0]["dtmf"]["duration_ms"] == 180


# call control


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_call_control_is_asked_and_answered(server: AgentServer, protocol: str) -> None:
    agent = server.agent(protocol=protocol)
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        await call.transfer("+15551234567", headers={"X-Case": "7"})
        await call.press("12#")
        assert await talk.event(DtmfAsked) == DtmfAsked(DtmfRequest(digits="12#"))
        assert await talk.event(TransferAsked) == TransferAsked(
            TransferRequest(to="+15551234567", headers={"X-Case": "7"})
        )
        talk.command(TransferResult(TransferOutcome(status="failed", sip_status=486)))
        assert await call.transfer_result() == {"status": "failed", "sip_status": 486}
        await call.transfer("a,b")
        assert (await call.transfer_result(index=1))["status"] == "failed"
        await call.press("call me")
        assert (await call.event("error"))["error"]["event"] == "dtmf"
        assert len(talk.events) == 3, "what cannot be done is not asked"


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_an_agent_is_told_of_a_warm_transfer_and_decides(server: AgentServer, protocol: str) -> None:
    agent = server.agent(protocol=protocol)
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        talk.command(TransferGoesOn(TransferProgress(status="private_handoff", hears="target", prompt="Who calls?")))
        assert await call.transfer_result() == {"status": "private_handoff", "hears": "target", "prompt": "Who calls?"}
        await call.send({"event": "transfer", "transfer": {"action": "bridge"}})
        assert await talk.event(TransferDecided) == TransferDecided(TransferDecision(action="bridge"))


# what is said in a transfer


@pytest.mark.parametrize(("encoding", "rate_hz"), [("mulaw", 8000), ("s16le", 24000)])
async def test_an_announcement_is_heard_in_the_agents_place(server: AgentServer, encoding: str, rate_hz: int) -> None:
    agent = server.agent(protocol="twilio", encoding=encoding, rate_hz=rate_hz)
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        await call.say(tone(400, 5, rate_hz=rate_hz))
        await call.mark("before")
        await talk.until(lambda: talk.session.stats.queued_ms > 4000)
        announcing = asyncio.create_task(talk.session.announce(tone(700, 0.5, rate_hz=16000).astype("<i2").tobytes()))
        await asyncio.sleep(0.1)
        await call.say(tone(1000, 1, rate_hz=rate_hz))
        await call.clear()
        await announcing
        assert call.marks == ["before"], "what the agent had queued was dropped"
        heard = np.concatenate([ulaw_decode(payload) for payload in talk.caller.loud()])
        assert heard_ms(heard, 700) == pytest.approx(500, abs=60)
        assert heard_ms(heard, 1000) == 0, "the agent is not heard meanwhile"
        await call.say(tone(400, 0.2, rate_hz=rate_hz))
        before = len(talk.caller.loud())
        await talk.until(lambda: len(talk.caller.loud()) > before)


async def test_an_announcement_that_is_cut_short_falls_silent(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        announcing = asyncio.create_task(talk.session.announce(tone(700, 30, rate_hz=16000).astype("<i2").tobytes()))
        await talk.until(lambda: talk.session.stats.queued_ms > 0)
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
        assert talk.session.stats.queued_ms == 0


async def test_it_is_known_when_the_agent_has_spoken(server: AgentServer) -> None:
    limits = SpeechLimits(begins_within_s=20, quiet_s=0.3, longest_s=30)
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        spoken = asyncio.create_task(talk.session.agent_has_spoken(limits))
        begun = asyncio.create_task(talk.session.agent_begins(within_s=20))
        await asyncio.sleep(0.4)
        assert not spoken.done()
        assert not begun.done()
        await call.say(np.concatenate([tone(400, 0.3), silence(0.6), tone(400, 0.3)]))
        await spoken
        assert begun.done()
        assert len(talk.caller.loud()) >= 28, "all of it was heard, although it paused"


async def test_an_agent_that_says_nothing_is_not_waited_for(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        await talk.session.agent_has_spoken(SpeechLimits(begins_within_s=0.1))
        await talk.session.agent_begins(within_s=0.1)


# every end


@pytest.mark.parametrize("code", [1000, 1001])
async def test_an_agent_that_closes_hangs_up(server: AgentServer, code: int) -> None:
    async def leave(call: AgentCall) -> None:
        await call.close(code)

    agent = server.agent(leave)
    async with conversation(agent.engine) as talk:
        assert await talk.event(AgentHungUp) == AgentHungUp(16)
        assert talk.events == [AgentReady(), AgentHungUp(16)]


async def test_a_hangup_message_carries_its_cause(server: AgentServer) -> None:
    async def leave(call: AgentCall) -> None:
        await call.hang_up(q850_cause=34)
        await call.close(1011)

    agent = server.agent(leave)
    async with conversation(agent.engine) as talk:
        assert await talk.event(AgentHungUp) == AgentHungUp(34)
        await (await agent.call()).gone()
        assert talk.events == [AgentReady(), AgentHungUp(34)], "one end, once"


@pytest.mark.parametrize("code", [1002, 1008, 1011, 4000])
async def test_an_agent_that_closes_with_an_error_is_lost(server: AgentServer, code: int) -> None:
    async def fail(call: AgentCall) -> None:
        await call.close(code)

    agent = server.agent(fail)
    async with conversation(agent.engine) as talk:
        failed = await talk.event(AgentFailed)
        assert failed.reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION
        assert str(code) in failed.message


async def test_an_agent_that_dies_is_lost_and_the_caller_hears_on(server: AgentServer) -> None:
    async def die(call: AgentCall) -> None:
        await call.say(tone(400, seconds=0.2, rate_hz=8000))
        call.abort()

    agent = server.agent(die)
    async with conversation(agent.engine) as talk:
        failed = await talk.event(AgentFailed)
        assert failed.reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION
        before = len(talk.caller.listen())
        await talk.until(lambda: len(talk.caller.listen()) > before + 5)


async def test_an_agent_that_refuses_cannot_be_opened(server: AgentServer) -> None:
    agent = server.agent(refusal=Refusal(403))
    async with conversation(agent.engine) as talk:
        failed = await talk.event(AgentFailed)
        assert failed.reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN
        assert "403" in failed.message


async def test_an_agent_that_never_answers_cannot_be_opened() -> None:
    async with RawAgent() as raw, conversation(dialling(raw), connect_timeout_s=0.1) as talk:
        connection = await raw.connection()
        failed = await talk.event(AgentFailed)
        assert failed.reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN
        assert "0.1 s" in failed.message
        assert await connection.at_end()


async def test_an_agent_that_is_not_there_cannot_be_opened() -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9/"}
    async with conversation(engine) as talk:
        failed = await talk.event(AgentFailed)
        assert failed.reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN


@pytest.mark.parametrize(
    "nonsense",
    [
        {"event": "media", "media": {"payload": "no base64!"}},
        {"event": "media"},
        {"event": "mark", "mark": {"name": "n" * 2000}},
        "hello?",
        b"\x00\x01",
    ],
)
async def test_an_agent_that_talks_nonsense_is_told_and_the_call_goes_on(server: AgentServer, nonsense: Any) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        await call.send(nonsense)
        assert (await call.event("error"))["error"]["message"]
        await call.hang_up()
        assert (await talk.event(AgentHungUp)).q850_cause == 16
        assert talk.session.stats.agent_messages_ignored == 1
        assert not any(isinstance(event, AgentFailed) for event in talk.events)


async def test_unknown_events_are_counted_and_ignored(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        for number in range(3):
            await call.send({"event": f"future{number}"})
        await talk.until(lambda: talk.session.stats.agent_messages_ignored == 3)
        assert talk.events == [AgentReady()]


async def test_more_marks_than_sense_are_refused_and_the_call_goes_on(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, start=False) as talk:
        call = await agent.call()
        await call.say(tone(400, seconds=1, rate_hz=8000))
        for number in range(10_001):
            await call.mark(str(number))
        error = (await call.event("error"))["error"]
        assert error == {"event": "mark", "message": "more marks are waiting than any audio could need"}
        assert talk.session.stats.agent_messages_ignored == 1
        assert talk.events == [AgentReady()]


async def test_hours_of_audio_fill_the_queue_and_no_more(server: AgentServer) -> None:
    async def pour(call: AgentCall) -> None:
        for _ in range(11):
            await call.say(silence(60))
        await call.send({"event": "poured"})

    agent = server.agent(pour)
    async with conversation(agent.engine, start=False) as talk:
        await talk.until(lambda: talk.session.stats.agent_messages_ignored == 1)
        stats = talk.session.stats
        assert (stats.queued_ms, stats.overflow_ms) == (600_000, 60_000)


# closing


async def test_close_tells_the_agent_stop_and_then_1000(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        await talk.session.close()
        assert await call.gone() == 1000
        assert len(call.events("stop")) == 1
        assert talk.events == [AgentReady()], "our own end is no news"


async def test_close_lets_the_last_words_play_out_when_asked(server: AgentServer) -> None:
    async def goodbye(call: AgentCall) -> None:
        await call.say(tone(400, seconds=0.5, rate_hz=8000))
        await call.close()

    agent = server.agent(goodbye)
    async with conversation(agent.engine) as talk:
        await talk.event(AgentHungUp)
        await talk.session.close(drain=True)
        assert len(talk.caller.loud()) == 25


async def test_a_second_close_cuts_the_last_words_short(server: AgentServer) -> None:
    async def speech(call: AgentCall) -> None:
        await call.say(tone(400, seconds=60, rate_hz=8000))
        await call.hang_up()

    agent = server.agent(speech)
    async with conversation(agent.engine) as talk:
        await talk.event(AgentHungUp)
        draining = asyncio.create_task(talk.session.close(drain=True))
        await talk.until(lambda: len(talk.caller.loud()) > 3)
        assert not draining.done()
        await asyncio.wait_for(talk.session.close(), 1)
        await asyncio.wait_for(draining, 1)
        assert len(talk.caller.loud()) < 500


async def test_draining_has_an_end(server: AgentServer) -> None:
    async def speech(call: AgentCall) -> None:
        await call.say(tone(400, seconds=60, rate_hz=8000))
        await call.hang_up()

    agent = server.agent(speech)
    async with conversation(agent.engine, drain_limit_s=0.1) as talk:
        await talk.event(AgentHungUp)
        await asyncio.wait_for(talk.session.close(drain=True), LIMIT_S)
        assert len(talk.caller.loud()) < 500


async def test_close_in_the_middle_of_dialling_leaves_nothing() -> None:
    async with RawAgent() as raw, conversation(dialling(raw)) as talk:
        connection = await raw.connection()
        await connection.read_request()
        await asyncio.wait_for(talk.session.close(), 1)
        assert await connection.at_end()
        assert talk.events == []


async def test_close_while_a_name_is_looked_up_or_before_anything_was_done() -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9/"}
    async with conversation(engine) as talk:
        await talk.session.close()
        assert talk.events == []
    fresh = Conversation(engine)
    await fresh.session.close()
    fresh.session.dial_agent()
    fresh.session.start()
    assert len(fresh.wheel) == 0
    fresh.caller.socket.close()


async def test_close_is_quick_with_an_agent_that_does_not_answer_it() -> None:
    async with RawAgent() as raw, conversation(dialling(raw)) as talk:
        connection = await raw.connection()
        await connection.accept()
        await talk.event(AgentReady)
        await asyncio.wait_for(talk.session.close(), 1)
        assert await connection.close_code() == 1000
        assert await connection.at_end()


async def test_many_calls_leave_nothing_behind(server: AgentServer) -> None:
    agent = server.agent()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(conversation(agent.engine))
        for index in range(20):
            await agent.call(index=index)


async def test_calls_that_began_together_take_turns_at_the_work_of_each_second() -> None:
    calls, seconds = 100, 4
    timers = FakeTimers()
    worked_s: list[list[float]] = [[] for _ in range(calls)]

    class Call(MediaSession):
        def _each_second(self, now_s: float) -> None:
            worked_s[int(self._spec.call_id)].append(now_s - began_s)
            super()._each_second(now_s)

    wheel, began_s = Wheel(timers), timers.now_s
    talk = Conversation({"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9/"})
    specs = [replace(talk.session._spec, call_id=str(number)) for number in range(calls)]
    sessions = [Call(spec, rtp=RtpPorts("127.0.0.1"), wheel=wheel, on_event=lambda _: None) for spec in specs]
    for session in sessions:
        session.start()
    timers.run(seconds)
    for session in sessions:
        await session.close()
    talk.caller.socket.close()
    of_each = [[later - earlier for earlier, later in itertools.pairwise(moments)] for moments in worked_s]
    assert [moments[0] for moments in worked_s] == pytest.approx([1.0] * calls, abs=TICK_S)
    assert all(1.0 <= first + 1e-6 < 2.0 and rest == pytest.approx([1.0] * len(rest)) for first, *rest in of_each)
    at_once = Counter(round(at_s / SLOT_S) for moments in worked_s for at_s in moments[1:])
    assert max(at_once.values()) == 1, "of 100 calls, none with another in the same 5 ms"


async def test_no_free_port_is_an_error_of_its_own(server: AgentServer) -> None:
    talk = Conversation(server.agent().engine)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 22998))
        ports = RtpPorts("127.0.0.1", 22998, 22998)
        session = MediaSession(talk.session._spec, rtp=ports, wheel=talk.wheel, on_event=talk.events.append)
        with pytest.raises(NoRtpPort):
            await session.open()
        await session.close()
    talk.caller.socket.close()


# silence


async def test_silence_of_both_sides_ends_the_call(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, end_call_after_silence_ms=900) as talk:
        await talk.event(CallerInactive)
        await asyncio.sleep(1.1)
        assert talk.events == [AgentReady(), CallerInactive()], "told once"


async def test_speech_puts_the_end_off_and_so_does_being_away(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, end_call_after_silence_ms=900) as talk:
        for _ in range(75):
            talk.caller.say()
            await asyncio.sleep(0.02)
        assert CallerInactive() not in talk.events
        talk.command(CallerAway())
        await asyncio.sleep(2.1)
        assert CallerInactive() not in talk.events
        talk.command(CallerBack())
        await talk.event(CallerInactive)


async def test_while_the_caller_is_away_the_agent_hears_silence(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        talk.command(CallerAway())
        for _ in range(10):
            talk.caller.say()
            await asyncio.sleep(0.02)
        await talk.until(lambda: len(call.sound()) >= 1600)
        assert not call.sound().any()
        talk.command(CallerBack())
        for _ in range(10):
            talk.caller.say()
            await asyncio.sleep(0.02)
        await call.hears(seconds=0.1)


async def test_a_call_without_any_rtp_is_told(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, no_audio_after_s=0.5) as talk:
        await talk.event(NoAudioReceived)
        await asyncio.sleep(1.1)
        assert talk.events == [AgentReady(), NoAudioReceived()]


async def test_one_packet_is_audio_enough(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine, no_audio_after_s=0.5) as talk:
        talk.caller.say()
        await asyncio.sleep(1.2)
        assert talk.events == [AgentReady()]


async def test_foreign_and_malformed_packets_are_counted_and_never_heard(server: AgentServer) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        assert talk.caller.to is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.sendto(rtp.build(rtp.Packet(rtp.PCMU, False, 1, 160, 1, SPEECH)), talk.caller.to)
        talk.caller.socket.sendto(b"not rtp", talk.caller.to)
        await talk.until(lambda: talk.session.stats.packets_malformed == 1)
        assert talk.session.stats.packets_foreign == 1
        await talk.until(lambda: len(call.sound()) >= 1600)
        assert not call.sound().any()


NOBODY_IS_THERE: tuple[Command, ...] = (
    CallerAway(),
    TargetListens(),
    Voicemail(VoicemailNotice(status="greeting", action="prompt")),
    KeyPressed("1", 100),
)


@pytest.mark.parametrize("command", [None, *NOBODY_IS_THERE], ids=lambda command: type(command).__name__)
async def test_only_what_answers_the_callers_words_is_a_turn(server: AgentServer, command: Command | None) -> None:
    agent = server.agent()
    async with conversation(agent.engine) as talk:
        call = await agent.call()
        for payload in (*([SPEECH] * 12), *([ULAW_SILENCE_FRAME] * 8)):
            talk.caller.say(payload)
            await asyncio.sleep(0.02)
        if command:
            talk.command(command)
        await call.say(tone(440, 0.2))
        await talk.until(lambda: len(talk.caller.loud()) >= 8)
    waited_ms = [event.duration_ms for event in talk.measured if event.stretch == "e2e"]
    if command:
        assert waited_ms == []
    else:
        assert len(waited_ms) == 1
        assert waited_ms[0] >= 100
        assert all(event.ago_ms > 0 for event in talk.measured if event.stretch == "e2e")  # when it is found
    assert (talk.session.latency is None or talk.session.latency.e2e is None) is (command is not None)
