"""The sounds of English: CMU's alphabet and the International Phonetic Alphabet, made into CMU's symbols. Pure.

    cmu "T AH0 M EY1 T OW2"   T AH0 M EY1 T OW2
    ipa "t\u0259\u02c8me\u026ato\u028a"            T AH0 M EY1 T OW0

Source: the CMU Pronouncing Dictionary, cmudict.phones and cmudict.symbols (0.7b); the Handbook of the International
Phonetic Association (1999) for English. What is no sound of English is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ari_agent.speech.pronunciation import PhonemeRefused, Pronunciation

VOWELS: Final = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
CONSONANTS: Final = frozenset(
    [
        "B",
        "CH",
        "D",
        "DH",
        "F",
        "G",
        "HH",
        "JH",
        "K",
        "L",
        "M",
        "N",
        "NG",
        "P",
        "R",
        "S",
        "SH",
        "T",
        "TH",
        "V",
        "W",
        "Y",
        "Z",
        "ZH",
    ]
)

_IPA: Final[Mapping[str, str]] = {
    "i": "IY",
    "ɪ": "IH",  # noqa: RUF001
    "ɨ": "IH",
    "e": "EH",
    "ɛ": "EH",
    "eɪ": "EY",  # noqa: RUF001
    "æ": "AE",
    "a": "AA",
    "ɑ": "AA",  # noqa: RUF001
    "ɒ": "AA",
    "ɔ": "AO",
    "o": "OW",
    "oʊ": "OW",
    "əʊ": "OW",
    "ʊ": "UH",
    "u": "UW",
    "ʉ": "UW",
    "ʌ": "AH",
    "ɐ": "AH",
    "ə": "AH",
    "ɚ": "ER",
    "ər": "ER",
    "əɹ": "ER",
    "ɜ": "ER",
    "ɜr": "ER",
    "ɜɹ": "ER",
    "ɜːr": "ER",  # noqa: RUF001
    "ɜːɹ": "ER",
    "ɝ": "ER",
    "aɪ": "AY",  # noqa: RUF001
    "aʊ": "AW",
    "ɔɪ": "OY",
    "b": "B",
    "tʃ": "CH",
    "t͡ʃ": "CH",
    "ʧ": "CH",
    "d": "D",
    "ɾ": "D",
    "ð": "DH",
    "f": "F",
    "g": "G",
    "ɡ": "G",  # noqa: RUF001
    "h": "HH",
    "dʒ": "JH",
    "d͡ʒ": "JH",
    "ʤ": "JH",
    "k": "K",
    "x": "K",
    "l": "L",
    "ɫ": "L",
    "m": "M",
    "n": "N",
    "ŋ": "NG",
    "p": "P",
    "r": "R",
    "ɹ": "R",
    "s": "S",
    "ʃ": "SH",
    "t": "T",
    "θ": "TH",
    "v": "V",
    "w": "W",
    "ʍ": "W",
    "j": "Y",
    "z": "Z",
    "ʒ": "ZH",
}
_STRESS: Final[Mapping[str, str]] = {"\u02c8": "1", "'": "1", "\u02cc": "2"}
_SILENT: Final = re.compile(r"[ːˑ.‿/\[\]\s\u0329\u0361ʰ\u032f\u02de]")
_NEXT: Final = re.compile("|".join(re.escape(sound) for sound in sorted(_IPA, key=len, reverse=True)))
_SYMBOL: Final = re.compile(r"([A-Z]{1,2})([0-2]?)")


def cmu_symbols(pronunciation: Pronunciation) -> Sequence[str]:
    """Return a pronunciation in CMU's symbols, each vowel with its stress: 0 none, 1 the first, 2 the second.

    Raises:
        PhonemeRefused: the alphabet is another one, or something in it is no sound of English.
    """
    if pronunciation.alphabet == "cmu":
        symbols = _of_cmu(pronunciation)
    elif pronunciation.alphabet == "ipa":
        symbols = _of_ipa(pronunciation)
    else:
        raise PhonemeRefused(
            f"the pronunciation of {pronunciation.word!r} is in {pronunciation.alphabet}; here it must be in ipa or cmu"
        )
    if not symbols:
        raise PhonemeRefused(f"the pronunciation of {pronunciation.word!r} is empty")
    return symbols


def _of_cmu(pronunciation: Pronunciation) -> Sequence[str]:
    symbols: list[str] = []
    for given in pronunciation.phoneme.upper().split():
        found = _SYMBOL.fullmatch(given)
        if found is None or (found[1] not in VOWELS and (found[1] not in CONSONANTS or found[2])):
            raise PhonemeRefused(
                f"the pronunciation of {pronunciation.word!r}: {given!r} is no symbol of CMU's dictionary, whose are "
                "such as AE1 and TH"
            )
        symbols.append(found[1] + (found[2] or "0") if found[1] in VOWELS else found[1])
    return symbols


def _of_ipa(pronunciation: Pronunciation) -> Sequence[str]:
    symbols, stress, at, text = list[str](), "0", 0, pronunciation.phoneme
    while at < len(text):
        if text[at] in _STRESS:
            stress, at = _STRESS[text[at]], at + 1
        elif found := _NEXT.match(text, at):
            symbol = _IPA[found[0]]
            is_vowel = symbol in VOWELS
            symbols.append(symbol + stress if is_vowel else symbol)
            stress, at = "0" if is_vowel else stress, found.end()
        elif _SILENT.match(text, at):
            at += 1
        else:
            raise PhonemeRefused(
                f"the pronunciation of {pronunciation.word!r}: {text[at]!r} is no sound of English in IPA"
            )
    return symbols
