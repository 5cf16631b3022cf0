"""How an agent listens: two numbers of the agent's, and the times that follow from them. Pure.

    responsiveness             1 .......... 0.5 .......... 0
    pause that ends a turn     300 ms       650 ms         1 s          complete; +200 ms where that is unknown
    interruption_sensitivity   1 .......... 0.8 .......... above 0      0
    voice that ducks it        160 ms       290 ms         800 ms       none
    what cuts it off           words, or 1 s of voice      words        nothing

Retell names the settings and keeps its formula to itself; the times are measured (voice activity is sure after 130 ms)
or those that other open systems have settled on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ari_agent.speech.turn_words import Completeness, turn_words

_WAITS: Final[Mapping[Completeness, tuple[int, int]]] = {
    Completeness.COMPLETE: (1, 0),
    Completeness.UNKNOWN: (1, 200),
    Completeness.HANGING: (2, 400),
}
"""How often the pause that ends a turn is waited for, and how many ms more, by how complete the words sound."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How the agent listens. The first five are the agent's fields of the same names (Retell's OpenAPI, 2026-08).

    responsiveness: 0..1; 1 answers soonest. interruption_sensitivity: 0..1; 0 is never interrupted.
    reminder_trigger_ms: silence before a reminder, above 0. reminder_max_count: in a row; 0 is none.
    begin_message_delay_ms: 0..5000, before the agent's first words.
    language: BCP 47, of the word lists (turn_words.py).

    max_end_ms: how long the final text is waited for, from the end of the voice on.
    confirm_ms: how long an interruption may wait for words, the agent being ducked: as long as people nod.
    unintelligible_ms: voice without a word that is answered all the same; what is shorter is noise.
    wordless_ms, endless_ms: how long a voice holds the turn without a new word, and in a recognizer that says nothing
        before the end of the voice.
    """

    responsiveness: float = 1.0
    interruption_sensitivity: float = 1.0
    reminder_trigger_ms: float = 10_000
    reminder_max_count: int = 1
    begin_message_delay_ms: float = 0
    language: str = "en-US"
    max_end_ms: float = 3000
    confirm_ms: float = 840
    unintelligible_ms: float = 1000
    wordless_ms: float = 5000
    endless_ms: float = 30_000

    @property
    def silence_ms(self) -> int:
        """The pause that ends the voice, 300..1000: what VoiceActivity is to be given, now and after every change."""
        return round(300 + 700 * (1 - self.responsiveness))

    @property
    def min_voice_ms(self) -> float:
        """Voice in one piece before the agent is ducked, 160..800."""
        return 160 + 640 * (1 - self.interruption_sensitivity)

    @property
    def nod_ms(self) -> float:
        """The longest voice that may be a nod like "uh huh" or "yeah, okay": a longer one cuts the agent off."""
        return self.min_voice_ms + self.confirm_ms

    @property
    def min_words(self) -> int:
        """How many words that are no backchannel like "uh huh" confirm an interruption: 1 or 2."""
        return 1 if self.interruption_sensitivity >= 0.5 else 2

    @property
    def needs_words(self) -> bool:
        """Whether a voice needs words to interrupt, where the recognizer tells words while they are spoken."""
        return self.interruption_sensitivity < 0.8

    def wait_ms(self, text: str, *, is_unfinished: bool = False) -> float:
        """Return how many ms after the end of the voice the turn ends, for a turn with this text.

        is_unfinished: it sounded as if more were to come, which is waited for as if the words hung.
        """
        completeness = turn_words(self.language).completeness(text)
        factor, more_ms = _WAITS[Completeness.HANGING if is_unfinished and text else completeness]
        return self.silence_ms * factor + more_ms
