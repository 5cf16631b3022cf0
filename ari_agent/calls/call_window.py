"""When a batch may call: windows of local minutes on certain days (Retell, Create Batch Call, 2026-08)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ari_agent.contract.batch_call import CallTimeWindow

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def opens_ms(window: CallTimeWindow | None, now_ms: int) -> int:
    """The first moment from now on at which calls may be placed; now_ms itself while they may.

    Milliseconds since the epoch. Minutes are those of the wall clock: when it is put forward or back, the window moves
    with it, and an hour that does not exist opens nothing.
    """
    if window is None:
        return now_ms
    zone = ZoneInfo(window.timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    candidates = []
    # Eight days: the last is today's weekday again, when today's windows are over. A day more for clock changes.
    for days in range(9):
        date = midnight + timedelta(days=days)
        if window.day and _DAYS[date.weekday()] not in window.day:
            continue
        for part in window.windows:
            begin_ms, end_ms = (_epoch_ms(date + timedelta(minutes=minute)) for minute in (part.start, part.end))
            if end_ms > now_ms and end_ms > begin_ms:
                candidates.append(max(begin_ms, now_ms))
    return min(candidates)


def _epoch_ms(local: datetime) -> int:
    """Adding to a local time moves the hands of the clock; only then is it asked which moment they show."""
    return round(local.astimezone(UTC).timestamp() * 1000)
