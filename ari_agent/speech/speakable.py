"""What of an agent's text is read aloud: without the markup and the emoji that models of language like to write. Pure.

    "## **Hours** 🎉"           Hours
    "see [our page](https://x)" see our page
    "- first\\n- second"         first second
    "2 * 3 is 6, a_b stays"     2 * 3 is 6, a_b stays

Characters are only left out, never changed: so each that is spoken has its place in what the agent wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_EMOJI: Final = r"\u203c\u2049\u2122\u2139\u231a-\u23ff\u25aa-\u25fe\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001fbff"
_JOINED: Final = r"\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"

_LEFT_OUT: Final[Sequence[re.Pattern[str]]] = (
    re.compile(rf"[{_EMOJI}][{_EMOJI}{_JOINED}]*|[\ufe0e\ufe0f\u20e3]"),  # U+200D alone joins letters of many scripts
    re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE),  # a fence, with its language
    re.compile(r"^[ \t]*(?:(?:[-*_][ \t]*){3,}|={3,})$", re.MULTILINE),  # a rule, or an underlined heading
    re.compile(r"^[ \t]*(?:#{1,6}|>+|[-*+])[ \t]+", re.MULTILINE),  # headings, quotations, lists
    re.compile(r"(?:(?<=[\s\w.!?])|^)[ \t]*#+[ \t]*$", re.MULTILINE),  # the end of a heading
    re.compile(r"!?\[(?=[^\]\n]*\]\()|(?<=\S)\]\([^()\s]*\)"),  # [text](address): the text
    re.compile(r"\*{2,}|__+|~~|`+"),  # bold, struck out, code
    re.compile(r"(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])"),  # emphasis; not a product
    re.compile(r"(?<![\w_])_(?=\S)|(?<=[^\s_])_(?![\w_])"),  # emphasis; not a name_with_parts
    re.compile(r"^\s+|\s+$|\s+(?=\s)"),
)


def spoken_characters(written: str) -> list[int]:
    """The indices of those characters that are read aloud, in order."""
    places = list(range(len(written)))
    text = written
    for pattern in _LEFT_OUT:
        out = [range(*found.span()) for found in pattern.finditer(text)]
        if not out:
            continue
        left_out = {index for indices in out for index in indices}
        places = [place for index, place in enumerate(places) if index not in left_out]
        text = "".join(written[place] for place in places)
    return places


def speakable(written: str) -> str:
    """The text as it is read aloud; "" where there is nothing to say."""
    return "".join(written[place] for place in spoken_characters(written))
