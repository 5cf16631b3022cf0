"""When a batch may call."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.calls.call_window import opens_ms
from ari_agent.contract.batch_call import CallTimeWindow

ZONES = ("America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def ms(text: str, zone: str = "Europe/Berlin") -> int:
    """Of local wall clock time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def office(*days: str) -> CallTimeWindow:
    """9 to 12 and 13 to 17 in Berlin."""
    windows = [{"start": 540, "end": 720}, {"start": 780, "end": 1020}]
    return CallTimeWindow.model_validate({"windows": windows, "timezone": "Europe/Berlin", "day": list(days)})


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-20T08:59:59", "2026-11-20T09:00:00"),
        ("2026-11-20T09:00:00", "2026-11-20T09:00:00"),
        ("2026-11-20T11:59:59", "2026-11-20T11:59:59"),
        ("2026-11-20T12:00:00", "2026-11-20T13:00:00"),
        ("2026-11-20T17:00:00", "2026-11-21T09:00:00"),
        ("2026-03-28T18:00:00", "2026-03-29T09:00:00"),  # the clock is put forward in between
        ("2026-10-24T18:00:00", "2026-10-25T09:00:00"),  # and back
    ],
)
def test_windows_are_half_open_and_local(now: str, opens: str) -> None:
    assert opens_ms(office(), ms(now)) == ms(opens)


def test_days_are_local_too() -> None:
    assert opens_ms(office("Monday"), ms("2026-11-20T10:00:00")) == ms("2026-11-23T09:00:00")
    assert opens_ms(office("Friday"), ms("2026-11-20T18:00:00")) == ms("2026-11-27T09:00:00")


def at_night(begin: int, end: int) -> CallTimeWindow:
    """Minutes of the hours in which Berlin changes its clocks, on Sundays."""
    window = {"windows": [{"start": begin, "end": end}], "timezone": "Europe/Berlin", "day": ["Sunday"]}
    return CallTimeWindow.model_validate(window)


@pytest.mark.parametrize(
    ("begin", "end", "now", "opens"),
    [
        # 2026-03-29: from 02:00 the clock goes on with 03:00.
        (135, 165, "2026-03-28T18:00:00+01:00", "2026-04-05T02:15:00+02:00"),  # 02:15 to 02:45 is skipped
        (90, 150, "2026-03-29T01:45:00+01:00", "2026-03-29T01:45:00+01:00"),
        (90, 150, "2026-03-29T03:15:00+02:00", "2026-04-05T01:30:00+02:00"),  # past 02:30, as the clock shows
        (135, 240, "2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00"),
        # 2026-10-25: from 03:00 the clock goes back to 02:00.
        (135, 165, "2026-10-25T02:15:00+02:00", "2026-10-25T02:15:00+02:00"),
        (135, 165, "2026-10-25T02:45:00+02:00", "2026-10-25T02:15:00+01:00"),  # it comes a second time
        (90, 150, "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"),
        (135, 165, "2026-10-25T02:45:00+01:00", "2026-11-01T02:15:00+01:00"),
    ],
)
def test_what_counts_is_what_the_clock_on_the_wall_shows(begin: int, end: int, now: str, opens: str) -> None:
    now_ms, opens_at_ms = (round(datetime.fromisoformat(text).timestamp() * 1000) for text in (now, opens))
    assert opens_ms(at_night(begin, end), now_ms) == opens_at_ms


def test_without_a_window_it_is_always_open() -> None:
    assert opens_ms(None, 5) == 5


@pytest.mark.parametrize(
    "window",
    [
        {"windows": []},
        {"windows": [{"start": 600, "end": 600}]},
        {"windows": [{"start": 1380, "end": 60}]},
        {"windows": [{"start": 0, "end": 1441}]},
        {"windows": [{"start": 0, "end": 60}], "timezone": "Mars/Olympus"},
        {"windows": [{"start": 0, "end": 60}], "timezone": "../../etc/passwd"},
        {"windows": [{"start": 0, "end": 60}], "day": ["Mon"]},
    ],
)
def test_a_wrong_window_is_refused(window: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CallTimeWindow.model_validate(window)


@given(
    zone=st.sampled_from(ZONES),
    day=st.lists(st.sampled_from(DAYS), max_size=7),
    bounds=st.lists(st.integers(0, 1440), min_size=2, max_size=2, unique=True),
    now_ms=st.integers(1_700_000_000_000, 1_900_000_000_000),
)
def test_it_opens_within_days_and_is_open_then(zone: str, day: list[str], bounds: list[int], now_ms: int) -> None:
    windows = [{"start": min(bounds), "end": max(bounds)}]
    window = CallTimeWindow.model_validate({"windows": windows, "timezone": zone, "day": day})
    opens = opens_ms(window, now_ms)
    assert now_ms <= opens <= now_ms + 15 * 86_400_000
    assert opens_ms(window, opens) == opens
    wall = datetime.fromtimestamp(opens / 1000, ZoneInfo(zone))
    assert min(bounds) <= wall.hour * 60 + wall.minute < max(bounds)
    assert not day or DAYS[wall.weekday()] in day
