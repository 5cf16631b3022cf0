"""Measuring what was heard: the right sound is found, another one is not."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.demo.measure import SILENCE_DBFS, find, find_in_pieces, level_dbfs
from ari_agent.demo.sounds import Samples, from_ulaw, silence, speech, to_ulaw

QUESTION, GREETING = speech("caller_question"), speech("greeting")


def test_a_sound_is_found_at_its_place_with_its_level() -> None:
    recording = np.concatenate([silence(700, 8000), GREETING, (QUESTION * 0.5).astype(np.int16), silence(300, 8000)])
    match = find(QUESTION, from_ulaw(to_ulaw(recording)))
    assert match.correlation > 0.98
    assert match.offset == 5600 + len(GREETING)
    assert match.gain_db == pytest.approx(-6, abs=0.1)


def test_other_speech_is_not_taken_for_it() -> None:
    assert find(QUESTION, np.concatenate([GREETING, speech("operator"), silence(2000, 8000)])).correlation < 0.4


def test_speech_with_holes_is_less_alike() -> None:
    broken = QUESTION.copy()
    for start in range(0, len(broken), 800):
        broken[start : start + 400] = 0
    assert find(QUESTION, broken).correlation < 0.8


def _with_a_slip_each(samples: int) -> Samples:
    pieces = [QUESTION[start : start + samples] for start in range(0, len(QUESTION), samples)]
    return np.concatenate([silence(900, 8000), *(np.concatenate([piece, silence(20, 8000)]) for piece in pieces)])


def test_speech_with_a_lost_or_repeated_frame_is_still_that_speech() -> None:
    assert find(QUESTION, _with_a_slip_each(4000)).correlation < 0.5
    assert find_in_pieces(QUESTION, _with_a_slip_each(4000)).correlation > 0.88
    assert find_in_pieces(QUESTION, _with_a_slip_each(12000)).correlation > 0.97
    match = find_in_pieces(QUESTION, np.delete(QUESTION, np.s_[12000:12160]))
    assert match.correlation == 0  # it is not all there
    match = find_in_pieces(QUESTION, np.append(np.delete(QUESTION, np.s_[12000:12160]), silence(20, 8000)))
    assert match.correlation > 0.97
    assert match.gain_db == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    "recording",
    [
        np.concatenate([silence(900, 8000), GREETING, speech("operator")]),
        np.concatenate([silence(900, 8000), QUESTION[::-1]]),
        np.concatenate([QUESTION[:9000], silence(3000, 8000)]),
        np.where((np.arange(len(QUESTION)) // 400) % 2, QUESTION, 0).astype(np.int16),
        np.random.default_rng(1).integers(-3000, 3000, 60000).astype(np.int16),
        silence(9000, 8000),
    ],
    ids=["other speech", "backwards", "half of it", "full of holes", "noise", "silence"],
)
def test_looking_in_pieces_does_not_take_anything_else_for_it(recording: Samples) -> None:
    assert find_in_pieces(QUESTION, recording).correlation < 0.8


def test_nothing_is_found_in_silence_or_in_too_little() -> None:
    assert find(QUESTION, silence(5000, 8000)).correlation == 0
    assert find(QUESTION, QUESTION[:-1]).correlation == 0
    assert find(silence(0, 8000), QUESTION).correlation == 0


def test_levels_are_against_full_scale() -> None:
    assert level_dbfs(np.full(100, 16384, np.int16)) == pytest.approx(-6.02, abs=0.01)
    assert level_dbfs(silence(20, 8000)) == level_dbfs(silence(0, 8000)) == SILENCE_DBFS
