"""Calls that end by the clock: silence, hold, no audio at all, and the longest that a call may be.

They are placed when the session begins, on a stage of their own, and are over by the time that these tests ask.
"""

from __future__ import annotations

import asyncio

from tests.integration.long_calls import SILENCE_MS, Outcomes


async def test_silence_ends_the_call_as_inactivity(long_calls: asyncio.Task[Outcomes]) -> None:
    quiet = (await long_calls).of("quiet")
    assert quiet.record["disconnection_reason"] == "inactivity"
    assert 9 < quiet.length_s < 15


async def test_speech_starts_the_silence_anew(long_calls: asyncio.Task[Outcomes]) -> None:
    spoke = (await long_calls).of("spoke once")
    assert spoke.record["disconnection_reason"] == "inactivity"
    assert 14.5 < spoke.length_s < 21


async def test_hold_is_not_silence(long_calls: asyncio.Task[Outcomes]) -> None:
    held = (await long_calls).of("on hold")
    assert held.record["disconnection_reason"] == "inactivity"
    assert held.length_s > 2 * SILENCE_MS / 1000


async def test_a_caller_who_sends_no_audio_at_all_is_error_no_audio_received(
    long_calls: asyncio.Task[Outcomes],
) -> None:
    assert (await long_calls).of("no audio").record["disconnection_reason"] == "error_no_audio_received"


async def test_a_call_lasts_no_longer_than_allowed(long_calls: asyncio.Task[Outcomes]) -> None:
    longest = (await long_calls).of("too long")
    assert longest.record["disconnection_reason"] == "max_duration_reached"
    assert 58 < longest.length_s < 70
