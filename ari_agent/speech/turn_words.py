"""What a caller's words say about whose turn it is: done, hanging in the air, a nod, a halt. Pure.

Punctuation tells it in every language whose sentences end with `.?!` or the like, and nods are known in all that an
agent may have (nods.py). The other word lists are for English, German, Spanish and French.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Final

from ari_agent.speech.nods import EVERYWHERE, NODS

_ENDS: Final = ".?!。？！｡．؟۔।॥…"  # noqa: RUF001
_HANGS: Final = (",", "،", "、", "，", "-", "–", "—", "...", "…", ":", ";")  # noqa: RUF001
_QUOTES: Final = "\"'”’»)]} "  # noqa: RUF001
# Vowel signs and other marks belong to the letters before them, which `\w` does not know.
_MARKS: Final = (
    r"\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\u0b82"
    r"\u0bbe-\u0bcd\u0c81-\u0c83\u0cbc-\u0ccd\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200c\u200d"
)
_WORD: Final = re.compile(rf"\w[\w{_MARKS}]*(?:['’]\w[\w{_MARKS}]*)*")  # noqa: RUF001
_SPACELESS: Final = "\u0e00"  # from Thai on; what follows are the scripts of Asia
_STRETCHED: Final = re.compile(r"(.)\1{2,}")
_DICTATED_WORDS: Final = 3  # so many numbers in a row are a telephone number or the like, and more may come


class Completeness(Enum):
    """How complete a transcript looks: whether its speaker seems to be done."""

    COMPLETE = "complete"
    UNKNOWN = "unknown"
    HANGING = "hanging"


@dataclass(frozen=True, slots=True)
class TurnWords:
    """The words and phrases of one language that turn-taking looks for, in lower case and with single spaces.

    back_channel: say "I listen", not "I want to speak". stop: ask the agent to be silent. hanging: end no sentence
    where no full stop follows. unfinished, fillers: end none even where the recognizer puts a full stop after them, as
    many do after every pause. answers: are complete without punctuation. numbers: the names of digits.
    """

    back_channel: frozenset[str] = frozenset()
    stop: frozenset[str] = frozenset()
    hanging: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()
    fillers: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()

    def completeness(self, text: str) -> Completeness:
        """Tell how complete a transcript looks; one without a word is COMPLETE: nothing more is awaited."""
        words = words_of(text)
        if not words:
            return Completeness.COMPLETE
        bare = text.rstrip(_QUOTES)
        is_answer = " ".join(words) in self.answers
        if words[-1] in self.fillers or bare.endswith(_HANGS):
            return Completeness.UNKNOWN if is_answer else Completeness.HANGING
        if bare[-1:] in _ENDS:
            is_open = bare[-1] == "." and (_ends_with(words, self.unfinished) or self._spells_numbers(words))
            return Completeness.HANGING if is_open else Completeness.COMPLETE
        if is_answer:
            return Completeness.COMPLETE
        if words[-1] in self.hanging or _ends_with(words, self.unfinished) or self._is_dictated(words):
            return Completeness.HANGING
        return Completeness.UNKNOWN

    def own_words(self, text: str) -> int:
        """Return how many words of the text belong to no backchannel like "uh huh"; "mmmh" is a stretched "mmh"."""
        words = [_STRETCHED.sub(r"\1\1", word) for word in words_of(text)]
        return sum(1 for word in _without(words, self.back_channel) if not self._is_joined_nods(word))

    def is_stop(self, text: str) -> bool:
        """Return whether the text contains a word or phrase that asks the agent to be silent."""
        words = words_of(text)
        return len(_without(words, self.stop)) < len(words)

    def _is_joined_nods(self, word: str) -> bool:
        """Whether a word of a script that may have no spaces consists of nods alone."""
        rests = {word} if word >= _SPACELESS else set()
        while rests and "" not in rests:
            rests = {rest.removeprefix(nod) for rest in rests for nod in self.back_channel if rest.startswith(nod)}
        return bool(rests)

    def _is_dictated(self, words: Sequence[str]) -> bool:
        if words[-1].isdigit() and len(words[-1]) >= _DICTATED_WORDS:
            return True
        return self._spells_numbers(words)

    def _spells_numbers(self, words: Sequence[str]) -> bool:
        last = words[-_DICTATED_WORDS:]
        return len(last) == _DICTATED_WORDS and all(word.isdigit() or word in self.numbers for word in last)


def words_of(text: str) -> list[str]:
    """Return the words of the text in lower case, without punctuation; what a hyphen joins is two words."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]  # noqa: RUF001


def rest_after(words: Sequence[str], text: str) -> str:
    """Return the text without these words if it begins with them, and all of it otherwise."""
    if not words or words_of(text)[: len(words)] != list(words):
        return text
    found = next(islice(_WORD.finditer(text), len(words), None), None)
    return text[found.start() :] if found else ""


def turn_words(language: str) -> TurnWords:
    """Return the words of a language. language: BCP 47 (`en-US`), of which the first part counts.

    `multi` has the nods of all languages, an unknown one those that are the same everywhere.
    """
    return _WORDS.get(re.split("[-_]", language.lower())[0], _OTHER)


def _without(words: Sequence[str], phrases: frozenset[str]) -> list[str]:
    """The words that belong to none of the phrases, each of up to three words; the longest counts."""
    left: list[str] = []
    at = 0
    while at < len(words):
        size = next((size for size in (3, 2, 1) if " ".join(words[at : at + size]) in phrases), 0)
        if not size:
            left.append(words[at])
        at += size or 1
    return left


def _ends_with(words: Sequence[str], phrases: frozenset[str]) -> bool:
    """Whether the last words are one of the phrases, each of up to three words."""
    return any(" ".join(words[-size:]) in phrases for size in (1, 2, 3))


def _phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in text.split(","))


def _single(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _nods(*languages: str) -> frozenset[str]:
    return frozenset().union(*(_phrases(phrases) for phrases in (EVERYWHERE, *map(NODS.__getitem__, languages))))


def _language(
    code: str, *, stop: str, hanging: str, unfinished: str, fillers: str, answers: str, numbers: str
) -> TurnWords:
    return TurnWords(
        back_channel=_nods(code) | _single(fillers),
        stop=_phrases(stop),
        hanging=_single(hanging),
        unfinished=_phrases(unfinished),
        fillers=_single(fillers),
        answers=_phrases(answers),
        numbers=_single(numbers),
    )


_OTHER: Final = TurnWords(back_channel=_nods())
_WORDS: Final[Mapping[str, TurnWords]] = {
    **{code: TurnWords(back_channel=_nods(code)) for code in NODS},
    "multi": TurnWords(back_channel=_nods(*NODS) - {"no"}),  # a nod in Polish alone
    "en": _language(
        "en",
        stop="stop, wait, hold on, hang on, no, one moment, just a moment, one second, excuse me, shut up, "
        "be quiet, actually",
        hanging="and or but because so if the a an to of with for from at in on by my your his her our their is are "
        "was were am be that which who when where like i i'm i'd i'll we you it's about than then",
        unfinished="and, or, but, because, if, the, a, an, of, to, my, your, our, their, i, i'm, i'd, i'll, i've, "
        "than, name is, number is, address is, email is, code is, problem is",
        fillers="uh um er erm uhm",
        answers="yes, no, yeah, yep, nope, yes please, no thanks, no thank you, thank you, thanks, ok, okay, sure, "
        "correct, that's right, hello, hi, bye, goodbye, stop, repeat that",
        numbers="zero oh one two three four five six seven eight nine double",
    ),
    "de": _language(
        "de",
        stop="stopp, stop, halt, warte, warten sie, moment, einen moment, nein, entschuldigung, augenblick",
        hanging="und oder aber weil wenn dass der die das ein eine einen einem zu von mit für aus bei im in am an auf "
        "mein meine ist sind "
        "war ich wir",
        unfinished="und, oder, aber, weil, wenn, dass, ein, eine, einen, einem, mein, meine, meinen, zum, zur, vom, "
        "ich möchte, ich hätte gern, name ist, nummer ist, adresse ist",
        fillers="äh ähm öh öhm",
        answers="ja, nein, ja bitte, nein danke, danke, genau, ok, okay, richtig, hallo, tschüss, auf wiederhören",
        numbers="null eins zwei zwo drei vier fünf sechs sieben acht neun",
    ),
    "es": _language(
        "es",
        stop="para, pare, espera, espere, no, un momento, un segundo, perdón, disculpe, alto",
        hanging="y o pero porque que si el la los las un una a de con para por en mi su es son era yo como del al",
        unfinished="y, o, pero, porque, el, los, las, de, del, al, mi, quiero, quisiera, me llamo, nombre es, "
        "número es, dirección es",
        fillers="eh em este",
        answers="sí, si, no, sí por favor, no gracias, gracias, vale, claro, correcto, hola, adiós",
        numbers="cero uno dos tres cuatro cinco seis siete ocho nueve",
    ),
    "fr": _language(
        "fr",
        stop="stop, attendez, attends, non, arrêtez, arrête, un moment, un instant, une seconde, pardon, excusez moi",
        hanging="et ou mais parce que si le la les un une à de avec pour par en dans mon ma mes est sont je des du "
        "au qui",
        unfinished="et, ou, mais, parce que, les, un, une, de, des, du, au, mon, ma, mes, je voudrais, je m'appelle, "
        "nom est, numéro est, adresse est",
        fillers="euh heu ben",
        answers="oui, non, oui merci, non merci, merci, d'accord, ok, bonjour, au revoir",
        numbers="zéro un deux trois quatre cinq six sept huit neuf",
    ),
}
