"""The calls of the last day in figures, by hour and in all: their number, those answered, the reply times. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.contract.call_group import HOUR_MS, CallGroup

HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class CallFigures:
    """Figures of some calls. since_ms: when the first of them may have begun, in milliseconds since 1970.

    answered_percent: of those that were answered or are over without; None where there is none. p50_ms, p95_ms: half of
    the calls, and 95 % of them, have a median reply time of at most so many milliseconds; None where none is known.
    """

    since_ms: int
    calls: int
    answered_percent: float | None
    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The last day: all of it, and each hour, the oldest first."""

    all: CallFigures
    hours: Sequence[CallFigures]


def day_begins_ms(now_ms: int) -> int:
    """Return when the first of the HOURS began whose last one is that of now."""
    return (now_ms // HOUR_MS - HOURS + 1) * HOUR_MS


def day_figures(groups: Sequence[CallGroup], *, since_ms: int) -> DayFigures:
    """Return the figures of HOURS hours. since_ms: when the first of them began."""
    by_hour: dict[int, list[CallGroup]] = {since_ms + number * HOUR_MS: [] for number in range(HOURS)}
    for group in groups:
        if group.hour_ms in by_hour:
            by_hour[group.hour_ms].append(group)
    within = [group for some in by_hour.values() for group in some]
    return DayFigures(_figures(since_ms, within), [_figures(hour_ms, some) for hour_ms, some in by_hour.items()])


def _figures(since_ms: int, groups: Sequence[CallGroup]) -> CallFigures:
    settled = sum(group.calls for group in groups if group.is_answered or group.is_over)
    answered = sum(group.calls for group in groups if group.is_answered)
    replies = sorted((group.reply_ms, group.calls) for group in groups if group.reply_ms is not None)
    return CallFigures(
        since_ms=since_ms,
        calls=sum(group.calls for group in groups),
        answered_percent=100 * answered / settled if settled else None,
        p50_ms=_percentile(replies, 0.50),
        p95_ms=_percentile(replies, 0.95),
    )


def _percentile(counted: Iterable[tuple[int, int]], share: float) -> int | None:
    """Return the nearest-rank percentile of values that come in order, each with how often it is there."""
    values = list(counted)
    rank = share * sum(count for _, count in values)
    seen = 0
    for value, count in values:
        seen += count
        if seen >= rank:
            return value
    return None
