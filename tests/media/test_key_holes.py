"""Which missing packets were a key's, by when Asterisk reports it. The numbers are those of a real Asterisk."""

from __future__ import annotations

import pytest

from ari_agent.media.key_holes import KeyHoles, KeyPackets

NONE, FRAME_S = KeyPackets(0, 0), 0.02


def found(holes: KeyHoles, packets: int, lasts_ms: int, at_s: float) -> KeyPackets:
    return holes.found(packets, lasts_s=lasts_ms / 1000, frame_s=FRAME_S, now_s=at_s)


@pytest.mark.parametrize(
    ("duration_ms", "packets", "lasts_ms"), [(60, 5, 60), (60, 7, 100), (100, 7, 100), (160, 10, 160), (300, 17, 300)]
)
@pytest.mark.parametrize("first", ["report", "hole"])
def test_a_keys_packets_are_not_lost_whichever_is_known_first(
    duration_ms: int, packets: int, lasts_ms: int, first: str
) -> None:
    holes = KeyHoles()
    if first == "report":
        assert holes.reported(duration_ms, 10.0) == NONE
        assert found(holes, packets, lasts_ms, 10.06) == KeyPackets(packets, 1)
    else:
        assert found(holes, packets, lasts_ms, 10.0) == NONE
        assert holes.reported(duration_ms, 10.4) == KeyPackets(packets, 1)
    assert holes.reported(duration_ms, 10.5) == NONE, "it is explained already"


@pytest.mark.parametrize(("lost", "told"), [(1, 0), (2, 2), (3, 3), (10, 10)])
def test_what_is_lost_beside_it_stays_lost(lost: int, told: int) -> None:
    """All but one packet: Asterisk tells a key's length in steps."""
    holes = KeyHoles()
    holes.reported(160, 10.0)
    assert found(holes, 10 + lost, 160 + 20 * lost, 10.2) == KeyPackets(10 + lost - told, int(told == 0))


def test_loss_without_a_key_is_loss() -> None:
    assert found(KeyHoles(), 10, 200, 10.0) == NONE


def test_a_hole_that_is_too_short_for_the_key_is_not_its_own() -> None:
    holes = KeyHoles()
    found(holes, 1, 20, 9.8)
    assert holes.reported(160, 10.0) == NONE
    assert found(holes, 10, 160, 10.05) == KeyPackets(10, 1)
    assert found(holes, 10, 200, 10.5) == NONE, "a report explains one hole"


@pytest.mark.parametrize("apart_s", [1.1, 60.0])
def test_a_report_and_a_hole_far_apart_have_nothing_in_common(apart_s: float) -> None:
    early, late = KeyHoles(), KeyHoles()
    early.reported(160, 10.0)
    assert found(early, 10, 160, 10.16 + apart_s) == NONE
    found(late, 10, 160, 10.0)
    assert late.reported(160, 10.0 + apart_s) == NONE


def test_reports_that_come_late_explain_the_holes_of_their_keys() -> None:
    holes = KeyHoles()
    found(holes, 10, 160, 10.0)
    found(holes, 17, 300, 10.5)
    assert holes.reported(160, 10.6) == KeyPackets(10, 1)
    assert holes.reported(300, 10.6) == KeyPackets(17, 1)


def test_a_key_that_asterisk_reports_again_and_again_leaves_one_long_hole() -> None:
    holes = KeyHoles()
    for at_s in (10.0, 10.001, 10.045):
        holes.reported(160, at_s)
    assert found(holes, 30, 560, 10.47) == KeyPackets(26, 0)
    assert holes.reported(160, 10.5) == KeyPackets(4, 1)


def test_packets_that_took_no_time_are_the_keys() -> None:
    """Of a phone that has sent audio beside the key: Asterisk leaves it out, while it plays the key."""
    holes = KeyHoles()
    holes.reported(100, 10.0)
    assert found(holes, 14, 100, 10.1) == KeyPackets(14, 1)
