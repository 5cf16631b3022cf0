"""The agent's sound on its way to the caller."""

from __future__ import annotations

from collections.abc import Sequence

from ari_agent.calls.dialogue.events import SoundPlayed
from ari_agent.calls.dialogue.orders import PlaySound, ResumeSpeech
from ari_agent.calls.dialogue.speech_output import SpeechOutput
from ari_agent.speech.echo import Echo
from ari_agent.speech.synthesizer import BYTES_PER_MS


class Ears:
    """A caller's side that writes down what comes."""

    shows_updates = False

    def __init__(self) -> None:
        self.played: list[bytes] = []
        self.marks: list[str] = []
        self.clears = 0

    def play(self, payload: bytes) -> None:
        self.played.append(payload)

    def mark(self, name: str) -> bool:
        self.marks.append(name)
        return True

    def clear(self) -> Sequence[str]:
        self.clears += 1
        return ()

    def tell(self, event: str, message: bytes) -> None:
        raise AssertionError

    def pause_recording(self, paused: bool) -> bool:
        raise AssertionError

    def agent_is_away(self, away: bool) -> None:
        raise AssertionError


def sound(number: int, end_ms: int, *, is_paused: bool = False) -> PlaySound:
    """100 ms, of which every sample names the millisecond that it ends in."""
    pcm = b"".join(bytes([ms % 256]) * BYTES_PER_MS for ms in range(end_ms - 99, end_ms + 1))
    return PlaySound(number, end_ms, pcm, is_paused=is_paused)


def test_a_mark_follows_each_piece_and_tells_what_was_heard() -> None:
    ears = Ears()
    output = SpeechOutput(ears, Echo(), now_ms=lambda: 0.0)
    output.play(sound(1, 100))
    assert [len(pcm) for pcm in ears.played] == [100 * BYTES_PER_MS]
    assert list(output.played(ears.marks)) == [SoundPlayed(1, 100.0)]


def test_marks_of_before_a_clear_tell_nothing() -> None:
    ears = Ears()
    output = SpeechOutput(ears, Echo(), now_ms=lambda: 0.0)
    output.play(sound(1, 100))
    output.clear()
    assert ears.clears == 1
    assert list(output.played(ears.marks)) == []


def test_after_a_pause_it_goes_on_where_the_caller_was() -> None:
    ears = Ears()
    output = SpeechOutput(ears, Echo(), now_ms=lambda: 0.0)
    for end_ms in (100, 200):
        output.play(sound(1, end_ms))
    output.play(sound(2, 100))
    output.pause()
    output.play(sound(2, 200, is_paused=True))
    assert len(ears.played) == 3
    ears.played.clear()
    output.resume(ResumeSpeech(1, 150))
    assert [pcm[0] for pcm in ears.played] == [151, 1, 101]
    assert [len(pcm) / BYTES_PER_MS for pcm in ears.played] == [50, 100, 100]
    assert [mark.split(":")[1:] for mark in ears.marks[-3:]] == [["1", "200"], ["2", "100"], ["2", "200"]]


def test_what_was_heard_is_not_played_again() -> None:
    ears = Ears()
    output = SpeechOutput(ears, Echo(), now_ms=lambda: 0.0)
    output.play(sound(1, 100))
    output.play(sound(1, 200))
    output.play(sound(2, 100))
    output.forget((1, 100))
    output.pause()
    ears.played.clear()
    output.resume(ResumeSpeech(2, 0))
    assert len(ears.played) == 1
    output.forget(None)
    ears.played.clear()
    output.resume(ResumeSpeech(2, 0))
    assert ears.played == []


def test_what_the_caller_hears_first_is_known_to_come_back_as_an_echo() -> None:
    played: list[tuple[bytes, float]] = []

    class Noted(Echo):
        def play(self, pcm: bytes, now_ms: float) -> None:
            played.append((pcm, now_ms))

    output = SpeechOutput(Ears(), Noted(), now_ms=lambda: 7.0)
    assert output.follow(b"") == 0
    assert output.follow(bytes(100 * BYTES_PER_MS)) == 100
    assert played == [(bytes(100 * BYTES_PER_MS), 7.0)]
