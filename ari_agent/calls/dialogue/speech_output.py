"""The agent's sound on its way to the caller: played, marked, and kept until it was heard, to be played again.

A mark follows each piece: `clears:sentence:end_ms`. Marks of before a clear come back from some front ends as if they
had been heard; the count of clears tells them apart. What is kept is what ResumeSpeech plays again after a pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ari_agent.calls.dialogue.events import SoundPlayed
from ari_agent.calls.dialogue.orders import PlaySound, ResumeSpeech
from ari_agent.calls.media.agent_leg import CallerOutput
from ari_agent.speech.echo import Echo
from ari_agent.speech.synthesizer import BYTES_PER_MS


class SpeechOutput:
    """Plays, pauses and drops the agent's sound on the caller's side of one call, as the dialogue orders."""

    def __init__(self, output: CallerOutput, echo: Echo, *, now_ms: Callable[[], float]) -> None:
        """echo: is told what the caller is played. now_ms: tells the time of its clock, in milliseconds."""
        self._output, self._echo, self._now_ms = output, echo, now_ms
        self._kept: deque[PlaySound] = deque()  # and not heard, as far as is known
        self._clears = 0

    def follow(self, pcm: bytes) -> float:
        """Take note that the caller hears this sound first; return how many milliseconds that takes."""
        if pcm:
            self._echo.play(pcm, self._now_ms())
        return len(pcm) / BYTES_PER_MS

    def play(self, sound: PlaySound) -> None:
        """Play a piece of sound, or only keep it for `resume` while the agent is paused."""
        self._kept.append(sound)
        if not sound.is_paused:
            self._output.play(sound.pcm)
            self._echo.play(sound.pcm, self._now_ms())
            self._output.mark(f"{self._clears}:{sound.number}:{sound.end_ms:g}")

    def pause(self) -> None:
        """Silence the agent at once, and keep the sound that the caller has not heard."""
        self._clears += 1
        self._output.clear()
        self._echo.clear(self._now_ms())

    def resume(self, order: ResumeSpeech) -> None:
        """Play the kept sound again, from the sentence and the place in it that the order names."""
        kept, self._kept = self._kept, deque()
        for sound in kept:
            if sound.number < order.number:
                continue
            pcm = sound.pcm
            if sound.number == order.number:
                unheard_bytes = max(0, round(sound.end_ms - order.heard_ms)) * BYTES_PER_MS
                pcm = pcm[-unheard_bytes:] if unheard_bytes else b""
            if pcm:
                self.play(replace(sound, pcm=pcm, is_paused=False))

    def clear(self) -> None:
        """Silence the agent at once, and drop the sound that the caller has not heard."""
        self._kept.clear()
        self.pause()

    def forget(self, heard_so_far: tuple[int, float] | None) -> None:
        """Drop the kept sound up to this place, a sentence's number and the ms heard of it; None: all was heard."""
        while self._kept and (heard_so_far is None or (self._kept[0].number, self._kept[0].end_ms) <= heard_so_far):
            self._kept.popleft()

    def played(self, marks: Sequence[str]) -> Iterator[SoundPlayed]:
        """Yield a SoundPlayed for each of these marks, except for those from before the last pause or clear."""
        for name in marks:
            clears, number, heard_ms = name.split(":")
            if int(clears) == self._clears:
                yield SoundPlayed(int(number), float(heard_ms))
