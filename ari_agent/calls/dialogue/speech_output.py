"""The agent's sound on its way to the caller: played, marked, and kept until it was heard, to be played again.

A mark follows each piece: `clears:sentence:end_ms`. Marks of before a clear come back from some front ends as if they
had been heard; the count of clears tells them apart. What is kept is what ResumeSpeech plays again after a pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ari_agent.calls.dialogue.events import SoundPlayed
from ari_agent.calls.dialogue.orders import PlaySound, ResumeSpeech
from ari_agent.calls.media.agent_leg import CallerOutput
from ari_agent.speech.synthesizer import BYTES_PER_MS


class SpeechOutput:
    """Carries out the orders of one call that are for the caller's ears."""

    def __init__(self, output: CallerOutput) -> None:
        self._output = output
        self._kept: deque[PlaySound] = deque()  # and not heard, as far as is known
        self._clears = 0

    def play(self, sound: PlaySound) -> None:
        """Play a piece, or keep it until `resume` while the agent is paused."""
        self._kept.append(sound)
        if not sound.is_paused:
            self._output.play(sound.pcm)
            self._output.mark(f"{self._clears}:{sound.number}:{sound.end_ms:g}")

    def pause(self) -> None:
        """Nothing may be heard; all that was not stays kept."""
        self._clears += 1
        self._output.clear()

    def resume(self, order: ResumeSpeech) -> None:
        """Play what is kept once more, from there on."""
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
        """Drop everything that was not heard."""
        self._kept.clear()
        self.pause()

    def forget(self, heard_so_far: tuple[int, float] | None) -> None:
        """Keep only what was not heard: what ends after that place in that sentence; None: nothing."""
        while self._kept and (heard_so_far is None or (self._kept[0].number, self._kept[0].end_ms) <= heard_so_far):
            self._kept.popleft()

    def played(self, marks: Sequence[str]) -> Iterator[SoundPlayed]:
        """What these marks tell, less those that came back for being cleared."""
        for name in marks:
            clears, number, heard_ms = name.split(":")
            if int(clears) == self._clears:
                yield SoundPlayed(int(number), float(heard_ms))
