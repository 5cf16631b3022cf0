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
def test_it_opens_within_nine_days_and_is_open_then(zone: str, day: list[str], bounds: list[int], now_ms: int) -> None:
    windows = [{"start": min(bounds), "end": max(bounds)}]
    window = CallTimeWindow.model_validate({"windows": windows, "timezone": zone, "day": day})
    opens = opens_ms(window, now_ms)
    assert now_ms <= opens <= now_ms + 9 * 86_400_000
    assert opens_ms(window, opens) == opens
