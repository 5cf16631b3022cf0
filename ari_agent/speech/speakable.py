"""What of an agent's text is read aloud: without the markup and the emoji that models of language like to write. Pure.

    "## **Hours** 🎉"           Hours
    "see [our page](https://x)" see our page
    "- first\\n- second"         first second
    "2 * 3 is 6, a_b stays"     2 * 3 is 6, a_b stays
    "<b>fish</b> &amp; chips"   fish & chips
    "at noon - or later"        at noon, or later
    `<break time="1s"/>`        nothing: a pause of a second (SSML 1.1, section 3.2.3)

Each character that is spoken has its place in what the agent wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import unescape
from typing import Final, TypeAlias

_EMOJI: Final = r"\u203c\u2049\u2122\u2139\u231a-\u23ff\u25aa-\u25fe\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001fbff"
_JOINED: Final = r"\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"

_ATTRIBUTE: Final = r"""\s+[\w:.-]+(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s<>"'=]+))?"""
_TAG_NAME: Final = r"[A-Za-z][\w:.-]{0,30}"

PAUSE: Final = re.compile(rf"<break\b((?:{_ATTRIBUTE})*)\s*/?>(?:</break\s*>)?", re.IGNORECASE)
"""A pause that the agent writes as SSML's break."""
TAG_BEGIN: Final = re.compile(r"<(?:/?[A-Za-z]|!--)")
"""What is markup from here on, up to the next `>`."""
LONGEST_PAUSE_MS: Final = 10_000
_TIME: Final = re.compile(r"""\btime\s*=\s*["']?\+?(\d{1,5}(?:\.\d{0,3})?|\.\d{1,3})\s*(m?)s""", re.IGNORECASE)
_STRENGTH: Final = re.compile(r"""\bstrength\s*=\s*["']?([a-z-]+)""", re.IGNORECASE)
_STRENGTHS_MS: Final = {"none": 0, "x-weak": 100, "weak": 250, "medium": 500, "strong": 750, "x-strong": 1000}

Found: TypeAlias = re.Match[str]
Replacement: TypeAlias = str | Callable[[Found], str]


def _decoded(entity: Found) -> str:
    return unescape(entity[0]).replace("\xa0", " ")


def _comma(dash: Found) -> str:
    return ", " if dash.string[dash.start() - 1].isalnum() else " "


_REPLACED: Final[Sequence[tuple[re.Pattern[str], Replacement]]] = (
    (
        re.compile(r"&(?:[A-Za-z]{2,8}|#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,6});"),
        _decoded,
    ),
    (re.compile(r"</?(?:br|p|div|li|ul|ol|h[1-6]|tr|td|s|sentence|paragraph)\s*/?>", re.IGNORECASE), " "),
    (re.compile(rf"<!--[^<>]*-->|</?{_TAG_NAME}(?:{_ATTRIBUTE})*\s*/?>"), ""),
    # U+200D alone joins letters of many scripts
    (re.compile(rf"[{_EMOJI}][{_EMOJI}{_JOINED}]*|[\ufe0e\ufe0f\u20e3]"), ""),
    (re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE), ""),  # a fence, with its language
    (re.compile(r"^[ \t]*(?:(?:[-*_][ \t]*){3,}|={3,})$", re.MULTILINE), ""),  # a rule, or an underlined heading
    (re.compile(r"^[ \t]*(?:#{1,6}|>+|[-*+])[ \t]+", re.MULTILINE), ""),  # headings, quotations, lists
    (re.compile(r"(?:(?<=[\s\w.!?])|^)[ \t]*#+[ \t]*$", re.MULTILINE), ""),  # the end of a heading
    (re.compile(r"!?\[(?=[^\]\n]*\]\()|(?<=\S)\]\([^()\s]*\)"), ""),  # [text](address): the text
    (re.compile(r"\*{2,}|__+|~~|`+"), ""),  # bold, struck out, code
    (re.compile(r"(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])"), ""),  # emphasis; not a product
    (re.compile(r"(?<![\w_])_(?=\S)|(?<=[^\s_])_(?![\w_])"), ""),  # emphasis; not a name_with_parts
    (re.compile(r"(?<=\S)[ \t]+(?:[-–—]+[ \t]+)+(?=\S)"), _comma),  # noqa: RUF001  (a pause)
    (re.compile(r"[ \t]+[-–—]+\s*$"), ""),  # noqa: RUF001
    (re.compile(r"^\s+|\s+$|\s+(?=\s)"), ""),
)


def spoken(written: str) -> tuple[str, Sequence[int]]:
    """Return the text as it is read aloud, and for each of its characters the index of the one that it stands for."""
    text: str = written
    places: Sequence[int] = range(len(written))
    for pattern, replacement in _REPLACED:
        if pattern.search(text):
            text, places = replaced(pattern, replacement, text, places)
    return text, places


def replaced(
    pattern: re.Pattern[str], replacement: Replacement, text: str, places: Sequence[int]
) -> tuple[str, Sequence[int]]:
    """Return the text with what the pattern finds replaced, and the place of each of its characters.

    Of several words in place of one, the last alone has the place of what it replaces: who has heard the others has
    heard nothing of it, and they have the place of what stands before it, or -1.
    """
    new_text, new_places, at = "", list[int](), 0
    for found in pattern.finditer(text):
        new = replacement if isinstance(replacement, str) else replacement(found)
        if new == found[0]:
            continue
        new_text += text[at : found.start()]
        new_places += places[at : found.start()]
        last_word = new.rstrip().rfind(" ") + 1
        if last_word:
            heard = len(new_text.rstrip())
            before = new_places[heard - 1] if heard else -1
            new_places[heard:] = [before] * (len(new_text) - heard + last_word)
        new_text += new
        new_places += [places[found.end() - 1]] * (len(new) - last_word)
        at = found.end()
    return new_text + text[at:], [*new_places, *places[at:]]


def speakable(written: str) -> str:
    """Return the text as it is read aloud; "" where there is nothing to say."""
    return spoken(written)[0]


def pause_ms(written: str) -> int:
    """Return how many milliseconds of silence the agent writes with this; 0 for anything but a break."""
    found = PAUSE.fullmatch(written.strip())
    if found is None:
        return 0
    time, strength = _TIME.search(found[1]), _STRENGTH.search(found[1])
    if time:
        return min(LONGEST_PAUSE_MS, round(float(time[1]) * (1 if time[2] else 1000)))
    return _STRENGTHS_MS.get(strength[1].lower() if strength else "medium", _STRENGTHS_MS["medium"])
