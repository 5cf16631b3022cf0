"""Calls that end by the clock: all placed at once, because a minute is the shortest limit on a call's length."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from tests.fakes.sound import noise
from tests.integration.stage import Connected, Stage

SILENCE_MS = 10_000
LENGTH_MS = 60_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long a call lasted on the caller's side, and its record."""

    length_s: float
    record: dict[str, Any]


class Outcomes(dict[str, Outcome | BaseException]):
    """By behaviour; a call that went wrong fails the test that asks for it, and no other."""

    def of(self, name: str) -> Outcome:
        """What came of this behaviour."""
        outcome = self[name]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


async def keep_quiet(call: Connected) -> None:
    """Neither side says anything."""


async def speak_once(call: Connected) -> None:
    """The caller speaks after five seconds: the silence is counted from there."""
    await asyncio.sleep(5)
    call.caller.audio.say(noise(0.5))


async def keep_talking(call: Connected) -> None:
    """The caller is never silent for long."""
    while not call.agent.closed.is_set():
        call.caller.audio.say(noise(0.5))
        await asyncio.sleep(2)


async def hold_the_line(call: Connected) -> None:
    """On hold, the caller's silence is not counted."""
    await call.caller.hold()
    await asyncio.sleep(SILENCE_MS / 1000 + 3)
    await call.caller.resume()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcomes(stage: Stage) -> AsyncIterator[Outcomes]:
    """Each behaviour's call, all of them at the same time."""
    quiet = {"end_call_after_silence_ms": SILENCE_MS}
    long = {"max_call_duration_ms": LENGTH_MS, "end_call_after_silence_ms": SILENCE_MS}
    plays: dict[str, tuple[Callable[[Connected], Awaitable[None]], dict[str, int]]] = {
        "quiet": (keep_quiet, quiet),
        "spoke once": (speak_once, quiet),
        "on hold": (hold_the_line, quiet),
        "no audio": (keep_quiet, {}),
        "too long": (keep_talking, long),
    }
    results = await asyncio.gather(
        *(_play(stage, behave, limits, muted=name == "no audio") for name, (behave, limits) in plays.items()),
        return_exceptions=True,
    )
    yield Outcomes(zip(plays, results, strict=True))


async def _play(
    stage: Stage, behave: Callable[[Connected], Awaitable[None]], limits: dict[str, int], *, muted: bool
) -> Outcome:
    async with stage.connected(agent=limits, muted=muted) as call:
        start_s = time.monotonic()
        playing = asyncio.ensure_future(behave(call))
        await call.caller.bye(timeout_s=90)
        length_s = time.monotonic() - start_s
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    return Outcome(length_s, await stage.controller.ended_call(call.call_id))


async def test_silence_ends_the_call_as_inactivity(outcomes: Outcomes) -> None:
    quiet = outcomes.of("quiet")
    assert quiet.record["disconnection_reason"] == "inactivity"
    assert 9 < quiet.length_s < 15


async def test_speech_starts_the_silence_anew(outcomes: Outcomes) -> None:
    spoke = outcomes.of("spoke once")
    assert spoke.record["disconnection_reason"] == "inactivity"
    assert 14.5 < spoke.length_s < 21


async def test_hold_is_not_silence(outcomes: Outcomes) -> None:
    held = outcomes.of("on hold")
    assert held.record["disconnection_reason"] == "inactivity"
    assert held.length_s > 2 * SILENCE_MS / 1000


async def test_a_caller_who_sends_no_audio_at_all_is_error_no_audio_received(outcomes: Outcomes) -> None:
    assert outcomes.of("no audio").record["disconnection_reason"] == "error_no_audio_received"


async def test_a_call_lasts_no_longer_than_allowed(outcomes: Outcomes) -> None:
    longest = outcomes.of("too long")
    assert longest.record["disconnection_reason"] == "max_duration_reached"
    assert 58 < longest.length_s < 70
