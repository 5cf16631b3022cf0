"""How long an audio agent lets a caller wait behind whose voice there is noise, against the caller's own RTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tests.fakes.noise_after_voice import noise_of, voice
from tests.fakes.sound import Samples, ulaw_encode
from tests.integration.stage import Connected, Stage
from tests.integration.stalls import again_if_stalled, stalls_always
from tests.integration.test_public_log import whole_log

SAID: Final = voice("slt_no_thank_you.wav")
CLEAN_MS: Final = 60.0
NOISY_MS: Final = 100.0
"""So close to the truth must a figure be: where nothing is heard behind the voice, and where there is noise."""


class Talk:
    """A call whose caller says the same again and again, and whose agent echoes it after a time."""

    def __init__(self, call: Connected) -> None:
        self.call, self.audio = call, call.caller.audio
        self.truth_ms: list[float] = []
        self._last_words = ulaw_encode(SAID)[-160:]
        self._voice_ended_s = 0.0
        self.audio.impair = self._note

    def _note(self, _index: int, datagram: bytes) -> Sequence[bytes]:
        if datagram.endswith(self._last_words):
            self._voice_ended_s = time.monotonic() + 0.02
        return (datagram,)

    async def echoed(self, *behind: Samples, answer_s: float) -> None:
        """The caller speaks, this is heard behind the voice, and so long after that the agent echoes some of it."""
        self.audio.say(np.concatenate((SAID, *behind)))
        await asyncio.sleep(len(SAID) / 8000 + answer_s)
        self.truth_ms.append((await self._answer() - self._voice_ended_s) * 1000)

    async def disturbed(self, noise: Samples) -> None:
        """Something that is no voice is heard, and the agent says something."""
        self.audio.say(noise)
        await self.audio.said()
        await asyncio.sleep(0.5)
        await self._answer()

    async def _answer(self) -> float:
        """Have the agent speak, until both are silent again; when it was heard first."""
        began_s = time.monotonic()
        await self.call.agent.say(np.repeat(SAID[-3200:], self.call.agent.rate_hz // 8000))
        first = await self.audio.hears(since_s=began_s)
        await self.audio.said()
        await self.audio.hears_silence(packets=15)
        return first.time_s


async def _converse(stage: Stage, **agent: Any) -> tuple[str, list[float]]:
    async with stage.connected(**agent) as call:
        talk = Talk(call)
        await talk.echoed(answer_s=0.6)
        await talk.echoed(noise_of("typing", 0.8, level=-38.0), answer_s=1.2)
        await talk.echoed(noise_of("rumble", 1.6, level=-38.0), answer_s=0.8)
        await talk.disturbed(noise_of("music", 0.8))
    return call.call_id, talk.truth_ms


def _check(values: Sequence[float], truth_ms: Sequence[float]) -> None:
    assert len(values) == len(truth_ms)
    tolerances_ms = [400.0] * 3 if stalls_always() else [CLEAN_MS, NOISY_MS, NOISY_MS]
    for measured_ms, true_ms, tolerance_ms in zip(values, truth_ms, tolerances_ms, strict=True):
        assert abs(measured_ms - true_ms) <= tolerance_ms, (values, truth_ms)


@again_if_stalled
async def test_a_turn_is_measured_from_the_end_of_the_voice_not_of_the_noise_behind_it(stage: Stage) -> None:
    """Two calls at once, one with an agent at 16 kHz."""
    for call_id, truth_ms in await asyncio.gather(_converse(stage), _converse(stage, protocol="web", rate_hz=16000)):
        record = await stage.controller.ended_call(call_id)
        latency = record["latency"]
        _check(latency["e2e"]["values"], truth_ms)
        assert latency["e2e_detectors"] == {"voice_activity": 3, "dismissed": 1}
        lines = [line for line in await whole_log(record["public_log_url"]) if line.get("part") == "e2e"]
        assert [line["took_ms"] for line in lines] == [round(value) for value in latency["e2e"]["values"]]
