"""CONTRIBUTING.md against the tree: its map has every folder, and every folder and file that it names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TEXT: Final = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| `([^`]+)/` \| (.+) \|$", TEXT, re.MULTILINE)
NOT_OURS: Final = (
    ".*",
    *re.findall(r"^/?([^/\n]+)/$", (ROOT / ".gitignore").read_text(encoding="utf-8"), re.MULTILINE),
)
"""Hidden folders, and what git ignores."""


def _folders(parent: Path) -> Iterator[Path]:
    """The folders in one that hold files."""
    for path in sorted(parent.iterdir()):
        if not path.is_dir() or any(fnmatch(path.name, pattern) for pattern in NOT_OURS):
            continue
        if any(file.is_file() and "__pycache__" not in file.parts for file in path.rglob("*")):
            yield path


def _below(parent: Path) -> Iterator[Path]:
    for path in _folders(parent):
        yield path
        yield from _below(path)


def test_the_map_is_the_tree() -> None:
    top = set(_folders(ROOT))
    package = set(_below(ROOT / "ari_agent"))
    mirrored = {path.name for path in top | package if path.parent in (ROOT, ROOT / "ari_agent")}
    tests = {path for path in _folders(ROOT / "tests") if path.name not in mirrored}
    assert {row for row, _ in ROWS} == {str(path.relative_to(ROOT)) for path in top | package | tests}


def test_each_folder_has_one_line() -> None:
    assert len(ROWS) == len({row for row, _ in ROWS})
    assert all(len(what) > len("the ") for _, what in ROWS)


def test_the_files_that_it_names_are_there() -> None:
    named = set(re.findall(r"`([a-z_/]+/[a-z_0-9]+\.py)`", TEXT))
    assert len(named) > 20
    missing = {name for name in named if not ((ROOT / "ari_agent" / name).exists() or (ROOT / name).exists())}
    assert not missing
