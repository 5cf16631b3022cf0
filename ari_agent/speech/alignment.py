"""The times of characters, as ElevenLabs tells them with its audio, made into times of words. Pure.

Source: ElevenLabs' API reference, Text to Speech WebSocket (2026-08): `alignment` has `chars`, `charStartTimesMs` and
`charDurationsMs` (older: `charsDurationsMs`), of the audio that comes with it. A word may go on in the next message.
"""

from __future__ import annotations

from typing import Any, Final

from ari_agent.speech.synthesizer import SpokenWord

_LONGEST_WORD_CHARS: Final = 100
_NEARLY_MS: Final = 50
_LATEST_MS: Final = 3_600_000


class Alignment:
    """Collects the characters of one text into words with their times."""

    def __init__(self) -> None:
        self._word = ""
        self._start_ms = self._end_ms = 0

    def words(self, told: object, before_ms: int) -> tuple[SpokenWord, ...]:
        """The words that this message completes. before_ms: the audio of the messages before it.

        What is not as the reference says gives no words: the audio is worth more than its times.
        """
        if not isinstance(told, dict):
            return ()
        characters = _list(told.get("chars"), str)
        starts = _list(told.get("charStartTimesMs"), int, float)
        durations = _list(told.get("charDurationsMs", told.get("charsDurationsMs")), int, float)
        if not starts or len({len(characters), len(starts), len(durations)}) != 1:
            return ()
        # Times of this message's audio; or, from servers that count so, of all the text's.
        base_ms = 0 if before_ms and starts[0] >= before_ms - _NEARLY_MS else before_ms
        found: list[SpokenWord] = []
        for character, start, duration in zip(characters, starts, durations, strict=True):
            if character.isspace() or len(self._word) >= _LONGEST_WORD_CHARS:
                found.extend(self.finish())
            if character.isspace() or not character:
                continue
            start_ms = max(round(base_ms + start), self._end_ms)
            if not self._word:
                self._start_ms = start_ms
            self._word += character
            self._end_ms = max(round(base_ms + start + duration), start_ms)
        return tuple(found)

    def finish(self) -> tuple[SpokenWord, ...]:
        """Return the last word, which no space follows, if there is one."""
        word, self._word = self._word, ""
        return (SpokenWord(word, self._start_ms, self._end_ms),) if word else ()


def _list(values: object, *kinds: type) -> list[Any]:
    """Return the list if all its values are of these kinds and times are within an hour, otherwise an empty one."""
    if not isinstance(values, list) or not all(type(value) in kinds for value in values):
        return []
    if str not in kinds and not all(0 <= value < _LATEST_MS for value in values):  # NaN is not either
        return []
    return values
