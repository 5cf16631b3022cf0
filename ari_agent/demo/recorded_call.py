"""Whether a recording holds what was said in the scripted call: each voice on its side, each at its moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ari_agent.demo.measure import NOT_HEARD, Match, find_in_pieces
from ari_agent.demo.report import StepFailed
from ari_agent.demo.sounds import SPEECH_RATE_HZ, Samples, at_rate, channels_of_wav

TOLERANCE_MS: Final = 60.0
"""How far a voice in the recording may be from its moment at the caller: the way there and back, and three frames."""
_MS: Final = SPEECH_RATE_HZ / 1000


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What the caller heard and said, and when.

    greeting: what the agent said first. question: what the caller asked, which the agent said back. greeting_at,
    question_at and echo_at: where they begin in what the caller heard, in samples at 8 kHz.
    """

    greeting: Samples
    question: Samples
    greeting_at: int
    question_at: int
    echo_at: int


def checked_recording(dialogue: Dialogue, *, stereo: bytes, mixed: bytes) -> str:
    """Return what was found in a call's two recordings, each the bytes of a WAV file.

    Moments are told from the greeting, because the recording and what the caller heard begin each at another moment.

    Raises:
        StepFailed: a file cannot be read, a voice is missing, on the wrong side, or not where it was in the call.
    """
    sides, (both, *more) = _channels(stereo), _channels(mixed)
    if len(sides) != 2 or more:
        raise StepFailed(f"the recordings have {len(sides)} and {1 + len(more)} channels, expected were 2 and 1")
    left, right = sides
    greeting = _found("the greeting", dialogue.greeting, "right", right)
    question = _found("the question", dialogue.question, "left", left)
    echo = _found("the echo of the question", dialogue.question, "right", right)
    _absent("the greeting", dialogue.greeting, "left", left)
    _absent("the question", dialogue.question, "right", right[: question.offset + len(dialogue.question)])
    said, heard = dialogue.question_at - dialogue.greeting_at, dialogue.echo_at - dialogue.greeting_at
    question_ms = _late_ms("the question", question.offset - greeting.offset, said)
    echo_ms = _late_ms("the echo of the question", echo.offset - greeting.offset, heard)
    greeting_too = _found("the greeting", dialogue.greeting, "mixed", both)
    _late_ms("the greeting in the mixed recording", greeting_too.offset, greeting.offset)
    return (
        f"right the greeting (correlation {greeting.correlation:.3f}), {greeting.offset / _MS:.0f} ms from its start; "
        f"left the question ({question.correlation:.3f}), {question_ms:+.0f} ms from where the caller said it; "
        f"right its echo ({echo.correlation:.3f}), {echo_ms:+.0f} ms from where the caller heard it"
    )


def _channels(wav: bytes) -> list[Samples]:
    try:
        rate_hz, channels = channels_of_wav(wav)
    except ValueError as error:
        raise StepFailed(f"a recording cannot be read: {error}") from None
    return [at_rate(channel, rate_hz, SPEECH_RATE_HZ) for channel in channels]


def _found(what: str, sound: Samples, where: str, channel: Samples) -> Match:
    match = find_in_pieces(sound, channel)
    if not match.is_same_sound:
        nearest = f"the nearest sound has correlation {match.correlation:.3f} and {match.gain_db:+.1f} dB"
        raise StepFailed(f"{what} is not in the {where} channel; {nearest}")
    return match


def _absent(what: str, sound: Samples, where: str, channel: Samples) -> None:
    if (correlation := find_in_pieces(sound, channel).correlation) > NOT_HEARD:
        raise StepFailed(f"{what} is in the {where} channel, too (correlation {correlation:.3f})")


def _late_ms(what: str, recorded: int, expected: int) -> float:
    """Return by how many ms a sound is late; both are samples after the same moment."""
    late_ms = (recorded - expected) / _MS
    if abs(late_ms) > TOLERANCE_MS:
        raise StepFailed(f"{what} is {late_ms:+.0f} ms from where it belongs, allowed are {TOLERANCE_MS:.0f} ms")
    return late_ms
