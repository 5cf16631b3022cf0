"""When a batch may call: windows of local minutes on certain days (Retell, Create Batch Call, 2026-08). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ari_agent.contract.batch_call import CallTimeWindow

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_AHEAD: Final = 16
"""A week, and one more for a window of one weekday that the clock jumps over; today and its end besides."""


def opens_ms(window: CallTimeWindow | None, now_ms: int) -> int:
    """Return the first moment from now on at which calls may be placed, which is now_ms while they may be.

    Milliseconds since the epoch. Minutes and days are those that the clock on the wall shows: an hour that is skipped
    when it is put forward opens nothing, and one that comes twice when it is put back opens twice.
    """
    if window is None or _is_open(window, now_ms):
        return now_ms
    return min(
        moment_ms for moment_ms in _changes(window, now_ms) if moment_ms > now_ms and _is_open(window, moment_ms)
    )


def _is_open(window: CallTimeWindow, moment_ms: int) -> bool:
    wall = datetime.fromtimestamp(moment_ms / 1000, ZoneInfo(window.timezone))
    if window.day and _DAYS[wall.weekday()] not in window.day:
        return False
    minute = wall.hour * 60 + wall.minute + (wall.second + wall.microsecond / 1e6) / 60
    return any(part.start <= minute < part.end for part in window.windows)


def _changes(window: CallTimeWindow, now_ms: int) -> Iterator[int]:
    """Find every moment at which a window may begin: its first minute, and each change of the clock."""
    zone = ZoneInfo(window.timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for days in range(_DAYS_AHEAD):
        date = today + timedelta(days=days)
        for part in window.windows:
            begin = date + timedelta(minutes=part.start)
            yield from {_epoch_ms(begin), _epoch_ms(begin.replace(fold=1))}
        if _epoch_ms(date + timedelta(days=1)) - _epoch_ms(date) != 86_400_000:
            yield _clock_change_ms(_epoch_ms(date), _epoch_ms(date + timedelta(days=1)), zone)


def _clock_change_ms(begin_ms: int, end_ms: int, zone: ZoneInfo) -> int:
    """Return the first millisecond of the new offset from UTC, in a span in which the offset changes once."""

    def offset(moment_ms: int) -> timedelta | None:
        return datetime.fromtimestamp(moment_ms / 1000, zone).utcoffset()

    before = offset(begin_ms)
    while end_ms - begin_ms > 1:
        middle_ms = (begin_ms + end_ms) // 2
        if offset(middle_ms) == before:
            begin_ms = middle_ms
        else:
            end_ms = middle_ms
    return end_ms


def _epoch_ms(local: datetime) -> int:
    """Return the ms since the epoch at this local time; adding to a local time only moves the clock's hands."""
    return round(local.astimezone(UTC).timestamp() * 1000)
