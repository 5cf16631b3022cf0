"""A call has lost its Asterisk when neither ARI nor audio is there, and not before."""

from __future__ import annotations

import pytest

from ari_agent.calls.asterisk_loss import LOST_AFTER_S, SILENT_LOST_AFTER_S, AsteriskLoss, CallAudio


def lost(*looks: tuple[float, int, bool], expects_audio: bool = True) -> list[list[str]]:
    """looks: at which second, with how many packets so far, and whether ARI answered."""
    loss = AsteriskLoss()
    return [
        loss.lost(now_s, {"call_1": CallAudio(packets, expects_audio)}, ari_answers=answers)
        for now_s, packets, answers in looks
    ]


def test_without_ari_and_audio_it_is_lost_after_a_while() -> None:
    assert lost((0.0, 50, False), (LOST_AFTER_S - 0.1, 50, False), (LOST_AFTER_S, 50, False)) == [[], [], ["call_1"]]


def test_while_audio_flows_it_is_not_lost() -> None:
    assert lost(*((second, 50 * second, False) for second in range(100))) == [[]] * 100


def test_while_ari_answers_it_is_not_lost_and_silence_counts_from_its_end() -> None:
    assert lost((0.0, 0, True), (100.0, 0, True), (101.0, 0, False), (101.0 + LOST_AFTER_S / 2, 0, False)) == [[]] * 4
    assert lost((0.0, 0, False), (LOST_AFTER_S / 2, 0, True), (LOST_AFTER_S, 0, False)) == [[]] * 3


@pytest.mark.parametrize(("after_s", "expected"), [(LOST_AFTER_S, []), (SILENT_LOST_AFTER_S, ["call_1"])])
def test_where_no_audio_is_expected_silence_may_last_longer(after_s: float, expected: list[str]) -> None:
    assert lost((0.0, 50, False), (after_s, 50, False), expects_audio=False)[-1] == expected


def test_who_comes_later_has_as_long() -> None:
    loss = AsteriskLoss()
    one = {"call_1": CallAudio(1, True)}
    assert loss.lost(0.0, one, ari_answers=False) == []
    both = one | {"call_2": CallAudio(0, True)}
    assert loss.lost(LOST_AFTER_S, both, ari_answers=False) == ["call_1"]
