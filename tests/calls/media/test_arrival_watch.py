from __future__ import annotations

from collections.abc import Sequence

from ari_agent.calls.media.arrival_watch import ArrivalWatch
from ari_agent.calls.media.call_media import AudioAgain, AudioFromElsewhere, MediaEvent

PEER, STRANGER = "192.0.2.1:4000", "192.0.2.9:4000"


def events(*seconds: tuple[int, int], is_away: bool = False) -> Sequence[MediaEvent]:
    """Of a call with so many packets from the announced address and from others in each second."""
    watch = ArrivalWatch()
    received = foreign = 0
    found: list[MediaEvent] = []
    for more, strange in seconds:
        received, foreign = received + more, foreign + strange
        found += watch.look(received=received, foreign=foreign, peer=PEER, stranger=STRANGER, is_away=is_away)
    return found


def test_audio_from_another_address_is_reported_once_with_both() -> None:
    elsewhere = AudioFromElsewhere(announced=PEER, actual=STRANGER)
    assert events((0, 50), (0, 50)) == [elsewhere]
    assert events((50, 0), (0, 50)) == [elsewhere]  # the far end has moved in mid-call
    assert events((0, 8)) == [elsewhere]


def test_a_stranger_beside_the_call_is_no_news() -> None:
    assert events((50, 50)) == []
    assert events((0, 7)) == []


def test_audio_that_comes_again_while_the_caller_is_away_is_reported_for_each_pause() -> None:
    assert events((50, 0), (0, 0), (1, 0), (50, 0), (50, 0), is_away=True) == [AudioAgain()]
    assert events((0, 0), (50, 0), (0, 0), (50, 0), is_away=True) == [AudioAgain(), AudioAgain()]


def test_audio_that_never_stopped_is_the_music_of_the_hold() -> None:
    assert events((50, 0), (50, 0), (1, 0), (50, 0), is_away=True) == []


def test_a_pause_of_a_caller_who_listens_is_no_news() -> None:
    assert events((50, 0), (0, 0), (50, 0)) == []
