"""Completes the file of a public log, in the spool's thread: after a crash, and where its content was withdrawn."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

FILE_NAME: Final = "public.log.jsonl"
CRASHED: Final = "the controller ended without an end of this call"

_WITHDRAWN: Final = b'"event":"content_withdrawn"'


def complete_log(path: Path) -> Iterable[str]:
    """Complete a log that will grow no more; returns the names of further files, of which there are none.

    A log without its last line is one of a controller that was killed: it gets that line. Where the call was told
    not to keep what was said, the content of all its lines is taken out.
    """
    lines = _whole_lines(path)
    last = _read(lines[-1]) if lines else {}
    additions = [] if last.get("event") == "log_ended" else [_crash_line(last, len(lines))]
    if any(_WITHDRAWN in line and _read(line).get("event") == "content_withdrawn" for line in lines):
        _replace(path, [*map(_without_content, lines), *additions])
    elif additions:
        with path.open("r+b") as file:
            file.truncate(sum(map(len, lines)))
            file.seek(0, os.SEEK_END)
            file.writelines(additions)
    return ()


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines of the file; one that a crash has cut off is none."""
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def _crash_line(last: dict[str, Any], lines: int) -> bytes:
    return _encoded({"ms": last.get("ms", 0), "event": "log_ended", "lines": lines, "why": CRASHED})


def _without_content(line: bytes) -> bytes:
    read = _read(line)
    if "content" in read:
        content = read.pop("content")
        read["content_bytes"] = len(_encoded(content)) - 1
    return _encoded(read)


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    """Write the file anew, whole or not at all."""
    part = path.with_name(f".{path.name}.part")  # no name of an artefact, so nobody finds it
    part.write_bytes(b"".join(lines))
    part.replace(path)


def _read(line: bytes) -> dict[str, Any]:
    try:
        read = json.loads(line)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
