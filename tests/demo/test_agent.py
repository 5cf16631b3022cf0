"""The demo agent over a real websocket, with `websockets` as its caller."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ari_agent.demo.agent import GREETING_NOTES_HZ, LONG_TONE_HZ, serve_agent
from ari_agent.demo.agent_wire import AgentEvent, AudioHeard, CallStarted, KeyPressed, MarkReturned, TransferEnded
from ari_agent.demo.measure import find, level_dbfs, tone_dbfs
from ari_agent.demo.sounds import Samples, from_ulaw, silence, speech, to_ulaw, tone

START = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": "MZ1",
    "start": {"streamSid": "MZ1", "customParameters": {"call_id": "call_1", "x-caller": "abc", "from": "+1"}},
}
METADATA = {
    "event_type": "metadata",
    "metadata": {"call_id": "call_1", "retell_llm_dynamic_variables": {"x-caller": "abc"}, "metadata": {"a": 1}},
}


class Line:
    """A caller of the agent: `protocol` twilio or web, `encoding` mulaw or s16le."""

    def __init__(self, websocket: ClientConnection, *, protocol: str, encoding: str, rate_hz: int) -> None:
        self.websocket, self.protocol, self.encoding, self.rate_hz = websocket, protocol, encoding, rate_hz
        self.played = np.zeros(0, np.int16)

    async def tell(self, message: dict[str, Any]) -> None:
        await self.websocket.send(json.dumps(message))

    async def speak(self, samples: Samples) -> None:
        frame = self.rate_hz // 50
        for start in range(0, len(samples), frame):
            piece = samples[start : start + frame]
            audio = to_ulaw(piece) if self.encoding == "mulaw" else piece.tobytes()
            if self.protocol == "twilio":
                await self.tell({"event": "media", "media": {"payload": base64.b64encode(audio).decode()}})
            else:
                await self.websocket.send(audio)

    async def listen(self, samples: int) -> None:
        """Take what comes until so many samples have been played in all."""
        while len(self.played) < samples:
            assert await self.take() is None

    async def take(self) -> Any:
        """One message: audio is added to `played`, anything else returned."""
        frame = await asyncio.wait_for(self.websocket.recv(), 5)
        if frame == "clear":
            return {"event": "clear"}
        message = {} if isinstance(frame, bytes) else json.loads(frame)
        audio = frame if isinstance(frame, bytes) else None
        if message.get("event") == "media":
            assert message["streamSid"] == "MZ1"
            audio = base64.b64decode(message["media"]["payload"])
        if audio is None:
            return message
        samples = from_ulaw(audio) if self.encoding == "mulaw" else np.frombuffer(audio, "<i2")
        self.played = np.concatenate([self.played, samples])
        return None

    async def take_text(self) -> Any:
        while (text := await self.take()) is None:
            pass
        return text


class Stage:
    """The agent and what it saw."""

    def __init__(self, url: str, events: list[AgentEvent]) -> None:
        self.url, self.events = url, events

    async def saw(self, kind: type[AgentEvent]) -> AgentEvent:
        async with asyncio.timeout(5):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        return event
                await asyncio.sleep(0.01)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    events: list[AgentEvent] = []
    async with serve_agent(
        "127.0.0.1",
        0,
        transfer_to="sip:desk@example.com",
        warm_transfer_to="+12025550103",
        on_event=lambda _, event: events.append(event),
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Stage(f"ws://127.0.0.1:{port}", events)


LINES = {
    "twilio": ("/twilio", "mulaw", 8000),
    "web": ("/web?sample_rate=16000", "s16le", 16000),
    "web mulaw": ("/web?sample_rate=8000&audio_encoding=mulaw", "mulaw", 8000),
}


@pytest.fixture(params=list(LINES))
async def line(request: pytest.FixtureRequest, stage: Stage) -> AsyncIterator[Line]:
    """A call that has begun."""
    path, encoding, rate_hz = LINES[request.param]
    async with connect(stage.url + path, max_queue=None) as websocket:
        line = Line(websocket, protocol=path[1:4], encoding=encoding, rate_hz=rate_hz)
        line.protocol = "twilio" if path == "/twilio" else "web"
        if line.protocol == "twilio":
            await line.tell({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await line.tell(START if line.protocol == "twilio" else METADATA)
        yield line


async def _greeted(line: Line) -> None:
    """Hear the greeting, and let as much time pass as it takes, so that the agent says nothing more."""
    await line.listen(4 * line.rate_hz)
    await line.speak(silence(1000 * len(line.played) / line.rate_hz, line.rate_hz))
    line.played = np.zeros(0, np.int16)


async def test_the_agent_learns_who_calls_and_greets(line: Line, stage: Stage) -> None:
    await line.listen(4 * line.rate_hz)
    started = await stage.saw(CallStarted)
    assert isinstance(started, CallStarted)
    assert (started.call_id, started.variables["x-caller"]) == ("call_1", "abc")
    assert find(speech("greeting", line.rate_hz), line.played).correlation > 0.95
    first_note = line.played[: line.rate_hz // 10]
    assert tone_dbfs(first_note, GREETING_NOTES_HZ[0], line.rate_hz) > -20


async def test_speech_comes_back_one_second_later(line: Line) -> None:
    await _greeted(line)
    question = speech("caller_question", line.rate_hz)
    await line.speak(np.concatenate([question, silence(1500, line.rate_hz)]))
    await line.listen(len(question) + line.rate_hz)
    match = find(question, line.played)
    assert match.correlation > 0.98
    # Before it comes a second of what was heard earlier, which begins within the frame that ended the wait.
    assert 0 <= match.offset - line.rate_hz <= line.rate_hz // 50


async def test_nothing_comes_back_while_the_agent_speaks(line: Line) -> None:
    await line.listen(4 * line.rate_hz)
    greeting = len(line.played)
    await line.speak(tone(1000, 2000, line.rate_hz))
    await line.tell({"event": "dtmf", "dtmf": {"digit": "0"}})
    assert (await line.take_text())["event"] == "hangup"
    assert len(line.played) == greeting


async def test_key_1_is_answered_by_a_rising_tone_and_a_mark(line: Line, stage: Stage) -> None:
    await _greeted(line)
    await line.tell({"event": "dtmf", "dtmf": {"digit": "1", "duration_ms": 100}})
    await line.listen(line.rate_hz * 6 // 10)
    assert level_dbfs(line.played) == pytest.approx(-15, abs=0.5)
    tenth = line.rate_hz // 10
    assert tone_dbfs(line.played[:tenth], 500, line.rate_hz) > tone_dbfs(line.played[-tenth:], 500, line.rate_hz) + 15
    mark = await line.take_text()
    assert (mark["event"], mark["mark"]) == ("mark", {"name": "rising tone"})
    assert mark.get("streamSid") == ("MZ1" if line.protocol == "twilio" else None)
    await line.tell({"event": "mark", "streamSid": "MZ1", "mark": {"name": "rising tone"}})
    assert await stage.saw(MarkReturned) == MarkReturned("rising tone")
    assert await stage.saw(KeyPressed) == KeyPressed("1")


async def test_key_2_is_answered_by_a_long_tone_that_is_cleared_after_a_second(line: Line) -> None:
    await _greeted(line)
    await line.tell({"event": "dtmf", "dtmf": {"digit": "2"}})
    await line.listen(5 * line.rate_hz)
    assert tone_dbfs(line.played, LONG_TONE_HZ, line.rate_hz) > -16
    assert (await line.take_text())["event"] == "mark"
    await line.speak(silence(980, line.rate_hz))
    await line.tell({"event": "dtmf", "dtmf": {"digit": "0"}})
    assert (await line.take_text())["event"] == "hangup"
    await line.speak(silence(20, line.rate_hz))
    assert (await line.take_text())["event"] == "clear"


async def test_key_9_asks_for_a_transfer_and_a_failure_is_heard(line: Line, stage: Stage) -> None:
    await _greeted(line)
    await line.tell({"event": "dtmf", "dtmf": {"digit": "9"}})
    wish = (await line.take_text())["transfer"]
    assert (wish["to"], wish["mode"]) == ("sip:desk@example.com", "sip_refer")
    await line.tell({"event": "transfer", "transfer": {"status": "failed", "sip_status": 486}})
    await line.listen(line.rate_hz * 6 // 10)
    assert level_dbfs(line.played) > -20
    assert await stage.saw(TransferEnded) == TransferEnded("failed", 486)


async def test_key_8_asks_for_a_warm_transfer_whose_target_alone_is_told_and_echoes_nothing(line: Line) -> None:
    await _greeted(line)
    await line.tell({"event": "dtmf", "dtmf": {"digit": "8"}})
    assert (await line.take_text())["event"] == "clear"
    line.played = silence(0, line.rate_hz)
    wish = (await line.take_text())["transfer"]
    assert (wish["to"], wish["mode"], wish["on_hold_music"]) == ("+12025550103", "warm", "relaxing_sound")
    assert wish["private_handoff_option"]["type"] == "prompt"
    for status in ("dialling", "ringing", "answered"):
        await line.tell({"event": "transfer", "transfer": {"status": status, "hears": "nobody"}})
    await line.speak(tone(1000, 2000, line.rate_hz))  # the target says hello
    told = {"status": "private_handoff", "hears": "target", "prompt": "...", "spoken_by": "agent"}
    await line.tell({"event": "transfer", "transfer": told})
    assert (await line.take_text())["transfer"] == {"action": "bridge"}
    words = speech("handoff", line.rate_hz)
    assert len(line.played) == len(words)
    assert find(words, line.played).correlation > 0.95


async def test_after_a_warm_transfer_that_failed_the_echo_goes_on(line: Line) -> None:
    await _greeted(line)
    await line.tell({"event": "dtmf", "dtmf": {"digit": "8"}})
    assert [(await line.take_text())["event"] for _ in range(2)] == ["clear", "transfer"]
    await line.tell({"event": "transfer", "transfer": {"status": "failed", "sip_status": 486}})
    await line.listen(line.rate_hz * 6 // 10)
    line.played = silence(0, line.rate_hz)
    await line.speak(silence(600, line.rate_hz))  # as long as its tone is heard
    question = speech("caller_question", line.rate_hz)
    await line.speak(np.concatenate([question, silence(3000, line.rate_hz)]))
    await line.listen(len(question) + 2 * line.rate_hz)
    assert find(question, line.played).correlation > 0.98


async def test_without_a_target_key_8_does_nothing() -> None:
    async with serve_agent("127.0.0.1", 0, transfer_to="sip:desk@example.com") as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/web?sample_rate=8000", max_queue=None) as websocket:
            line = Line(websocket, protocol="web", encoding="s16le", rate_hz=8000)
            for digit in "80":
                await line.tell({"event": "dtmf", "dtmf": {"digit": digit}})
            assert (await line.take_text())["event"] == "hangup"


async def test_key_0_hangs_up_with_a_cause(line: Line) -> None:
    await line.tell({"event": "dtmf", "dtmf": {"digit": "0"}})
    assert (await line.take_text())["hangup"] == {"q850_cause": 16}


async def test_what_the_agent_hears_is_told(line: Line, stage: Stage) -> None:
    question = speech("caller_question", line.rate_hz)
    await line.speak(question)
    await line.tell({"event": "dtmf", "dtmf": {"digit": "#"}})
    await stage.saw(KeyPressed)
    heard = np.concatenate([event.samples for event in stage.events if isinstance(event, AudioHeard)])
    assert find(question[: len(heard)], heard).correlation > 0.99


async def test_the_operator_says_its_own_words_and_no_echo(stage: Stage) -> None:
    async with connect(stage.url + "/web?sample_rate=8000&role=operator", max_queue=None) as websocket:
        line = Line(websocket, protocol="web", encoding="s16le", rate_hz=8000)
        await line.tell(METADATA)
        await line.listen(8000 * 2)
        assert find(speech("operator"), line.played).correlation > 0.95
        played = len(line.played)
        await line.speak(tone(1000, 6000, 8000))
        await line.tell({"event": "dtmf", "dtmf": {"digit": "0"}})
        assert (await line.take_text())["event"] == "hangup"
        assert len(line.played) == played


@pytest.mark.parametrize("path", ["/", "/other", "/web?sample_rate=7999", "/web?sample_rate=fast"])
async def test_an_unknown_path_is_refused_with_a_reason(stage: Stage, path: str) -> None:
    async with connect(stage.url + path, max_queue=None) as websocket:
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "sample_rate" in closed.value.rcvd.reason) == (1008, True)


@pytest.mark.parametrize("text", ["{", '{"event":"media","media":{"payload":"a"}}'])
async def test_a_corrupt_message_closes_with_a_reason(stage: Stage, text: str) -> None:
    async with connect(stage.url + "/twilio", max_queue=None) as websocket:
        await websocket.send(text)
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "{}", '{"event":7}', '{"event":"start","start":[]}'])
async def test_a_message_that_it_does_not_know_is_passed_over(stage: Stage, text: str) -> None:
    async with connect(stage.url + "/twilio", max_queue=None) as websocket:
        line = Line(websocket, protocol="twilio", encoding="mulaw", rate_hz=8000)
        await websocket.send(text)
        await line.tell(START)
        await line.listen(8000)
