"""E-mail addresses, as written and as spoken: "bob at example dot com", "j o dash smith at g mail dot com". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ari_agent.pii.spoken_digits import ReadText

_WRITTEN: Final = re.compile(
    r"(?<![\w.+%-])(?:[\w.+%-]|(?<=\w)'(?=\w)){1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?!\w)"
)
_TOKEN: Final = re.compile(r"[^\W_]+|\n|[^\s]")
_AT: Final = frozenset({"@", "at", "arroba", "klammeraffe"})
_DOT: Final = frozenset({".", "dot", "punkt", "punto"})
_HYPHENS: Final = frozenset({"-", "dash", "hyphen", "minus", "bindestrich", "guion"})
_JOINS: Final = frozenset({*_DOT, *_HYPHENS, "_", "+", "underscore", "plus", "unterstrich"})
_TOP_LEVEL: Final = re.compile(r"[^\W\d_]{2,24}")
_NO_MAILBOX: Final = frozenset(
    [
        "a",
        "about",
        "am",
        "and",
        "are",
        "available",
        "be",
        "found",
        "go",
        "her",
        "him",
        "i",
        "is",
        "it",
        "live",
        "look",
        "me",
        "on",
        "online",
        "or",
        "page",
        "see",
        "shop",
        "site",
        "start",
        "that",
        "the",
        "them",
        "there",
        "they",
        "this",
        "us",
        "visit",
        "was",
        "we",
        "were",
        "you",
    ]
)
"""Words before "at example dot com" that say where a web page is."""
_MAX_TOKENS: Final = 24
"""As far a spoken address is followed from its "at", to each side."""


def find_emails(read: ReadText) -> Iterator[tuple[int, int]]:
    """Yield where in a text e-mail addresses are, as first character and the one behind the last.

    Of the spoken words before an "at", the last one is taken for part of the address, and others if they are joined to
    it ("dot", "underscore") or spelt letter by letter.
    """
    yield from (found.span() for found in _WRITTEN.finditer(read.text))
    lower = read.text.casefold()
    if not any(at in lower for at in _AT):
        return
    tokens = list(_TOKEN.finditer(read.text))
    words = [_word(token, read.text) for token in tokens]
    for place, word in enumerate(words):
        if word in _AT:
            first, last = _mailbox(words, place), _domain(words, place)
            if first is not None and last is not None:
                yield tokens[first].start(), tokens[last].end()


def _word(token: re.Match[str], text: str) -> str:
    """The token in lower case; a full stop before a space is the end of a sentence and no dot of an address."""
    word = token.group().casefold()
    return "\n" if word == "." and not text[token.end() : token.end() + 1].strip() else word


def _mailbox(words: Sequence[str], at: int) -> int | None:
    """The first token of what stands before the "at"; None where that is no mailbox."""
    first = at - 1
    if first < 0 or not _is_part(words[first]) or words[first] in _NO_MAILBOX:
        return None
    while first > max(0, at - _MAX_TOKENS):
        before = words[first - 1]
        if before in _JOINS and first > 1 and _is_part(words[first - 2]):
            first -= 2
        elif _is_part(before) and before not in _NO_MAILBOX and _is_spelt(words[first]):
            first -= 1
            if not _is_spelt(before):
                break
        else:
            break
    return first


def _is_part(word: str) -> bool:
    return word.isalnum() and word not in _AT and word not in _JOINS


def _is_spelt(word: str) -> bool:
    return len(word) == 1 or word.isdecimal()


def _domain(words: Sequence[str], at: int) -> int | None:
    """The last token of the domain behind the "at"; None where there is none, as in "at noon"."""
    last = None
    here = _behind_label(words, at + 2 if words[at + 1 : at + 2] == ["sign"] else at + 1)
    while here is not None and here < min(len(words), at + _MAX_TOKENS) and words[here] in _DOT:
        end = _behind_label(words, here + 1)
        if end is not None and _TOP_LEVEL.fullmatch("".join(words[here + 1 : end])):
            last = end - 1
        here = end
    return last


def _behind_label(words: Sequence[str], here: int) -> int | None:
    """The token behind one label of a domain, "example", "my dash shop" or "g mail"; None where none begins here."""
    if here >= len(words) or not _is_part(words[here]):
        return None
    end = here + 1
    while end < min(len(words), here + _MAX_TOKENS):
        if words[end] in _HYPHENS and end + 1 < len(words) and _is_part(words[end + 1]):
            end += 2
        elif len(words[end - 1]) == 1 and _is_part(words[end]):
            end += 1
        else:
            break
    return end
