"""The Markdown files of the project."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_NOT_OURS: Final = frozenset({"build", "dist", "node_modules"})


def _pages(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith(".") and path.name not in _NOT_OURS:
            yield from _pages(path)
        elif path.suffix == ".md":
            yield path


PAGES: Final = sorted(_pages(ROOT))


def name(path: Path) -> str:
    """As it is told in a test's id: docs/agents.md."""
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The text without blocks and spans of code, in which a link is none."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]+`", "", text)


def links(path: Path) -> list[str]:
    """The targets of all links and pictures."""
    return re.findall(r"\]\(<?([^)\s>]+)>?\)", prose(path))


def anchors(path: Path) -> set[str]:
    """What GitHub calls the headings: lower case, hyphens for spaces, no punctuation, a number for a second one."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#{1,6} +(.+?)\s*#*$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found
