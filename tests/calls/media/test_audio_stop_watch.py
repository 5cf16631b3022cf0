from __future__ import annotations

from ari_agent.calls.media.audio_stop_watch import AudioStopWatch
from ari_agent.calls.media.call_media import AudioStopped

FIRST, AGAIN = AudioStopped(is_first=True), AudioStopped(is_first=False)


def looks(*seconds: tuple[float, int, bool], after_s: float = 10.0) -> list[AudioStopped | None]:
    """At each of these times: so many packets so far, on hold or not."""
    watch = AudioStopWatch(after_s)
    return [watch.look(now_s, received=received, is_away=is_away) for now_s, received, is_away in seconds]


def test_a_pause_is_told_and_told_again_as_long_as_it_lasts() -> None:
    at = (0.0, 9.9, 10.0, 19.9, 20.0, 30.0)
    assert looks(*((now_s, 5, False) for now_s in at)) == [None, None, FIRST, None, AGAIN, AGAIN]


def test_a_packet_ends_the_pause() -> None:
    assert looks((0, 5, False), (10, 5, False), (11, 6, False), (20, 6, False), (21, 6, False))[2:] == [
        None,
        None,
        FIRST,
    ]


def test_hold_is_no_pause() -> None:
    assert looks((0, 5, False), (9, 5, True), (30, 5, True), (31, 5, False), (40, 5, False))[1:] == [
        None,
        None,
        None,
        FIRST,
    ]


def test_a_caller_who_never_sent_anything_is_not_told() -> None:
    assert looks((0, 0, False), (100, 0, False)) == [None, None]


def test_no_limit_is_none() -> None:
    assert looks((0, 5, False), (1000, 5, False), after_s=0.0) == [None, None]
