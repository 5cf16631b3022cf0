"""docs/public-log.md explains every event of the log, with its facts."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import get_args

from ari_agent.calls.media.call_media import MediaStats
from ari_agent.calls.public_log.log_events import ENDS, EVENTS, HAS_CONTENT, LogEvent
from ari_agent.calls.public_log.media_log import LEVELS
from ari_agent.calls.public_log.public_log import BYTES_PER_S, LINES_PER_S, MAX_FILE_BYTES, MAX_LINE_BYTES
from ari_agent.calls.public_log.public_logs import LINGER_S
from tests.documentation.pages import ROOT

PAGE = (ROOT / "docs" / "public-log.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", PAGE, flags=re.MULTILINE) + [
    (event, "", told) for event, told in re.findall(r"^\| `(\w+)` \| \| (.*) \|$", PAGE, flags=re.MULTILINE)
]


def test_every_event_and_each_of_its_facts_is_in_the_table() -> None:
    documented = {event: tuple(re.findall(r"`(\w+)`", facts)) for event, facts, _ in ROWS}
    assert documented == dict(EVENTS)
    assert len(ROWS) == len(EVENTS)


def test_there_are_no_other_events_than_the_code_can_write() -> None:
    assert set(get_args(LogEvent)) == EVENTS.keys()
    assert EVENTS.keys() >= ENDS


def test_every_counter_of_media_is_explained() -> None:
    counters = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| [^|]+ \|$", PAGE, flags=re.MULTILINE)
    explained = sorted(name for names in counters for name in re.findall(r"\w+", names))
    assert explained == sorted({field.name for field in fields(MediaStats)} - LEVELS)


def test_the_table_says_which_events_have_content() -> None:
    assert {event for event, _, told in ROWS if "ontent: " in told} == HAS_CONTENT


def test_the_bounds_are_those_of_the_code() -> None:
    assert MAX_LINE_BYTES == 16 * 1024
    assert "at most 16 kB" in PAGE
    assert f"at most {LINES_PER_S} messages and events and {BYTES_PER_S // 1024} kB" in PAGE
    assert f"at most {MAX_FILE_BYTES // 1024**2} MB" in PAGE
    assert LINGER_S == 120
    assert "two minutes after the call" in PAGE
