"""The file of a public log when it is complete: also after a crash, and when its content was withdrawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ari_agent.calls.public_log.log_file import CRASHED, FILE_NAME, complete_log

TALKING = b'{"ms":5,"event":"state","state":"talking"}\n'
KEY = b'{"ms":7,"event":"key","content":"5"}\n'
WITHDRAWN = b'{"ms":8,"event":"content_withdrawn"}\n'
FORGED = b'{"ms":8,"event":"agent_message","content":{"event":"content_withdrawn"}}\n'
ENDED = b'{"ms":9,"event":"log_ended","lines":2}\n'


def completed(folder: Path, octets: bytes) -> bytes:
    path = folder / FILE_NAME
    path.write_bytes(octets)
    assert complete_log(path) == ()
    assert list(folder.iterdir()) == [path]
    return path.read_bytes()


def lines(octets: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in octets.splitlines()]


@pytest.mark.parametrize("octets", [TALKING + KEY + ENDED, FORGED + ENDED])
def test_a_log_that_has_ended_stays_as_it_is(tmp_path: Path, octets: bytes) -> None:
    assert completed(tmp_path, octets) == octets


@pytest.mark.parametrize("torn", [b"", b'{"ms":7,"event":"ke'])
def test_a_log_that_a_crash_has_left_gets_its_last_line(tmp_path: Path, torn: bytes) -> None:
    octets = completed(tmp_path, TALKING + torn)
    assert octets.startswith(TALKING)
    assert lines(octets)[1:] == [{"ms": 5, "event": "log_ended", "lines": 1, "why": CRASHED}]
    assert completed(tmp_path, octets) == octets


@pytest.mark.parametrize("octets", [b"{", b"nonsense\n", b"[1]\n"])
def test_nor_does_it_mind_what_is_no_line_of_a_log(tmp_path: Path, octets: bytes) -> None:
    assert lines(completed(tmp_path, octets).splitlines()[-1])[0]["why"] == CRASHED


@pytest.mark.parametrize("end", [ENDED, b""])
def test_what_was_said_goes_where_the_call_was_told_not_to_keep_it(tmp_path: Path, end: bytes) -> None:
    told = lines(completed(tmp_path, TALKING + KEY + WITHDRAWN + end))
    assert told[:3] == [
        {"ms": 5, "event": "state", "state": "talking"},
        {"ms": 7, "event": "key", "content_bytes": 3},
        {"ms": 8, "event": "content_withdrawn"},
    ]
    assert told[3]["event"] == "log_ended"
