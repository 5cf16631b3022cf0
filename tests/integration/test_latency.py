"""How long an audio agent lets its caller wait, against what the caller's own RTP says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.fakes.rtp_stream import HeardPacket
from tests.fakes.sound import Samples, level_dbfs, noise, read_wav, silence
from tests.integration.stage import Connected, Stage
from tests.integration.stalls import again_if_stalled, stalls_always

LOUD_DBFS: Final = -37.0  # of a sine of full scale; -40 dBFS as the product counts
SPEECH: Final = Path(__file__).parents[1] / "data" / "audio" / "rms_yes_please.wav"


def spoken() -> Samples:
    """What a caller says, up to the end of its last loud frame."""
    pcm, _ = read_wav(SPEECH)
    loud = [start for start in range(0, len(pcm), 160) if level_dbfs(pcm[start : start + 160]) > -30]
    return pcm[: loud[-1] + 160]


class Talk:
    """A call, and when its caller's last loud packets left."""

    def __init__(self, call: Connected) -> None:
        self.call, self.audio = call, call.caller.audio
        self.truth_ms: list[float] = []
        self._sent_s: list[float] = []
        self._from_noise_db = 0.0
        self.audio.impair = self._note

    def _note(self, _index: int, datagram: bytes) -> Sequence[bytes]:
        if HeardPacket.parse(datagram, time.monotonic()).level_dbfs > LOUD_DBFS + self._from_noise_db:
            self._sent_s.append(time.monotonic())
        return (datagram,)

    async def say(self, *said: Samples) -> None:
        self.audio.say(np.concatenate(said))
        await self.audio.said()

    async def answer(self, pcm: Samples, *, after_s: float = 0.0, is_turn: bool = True) -> None:
        """Have the agent speak so long after the caller, or some time, until it was heard."""
        await asyncio.sleep(after_s)
        began_s, rate_hz = time.monotonic(), self.call.agent.rate_hz
        await self.call.agent.say(np.repeat(pcm, rate_hz // 8000))
        first = await self.audio.hears(since_s=began_s)
        if is_turn:
            self.truth_ms.append((first.time_s - max(sent for sent in self._sent_s if sent <= first.time_s)) * 1000)

    async def quiet(self) -> None:
        await self.audio.hears_silence(packets=15)

    async def greets(self) -> None:
        await self.answer(noise(0.3), is_turn=False)
        await self.quiet()

    async def noisy(self, noise_dbfs: float) -> None:
        """A caller beside a road, who speaks up after a few seconds."""
        self._from_noise_db = 15.0
        road, said = noise(6.0, level_dbfs=noise_dbfs), 3 * spoken()
        road[8000 * 4 : 8000 * 4 + len(said)] += said
        self.audio.say(road)
        await asyncio.sleep(4 + len(said) / 8000 + 0.5)
        await self.answer(noise(0.3))
        await self.audio.said()


async def _converse(talk: Talk) -> None:
    await talk.greets()
    await talk.say(spoken())
    await talk.answer(noise(0.2), after_s=0.4)  # "let me see", and then the answer
    await talk.answer(noise(0.2), after_s=0.6, is_turn=False)
    await talk.quiet()
    await talk.say(spoken(), silence(0.6), spoken())
    await talk.answer(noise(0.3), after_s=0.25)
    await talk.quiet()


async def _interrupt(talk: Talk) -> None:
    await talk.answer(noise(4.0), is_turn=False)
    talk.audio.say(spoken())
    await asyncio.sleep(0.4)
    await talk.call.agent.clear()
    await talk.audio.said()
    await talk.answer(noise(0.3), after_s=0.3)
    await talk.quiet()
    await talk.answer(noise(1.6), is_turn=False)
    await talk.say(spoken()[:3200])  # "uh huh": the agent speaks on, and after a pause again
    await talk.quiet()
    await talk.answer(noise(0.3), is_turn=False)
    await talk.quiet()


async def _press_and_hold(talk: Talk) -> None:
    await talk.say(spoken())
    talk.audio.press("1")
    await talk.audio.said()
    await talk.call.agent.event("dtmf")
    await talk.answer(noise(0.3), is_turn=False)
    await talk.quiet()
    await talk.say(spoken())
    await talk.call.caller.hold()
    await asyncio.sleep(0.3)
    await talk.call.caller.resume()
    await asyncio.sleep(0.3)
    await talk.answer(noise(0.3), is_turn=False)


async def _latency(stage: Stage, call_id: str) -> dict[str, Any]:
    ended = await stage.events.event("call_ended", call_id=call_id)
    latency: dict[str, Any] = ended.call["latency"]
    return latency


def _check(latency: dict[str, Any], truth_ms: Sequence[float]) -> None:
    e2e = latency["e2e"]
    assert e2e["num"] == len(e2e["values"]) == len(truth_ms)
    tolerance_ms = 400 if stalls_always() else 20
    for measured_ms, true_ms in zip(e2e["values"], truth_ms, strict=True):
        assert abs(measured_ms - true_ms) <= tolerance_ms, (e2e["values"], truth_ms)
    assert min(truth_ms) - tolerance_ms <= e2e["p50"] <= e2e["p99"] == e2e["max"]
    trips = latency["llm_websocket_network_rtt"]
    assert trips["num"] >= 1
    assert 0 <= trips["min"] < 2000


@again_if_stalled
async def test_turns_are_measured_as_the_caller_hears_them(stage: Stage) -> None:
    """Three calls at once: narrowband, wideband agent, and a caller in noise."""
    before = await _turns_counted(stage)

    async def narrow() -> tuple[str, list[float]]:
        async with stage.connected() as call:
            talk = Talk(call)
            await _converse(talk)
            await _interrupt(talk)
            await _press_and_hold(talk)
        return call.call_id, talk.truth_ms

    async def linear() -> tuple[str, list[float]]:
        async with stage.connected(protocol="web", rate_hz=16000) as call:
            talk = Talk(call)
            await _converse(talk)
        return call.call_id, talk.truth_ms

    async def in_noise() -> tuple[str, list[float]]:
        async with stage.connected() as call:
            talk = Talk(call)
            await talk.noisy(-42.0)
        return call.call_id, talk.truth_ms

    found = await asyncio.gather(narrow(), linear(), in_noise())
    assert [len(truth_ms) for _, truth_ms in found] == [3, 2, 1]
    for call_id, truth_ms in found:
        _check(await _latency(stage, call_id), truth_ms)
    assert await _turns_counted(stage) - before >= 6


async def test_a_call_without_a_turn_has_no_figure_for_it(stage: Stage) -> None:
    async with stage.connected() as call:
        talk = Talk(call)
        await talk.greets()
        await asyncio.sleep(1.0)
    latency = await _latency(stage, call.call_id)
    assert "e2e" not in latency
    assert latency["llm_websocket_network_rtt"]["num"] >= 1


async def _turns_counted(stage: Stage) -> float:
    text = (await stage.controller.get("/metrics")).text
    line = 'ari_agent_turn_latency_seconds_count{agent="audio",part="e2e"} '
    return next(float(found.removeprefix(line)) for found in text.splitlines() if found.startswith(line))
