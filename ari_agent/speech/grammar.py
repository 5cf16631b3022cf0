"""A grammar of what callers may say: JSGF, or a list of phrases, and the pronunciations that its words need. Pure.

JSGF is the Java Speech Grammar Format (W3C note of 2000-06-05), as pocketsphinx reads it; `import` is not served. A
file that does not begin with `#JSGF` is a list: one phrase on a line, `#` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ari_agent.errors import SpeechUnavailable

MAX_PHRASES: Final = 2000

_COMMENTS: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_HEADER: Final = re.compile(r"\s*#JSGF[^;]*;")
_NAME: Final = re.compile(r"\bgrammar\s+[\w.$-]+\s*;")
_PUBLIC_RULE: Final = re.compile(r"\bpublic\s*<[^<>\s]+>\s*=")
_REFERENCE: Final = re.compile(r"<([^<>]*)>")
_DEFINITION: Final = re.compile(r"<([^<>]*)>\s*=")
_RULE_NAME: Final = re.compile(r"(?:\bpublic\s*)?<[^<>]*>")
_TAG: Final = re.compile(r"\{(?:\\.|[^}\\])*\}")
_WEIGHT: Final = re.compile(r"/[\d.eE+-]+/")
_SYNTAX: Final = re.compile(r'[=;|*+()\[\]"]')
_PHRASE: Final = re.compile(r"[^\W_]+(?:['.\-][^\W_]+)*'?(?: [^\W_]+(?:['.\-][^\W_]+)*'?)*")


@dataclass(frozen=True, slots=True)
class Grammar:
    """jsgf: for the decoder, all in lower case but the names of rules; words: every word in it."""

    jsgf: str
    words: frozenset[str]


def parse_grammar(text: str) -> Grammar:
    """A grammar from the text of a file.

    Raises:
        SpeechUnavailable: it is none; the message says which line or what is missing.
    """
    text = text.removeprefix("\ufeff")
    return _of_jsgf(text) if text.lstrip().startswith("#JSGF") else _of_phrases(text)


def _of_jsgf(text: str) -> Grammar:
    plain = _COMMENTS.sub(" ", text)
    if not (header := _HEADER.match(plain)):
        raise SpeechUnavailable("the grammar's first line lacks its semicolon: #JSGF V1.0;")
    if re.search(r"\bimport\s*<", plain):
        raise SpeechUnavailable("the grammar imports another one: write the rules that it needs into the one file")
    if not _NAME.search(plain):
        raise SpeechUnavailable("the grammar has no name: its second line is `grammar anything;`")
    if not _PUBLIC_RULE.search(plain):
        raise SpeechUnavailable("the grammar has no public rule: one like `public <request> = yes | no;`")
    body = _NAME.sub(" ", _TAG.sub(" ", plain[header.end() :]), count=1)
    body = re.sub(r"<[^<>]*>|[^<>]+", lambda part: part[0] if part[0][0] == "<" else part[0].lower(), body)
    defined = {each[1] for each in _DEFINITION.finditer(body)} | {"NULL", "VOID"}
    if unknown := sorted({each[1] for each in _REFERENCE.finditer(body)} - defined):
        raise SpeechUnavailable(f"the grammar has no rule <{unknown[0][:50]}>, which another one uses")
    words = _SYNTAX.sub(" ", _WEIGHT.sub(" ", _RULE_NAME.sub(" ", body))).split()
    if not words:
        raise SpeechUnavailable("the grammar has rules without a word")
    return Grammar(f"#JSGF V1.0;\ngrammar callers;\n{body}", frozenset(words))


def _of_phrases(text: str) -> Grammar:
    phrases = dict.fromkeys(_phrases(text))
    if not phrases:
        raise SpeechUnavailable(
            "the list of phrases is empty: one phrase on a line, or JSGF that begins with `#JSGF V1.0;`"
        )
    if len(phrases) > MAX_PHRASES:
        raise SpeechUnavailable(f"the list has {len(phrases)} phrases; {MAX_PHRASES} are the most")
    jsgf = f"#JSGF V1.0;\ngrammar callers;\npublic <phrase> = {' | '.join(phrases)};\n"
    return Grammar(jsgf, frozenset(word for phrase in phrases for word in phrase.split()))


def _phrases(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        phrase = " ".join(line.partition("#")[0].lower().split())
        if not phrase:
            continue
        if not _PHRASE.fullmatch(phrase):
            raise SpeechUnavailable(f"line {number} of the list of phrases is no phrase: words and spaces only")
        yield phrase


@dataclass(frozen=True, slots=True)
class Pronunciations:
    """The dictionary's lines for a grammar's words, and how many phones the longest way to say each word has."""

    lines: tuple[str, ...]
    phones: Mapping[str, int]


def pronunciations(words: frozenset[str], dictionary: Iterable[str]) -> Pronunciations:
    """What a dictionary in CMU's form (`word PH ON ES`, variants as `word(2)`) has of the words.

    A small dictionary makes a decoder in 9 ms and 6 MB instead of 90 ms and 29 MB.

    Raises:
        SpeechUnavailable: words are missing; the message names them.
    """
    lines: list[str] = []
    phones: dict[str, int] = {}
    for line in dictionary:
        entry, _, said = line.partition(" ")
        word = entry.partition("(")[0]
        if word in words:
            lines.append(line.rstrip())
            phones[word] = max(phones.get(word, 0), len(said.split()))
    if missing := sorted(words - phones.keys()):
        shown = ", ".join(missing[:20]) + (", ..." if len(missing) > 20 else "")
        raise SpeechUnavailable(
            f"the grammar has words that the dictionary of US English lacks: {shown}; spell them as they are spoken"
        )
    return Pronunciations(tuple(lines), phones)
