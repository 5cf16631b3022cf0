"""One sentence that the agent speaks: how much of it was heard, and which of its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ari_agent.contract.transcript import Word
from ari_agent.speech.sentences import Sentence
from ari_agent.speech.synthesizer import SpokenWord

_MS_PER_CHARACTER: Final = 65
"""How long a character lasts at the usual speed of speech, an estimate until all audio of a sentence is there."""
_WORD: Final = re.compile(r"\S+")


class SpokenSentence:
    """One sentence of an agent's turn.

    number: of all sentences of the call. audio_ms: how much of it there is so far. is_whole: and no more comes.
    protected: nobody cuts the agent off in it. response_id or interrupt_id: the answer or interruption it belongs to.
    heard_ms: how much of it the caller has heard. began_ms: when the caller began to hear it, None before that.
    """

    def __init__(
        self,
        number: int,
        turn: int,
        sentence: Sentence,
        *,
        protected: bool = False,
        response_id: int | None = None,
        interrupt_id: int | None = None,
    ) -> None:
        self.number, self.turn, self.protected = number, turn, protected
        self.response_id, self.interrupt_id = response_id, interrupt_id
        self._sentence = sentence
        self.audio_ms = self.heard_ms = 0.0
        self.is_whole = False
        self.began_ms: float | None = None
        self._told: list[SpokenWord] = []
        self._taken_characters = self._taken_words = 0

    @property
    def is_over(self) -> bool:
        """Whether the caller has heard the sentence to its end."""
        return self.is_whole and self.heard_ms >= self.audio_ms

    def sound(self, duration_ms: float, words: Sequence[SpokenWord] = ()) -> None:
        """Add the duration of more of the sentence's audio, and the words that the provider has timed in it."""
        self.audio_ms += duration_ms
        self._told.extend(words)

    def take_heard(self, *, beyond_ms: float = 0.0) -> tuple[str, list[Word]]:
        """Return what was heard and not taken yet: the text as the agent wrote it, and its words. No word is cut.

        The words have seconds since the call began. beyond_ms: how much was heard beyond heard_ms, by an estimate.
        """
        heard_ms = self.heard_ms + beyond_ms
        words = [word for word in self._timed() if self.is_over or word.end_ms <= heard_ms]
        written = self._written(len(words))
        text, words = written[self._taken_characters :].strip(), words[self._taken_words :]
        self._taken_characters = max(self._taken_characters, len(written))
        self._taken_words += len(words)
        return text, [self._word(word) for word in words]

    def _written(self, count: int) -> str:
        """Return the text as the agent wrote it, up to the end of its first `count` words; all of it if it is over."""
        sentence = self._sentence
        if self.is_over:
            return sentence.written
        ends = [match.end() for match in _WORD.finditer(sentence.text)]
        return sentence.written[: sentence.written_until(ends[count - 1]) - sentence.start] if count else ""

    def _word(self, word: SpokenWord) -> Word:
        began_ms = self.began_ms or 0.0
        return Word(word=word.word, start=_seconds(began_ms + word.start_ms), end=_seconds(began_ms + word.end_ms))

    def _timed(self) -> Sequence[SpokenWord]:
        """Return the words with the provider's times, or with times by share of the characters where it tells none."""
        written = _WORD.findall(self._sentence.text)
        streams = 0 < len(self._told) < len(written) and not self.is_whole  # the words to come are not heard yet
        if len(self._told) == len(written) or streams:
            told = zip(written, self._told, strict=False)
            return [SpokenWord(text, word.start_ms, word.end_ms) for text, word in told]
        return list(self._by_share())

    def _by_share(self) -> Iterator[SpokenWord]:
        text = self._sentence.text
        length = len(text) or 1
        lasts_ms = self.audio_ms if self.is_whole else max(self.audio_ms, length * _MS_PER_CHARACTER)
        for match in _WORD.finditer(text):
            start, end = (round(lasts_ms * place / length) for place in match.span())
            yield SpokenWord(match.group(), start, end)


def _seconds(time_ms: float) -> float:
    return round(time_ms / 1000, 3)
