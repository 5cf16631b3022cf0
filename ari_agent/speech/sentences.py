"""What an agent writes, bit by bit, as sentences: the pieces that are worth speaking. Pure.

A sentence ends

    . ! ? : ;   before a space; not in "3.5", "e.g.", "Dr. Smith", "J. Smith", "No. 5", "the 3. of May", "www.x.com"
    。 ؟ ।      and their like of other scripts, wherever they are
    , and like  after 80 characters; in the first sentence after 20, so that the agent can begin
    newline     always
    <break/>    before it, and after it: a pause is a sentence of its own
    else        at the last space before 400 characters

Sentences put together are the text, to the character; what is read aloud of one leaves out markup and emoji
(speakable.py). `Sentences` is fed with a text as it comes, holds back what may go on, and `finish` gives the rest.
A text that pauses after a full stop may have ended there or not: `flush` takes it as ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ari_agent.speech.normalized import normalized
from ari_agent.speech.speakable import PAUSE, TAG_BEGIN, pause_ms, spoken

LONGEST: Final = 400
"""The most characters that one sentence may have."""

_CLAUSE: Final = 80  # characters after which a comma is enough
_FIRST_CLAUSE: Final = 20
_CLOSERS: Final = "\"'”’»)]}*_`」』）】》〉.!?…。！？"  # noqa: RUF001
_WIDE: Final = "。！？；｡．؟۔؛।॥"  # noqa: RUF001
_COMMAS: Final = ",،、，"  # noqa: RUF001
_SPACELESS: Final = _WIDE + "、，"  # noqa: RUF001  (no space follows them)
_MARK: Final = re.compile(rf"[\n.!?…:;{_WIDE}{_COMMAS}]")
_LAST_WORD: Final = re.compile(r"[\w.]*\Z")
_ENTITY: Final = re.compile(r"&#?\w{2,8};\Z")
_LONGEST_TAG: Final = 200
_WORD_END: Final = re.compile(r"\S(?=\s|\Z)")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ABBREVIATIONS: Final = _words(
    "dr mr mrs ms mx prof rev hon st sr jr vs etc approx dept est inc ltd co corp ave blvd rd apt ext tel gen sgt capt "
    "lt col jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun "
    "bzw ca ggf usw evtl hr fr str inkl zzgl mme mlle sra srta ud uds"
)
_BEFORE_A_NUMBER: Final = _words("no nr nº num fig p pp vol art ch")


@dataclass(frozen=True)
class Sentence:
    """A piece of a text. written: as it is there; start: where, in characters of the whole text.

    normalized_for: the language, BCP 47, in which numbers, times, amounts and addresses are read aloud as words
    (normalized.py); None: they are left to the voice.
    """

    written: str
    start: int
    normalized_for: str | None = None

    @property
    def end(self) -> int:
        """The place in the whole text, in characters, where the next sentence starts."""
        return self.start + len(self.written)

    @cached_property
    def text(self) -> str:
        """What is read aloud of the sentence; "" where there is nothing to say."""
        return self._spoken[0]

    @cached_property
    def pause_ms(self) -> int:
        """How many milliseconds of silence the sentence is; 0 for one that is read aloud."""
        return pause_ms(self.written)

    def written_until(self, characters: int) -> int:
        """Where in the whole text he is who has heard so many characters of `text`: at the end of a word, or at start.

        A word that was not heard to its end does not count. All of `text` heard: end.
        """
        if characters >= len(self.text):
            return self.end
        heard = [found.end() for found in _WORD_END.finditer(self.text) if found.end() <= characters]
        return self.start + self._spoken[1][heard[-1] - 1] + 1 if heard else self.start

    @cached_property
    def _spoken(self) -> tuple[str, Sequence[int]]:
        text, places = spoken(self.written)
        return normalized(text, places, self.normalized_for) if self.normalized_for else (text, places)


class Sentences:
    """Splits one text, which comes bit by bit, into sentences. normalized_for: see Sentence."""

    def __init__(self, normalized_for: str | None = None) -> None:
        self._normalized_for = normalized_for
        self._rest = ""
        self._start = 0
        self._is_first = True

    def feed(self, text: str) -> list[Sentence]:
        """Take the next bit of the text, of any length, and return the sentences that it completes."""
        self._rest += text
        return list(self._complete(ended=False))

    def flush(self) -> list[Sentence]:
        """Return what ends with a mark as sentences, because nothing has come for a while."""
        return list(self._complete(ended=True))

    def finish(self) -> list[Sentence]:
        """Return the rest of the text as sentences, because it is complete; another text may follow, from 0."""
        sentences = [*self._complete(ended=True)]
        if self._rest:
            sentences.append(Sentence(self._rest, self._start, self._normalized_for))
        self._rest, self._start, self._is_first = "", 0, True
        return sentences

    def _complete(self, *, ended: bool) -> Iterator[Sentence]:
        while size := self._next_size(ended=ended):
            sentence = Sentence(self._rest[:size], self._start, self._normalized_for)
            self._rest = self._rest[size:]
            self._start += size
            self._is_first = self._is_first and not sentence.text
            yield sentence

    def _next_size(self, *, ended: bool) -> int | None:
        """Return the length of the next sentence in characters, or None while it may go on."""
        rest = self._rest
        pause = PAUSE.search(rest, 0, LONGEST) if "<" in rest else None
        if pause and not rest[: pause.start()].strip():
            return pause.end()
        for mark in _MARK.finditer(rest, 0, pause.start() if pause else LONGEST):
            if _is_in_tag(rest, mark.start()):
                continue
            end = mark.end()
            if mark[0] != "\n":
                while end < len(rest) and rest[end] in _CLOSERS:
                    end += 1
            if end > LONGEST:
                break
            if not ended and self._depends_on_more(mark, end):
                break
            if self._ends(mark, end):
                if mark[0] != "\n" and end < min(len(rest), LONGEST) and rest[end] == " ":
                    end += 1
                if any(map(str.isalnum, Sentence(rest[:end], 0).text)):
                    return end
        if pause:
            return pause.start()
        if len(rest) <= LONGEST:
            return None
        return rest.rfind(" ", 0, LONGEST) + 1 or LONGEST

    def _depends_on_more(self, mark: re.Match[str], end: int) -> bool:
        """Whether what comes next decides if a sentence ends at this mark."""
        if mark[0] == "\n" or len(self._rest) > LONGEST:
            return False
        if mark[0] == "." and _last_word(self._rest[: mark.start()]) in _BEFORE_A_NUMBER:
            return not self._rest[end:].strip()
        return end == len(self._rest)

    def _ends(self, mark: re.Match[str], end: int) -> bool:
        """Whether a sentence ends at this mark, and the closers after it up to `end`."""
        rest, at = self._rest, mark.start()
        if mark[0] == "\n":
            return True
        if mark[0] not in _SPACELESS and end < len(rest) and not rest[end].isspace():
            return False
        if mark[0] in _COMMAS:
            return at >= (_FIRST_CLAUSE if self._is_first else _CLAUSE)
        if mark[0] in ":;":
            return at >= _FIRST_CLAUSE and not _ENTITY.search(rest, max(0, at - 10), mark.end())
        return mark[0] != "." or end > at + 1 or not _goes_on(rest[:at], rest[end:].lstrip())


def _is_in_tag(text: str, at: int) -> bool:
    """Whether this place is within markup like `<say-as format="m.d.">`, which may not be complete yet."""
    begin = text.rfind("<", max(0, at - _LONGEST_TAG), at)
    return begin >= 0 and bool(TAG_BEGIN.match(text, begin)) and text.find(">", begin, at) < 0


def _goes_on(before: str, after: str) -> bool:
    """Whether a full stop between them belongs to what stands before it."""
    last = _last_word(before)
    if last.isdigit():
        return len(last) <= 2  # of a list, or of a date
    if last in _BEFORE_A_NUMBER:
        return after[:1].isdigit()
    initials = all(len(part) == 1 and part.isalpha() for part in last.split("."))
    return last in _ABBREVIATIONS or (initials and last != "i")


def _last_word(text: str) -> str:
    """Return the last word of the text in lower case, with the full stops inside it."""
    found = _LAST_WORD.search(text)
    return found[0].lower() if found else ""
