"""The agent's own echo, and voices over it: recorded speech, G.711 and noise, through the real voice activity."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ari_agent.speech.echo import FRAME_BYTES, FRAME_MS, LONGEST_LAG_MS, Echo
from ari_agent.speech.silero import SileroDetector
from ari_agent.speech.voice_activity import VoiceActivity, VoiceStarted
from tests.fakes.sound import read_wav, ulaw_decode, ulaw_encode

Sound = NDArray[np.float64]  # at 16 kHz, in units of 16-bit samples
SPEECH: Final = Path(__file__).parents[1] / "data" / "speech"
PER_MS: Final = 16
FRAME: Final = FRAME_MS * PER_MS


@cache
def speech(name: str) -> Sound:
    sound = read_wav(SPEECH / f"{name}.wav")[0]
    return np.asarray(np.interp(np.arange(2 * len(sound)) / 2, np.arange(len(sound)), sound))


def agent() -> Sound:
    """Half a second of silence, and seven of speech."""
    said = [speech(name) for name in ("slt_no_thank_you", "rms_transfer_agent", "slt_no_thank_you")]
    return np.concatenate([np.zeros(500 * PER_MS), *said])


def later(sound: Sound, delay_ms: int, gain_db: float) -> Sound:
    delayed = np.concatenate([np.zeros(delay_ms * PER_MS), sound])[: len(sound)]
    return np.asarray(delayed * 10 ** (gain_db / 20))


def line(sound: Sound) -> bytes:
    """As a telephone line brings it: noise of -65 dBFS, 8 kHz, mu-law."""
    noise = np.random.default_rng(1).normal(0, 32768 * 10 ** (-65 / 20), len(sound))
    eight = np.clip(sound + noise, -32768, 32767)[::2].astype(np.int16)
    return np.repeat(ulaw_decode(ulaw_encode(eight)), 2).astype("<i2").tobytes()


def voices(played: Sound, heard: bytes) -> tuple[list[int], Echo]:
    """When voices begin, in ms, in a caller's audio while this is played in pieces of 200 ms."""
    echo = Echo()
    activity = VoiceActivity(SileroDetector(), silence_ms=300, is_echo=echo.explains)
    begins = []
    for start in range(0, len(played) - FRAME + 1, FRAME):
        now_ms = start / PER_MS
        piece = played[start : start + 10 * FRAME].astype("<i2").tobytes()
        if start % (10 * FRAME) == 0 and now_ms >= 400:
            echo.play(piece, now_ms)
        frame = heard[2 * start : 2 * start + FRAME_BYTES]
        echo.hear(frame, now_ms)
        begins += [change.at_ms for change in activity.feed(frame) if isinstance(change, VoiceStarted)]
    return begins, echo


@pytest.mark.parametrize("delay_ms", [160, 171, 420])
@pytest.mark.parametrize("gain_db", [-15, -25, -35])
def test_the_agents_echo_is_no_voice_and_its_path_is_learnt(delay_ms: int, gain_db: float) -> None:
    begins, echo = voices(agent(), line(later(agent(), delay_ms, gain_db)))
    assert begins == []
    if gain_db > -30:  # the detector takes what is near the noise for no voice, so that nothing is compared
        assert echo.path is not None
        assert echo.path.lag * FRAME_MS == pytest.approx(delay_ms, abs=FRAME_MS)
        assert echo.path.gain_db == pytest.approx(gain_db, abs=2)


def test_without_the_comparison_it_would_be_one() -> None:
    begins, _ = voices(np.zeros(len(agent())), line(later(agent(), 160, -25)))
    assert begins


@pytest.mark.parametrize("echo_db", [None, -35, -25])
@pytest.mark.parametrize("at_ms", [700, 2500, 4000])
def test_a_voice_over_the_echo_is_heard_as_soon_as_without_it(at_ms: int, echo_db: float | None) -> None:
    heard = np.zeros(len(agent())) if echo_db is None else later(agent(), 280, echo_db)
    said = speech("rms_barge")[: len(heard) - at_ms * PER_MS]
    heard[at_ms * PER_MS :][: len(said)] += said
    begins, _ = voices(agent(), line(heard))
    assert begins[0] == pytest.approx(at_ms + 500, abs=64)  # where the recording begins to speak


def test_a_line_without_echo_teaches_no_path() -> None:
    said = speech("rms_barge")
    begins, echo = voices(agent(), line(np.concatenate([np.zeros(1500 * PER_MS), said, said, said])[: len(agent())]))
    assert len(begins) >= 2
    assert echo.path is None


def square(dbfs: float) -> bytes:
    """A frame of this level."""
    return np.full(FRAME, round(32767 * 10 ** (dbfs / 20)), "<i2").tobytes()


LEVELS: Final = (-20, -24, -35, -22, -50, -30, -18, -27)


def talk(echo: Echo, *, frames: int, lag: int, gain_db: float, at_ms: float = 0) -> None:
    """Play frames of various levels, and hear them again."""
    for number in range(frames + lag):
        now_ms = at_ms + number * FRAME_MS
        if number < frames:
            echo.play(square(LEVELS[number % len(LEVELS)]), now_ms)
        late = number - lag
        echo.hear(square(LEVELS[late % len(LEVELS)] + gain_db) if late >= 0 else bytes(FRAME_BYTES), now_ms)
        echo.explains()


def path_of(echo: Echo) -> tuple[int, int] | None:
    """The lag in frames, and the gain in whole dB."""
    return (echo.path.lag, round(echo.path.gain_db)) if echo.path else None


def test_nothing_is_an_echo_where_nothing_was_played() -> None:
    echo = Echo()
    echo.hear(square(-20), 0)
    assert not echo.explains()
    talk(echo, frames=30, lag=4, gain_db=-20)
    for number in range(2 * LONGEST_LAG_MS // FRAME_MS + 30):
        echo.hear(square(-60), 700 + number * FRAME_MS)
    assert not echo.explains()


def test_a_path_that_has_changed_is_learnt_anew() -> None:
    echo = Echo()
    talk(echo, frames=40, lag=5, gain_db=-15)
    assert path_of(echo) == (5, -15)
    talk(echo, frames=60, lag=5, gain_db=-35, at_ms=3000)
    assert path_of(echo) == (5, -35)
    talk(echo, frames=60, lag=9, gain_db=-25, at_ms=6000)
    assert path_of(echo) == (9, -25)


def test_what_was_cleared_has_no_echo() -> None:
    echo = Echo()
    talk(echo, frames=40, lag=5, gain_db=-20)
    echo.play(square(-18) * 200, 900)
    echo.clear(1000)
    for number in range(20):
        echo.hear(square(-45), 1000 + number * FRAME_MS)
    assert not echo.explains()


def test_pieces_of_any_length_keep_their_place_in_time() -> None:
    echo = Echo()
    sound = b"".join(square(level) for level in LEVELS * 8)
    for start in range(0, len(sound), 1000):
        echo.play(sound[start : start + 1000], 0)
    for number in range(40):
        echo.hear(square(LEVELS[(number - 4) % len(LEVELS)] - 20) if number >= 4 else bytes(640), number * FRAME_MS)
        echo.explains()
    assert path_of(echo) == (4, -20)


def test_a_caller_who_sends_nothing_leaves_nothing_behind() -> None:
    echo = Echo()
    for number in range(3000):
        echo.play(square(-20), number * FRAME_MS)
    assert len(echo._played) < 100


@given(
    st.lists(
        st.tuples(st.sampled_from(["play", "clear", "hear", "explains"]), st.integers(0, 3000), st.integers(-80, 0)),
        max_size=40,
    )
)
def test_anything_in_any_order_is_an_echo_or_not(steps: list[tuple[str, int, int]]) -> None:
    echo, now_ms = Echo(), 0.0
    for kind, step_ms, dbfs in steps:
        now_ms += step_ms
        match kind:
            case "play":
                echo.play(square(dbfs) * (1 + step_ms % 7), now_ms)
            case "clear":
                echo.clear(now_ms)
            case "hear":
                echo.hear(square(dbfs), now_ms)
            case _:
                assert echo.explains() in (True, False)
