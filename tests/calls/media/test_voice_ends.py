"""Turns that are told after a model has listened, in order; and by the level where it cannot."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf

import pytest

from ari_agent.calls.media import voice_ends
from ari_agent.calls.media.turn_clock import Heard, Turn
from ari_agent.calls.media.voice_ends import CallTurns, VoiceEnds
from ari_agent.media.sound import Sound
from ari_agent.speech.voice_activity import WINDOW_BYTES

LOUD = 0x00  # in mu-law: the loudest
QUIET = 0xFF
SECOND = 50  # frames


class LoudIsVoice:
    """A detector by the first sample of a window, which waits where it is told to. threads: in which it listened."""

    def __init__(self) -> None:
        self.may_listen = threading.Event()
        self.may_listen.set()
        self.threads: set[int] = set()
        self.fails = False

    def open(self) -> LoudIsVoice:
        self.threads.add(threading.get_ident())
        assert self.may_listen.wait(60)
        if self.fails:
            raise RuntimeError("no memory")
        return self

    def hear(self, pcm: bytes) -> Sequence[float]:
        starts = range(0, len(pcm), WINDOW_BYTES)
        return [float(abs(int.from_bytes(pcm[at : at + 2], "little", signed=True)) > 1000) for at in starts]


def sound(*, noise_frames: int, voice_frames: int = SECOND, ended_s: float) -> Sound:
    """A voice, then something that the detector calls none."""
    frames = [bytes([LOUD]) * 160] * voice_frames + [bytes([QUIET]) * 160] * noise_frames
    return Sound(frames, ended_s, is_linear=False, rate_hz=8000)


def answered(began_s: float, *, noise_s: float = 0.5) -> Turn:
    """By an agent that begins 0.4 s after noise of this length."""
    ended_s = began_s - 0.4
    heard = Heard(ended_s, sound(noise_frames=round(noise_s * SECOND), ended_s=ended_s))
    return Turn(began_s, -inf, -inf, (heard,))


NOISE = Turn(5.0, -inf, -inf, (Heard(4.0, sound(noise_frames=100, voice_frames=0, ended_s=4.0)),))


@contextmanager
def ends_by(detector: LoudIsVoice, *, most_waiting: int = 8) -> Iterator[VoiceEnds]:
    ends = VoiceEnds(detector, most_waiting=most_waiting)
    try:
        yield ends
    finally:
        detector.may_listen.set()
        ends.close()


def telling(ends: VoiceEnds | None) -> tuple[CallTurns, list[tuple[int | None, str]]]:
    """One call, and what is told of it, to 100 ms: a window of the detector's is 32 ms."""
    told: list[tuple[int | None, str]] = []

    def tell(waited_ms: float | None, who: str, began_s: float) -> None:
        assert began_s > 0  # when the answer began
        told.append((None if waited_ms is None else round(waited_ms / 100) * 100, who))

    return CallTurns(ends, tell), told


async def test_voice_activity_tells_in_a_thread_of_its_own() -> None:
    detector = LoudIsVoice()
    with ends_by(detector) as ends:
        turns, told = telling(ends)
        turns.take(answered(3.0))
        turns.take(NOISE)
        turns.take(answered(9.0, noise_s=0.0))
        await turns.finish()
    assert told == [(800, "voice_activity"), (None, "voice_activity"), (400, "voice_activity")]
    assert len(detector.threads) == 1 and threading.get_ident() not in detector.threads


async def test_without_it_the_level_tells_at_once() -> None:
    turns, told = telling(None)
    turns.take(answered(3.0))
    assert told == [(400, "level")]


async def test_a_turn_that_the_level_does_not_know_is_told_by_voice_activity_alone() -> None:
    unknown = Turn(5.0, -inf, -inf, (Heard(inf, sound(noise_frames=40, ended_s=5.0)),))
    turns, told = telling(None)
    turns.take(unknown)
    assert told == []
    with ends_by(LoudIsVoice()) as ends:
        turns, told = telling(ends)
        turns.take(unknown)
        turns.take(Turn(5.0, -inf, -inf, (Heard(inf, NOISE.heard[0].sound),)))
        await turns.finish()
    assert told == [(700, "voice_activity")]


async def test_where_too_many_wait_the_level_tells_and_the_order_stays() -> None:
    detector = LoudIsVoice()
    detector.may_listen.clear()
    with ends_by(detector, most_waiting=1) as ends:
        turns, told = telling(ends)
        turns.take(answered(3.0))
        turns.take(answered(9.0))
        assert told == [], "the second is known, and waits for the first"
        other, told_of_other = telling(ends)
        other.take(answered(4.0))
        assert told_of_other == [(400, "level")]
        detector.may_listen.set()
        await turns.finish()
        assert told == [(800, "voice_activity"), (400, "level")]
        turns.take(answered(15.0))
        await turns.finish()
    assert told[2:] == [(800, "voice_activity")]


async def test_a_model_that_fails_costs_no_turn(caplog: pytest.LogCaptureFixture) -> None:
    detector = LoudIsVoice()
    detector.fails = True
    with ends_by(detector) as ends:
        turns, told = telling(ends)
        turns.take(answered(3.0))
        await turns.finish()
    assert told == [(400, "level")]
    assert "voice activity has failed" in caplog.text and "no memory" in caplog.text


async def test_a_call_that_ends_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_ends, "LAST_TURNS_S", 0.05)
    detector = LoudIsVoice()
    detector.may_listen.clear()
    with ends_by(detector) as ends:
        turns, told = telling(ends)
        turns.take(answered(3.0))
        turns.take(answered(9.0))
        await turns.finish()
        assert told == [(400, "level"), (400, "level")]
        detector.may_listen.set()
    await asyncio.sleep(0)
    assert len(told) == 2
