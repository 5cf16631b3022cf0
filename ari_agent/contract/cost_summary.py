"""What calls have cost, summed: the query and the answer of GET /v2/cost-summary, a path of our own. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ari_agent.contract.batch_call import UsableTimeZone
from ari_agent.contract.parsing.model import ContractModel, Count, Many, Number

CostGroup = Literal["day", "agent", "number"]
MAX_DAYS: Final = 366
_BY_DEFAULT: Final = timedelta(29)
"""From the first of the days that are meant to the last, where one of these is left out."""


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"must be a date such as 2026-11-30, not {str(value)[:40]!a}") from None


def _groups(text: str) -> str:
    if any(name not in get_args(CostGroup) for name in text.split(",")):
        raise ValueError(f"must be some of day, agent and number, with commas between them, not {text[:40]!a}")
    return text


Day = Annotated[date, BeforeValidator(_day)]


class TimeSpan(NamedTuple):
    """A day, or many, from since_ms on and before until_ms, in milliseconds since the epoch. day: None for many."""

    day: date | None
    since_ms: int
    until_ms: int


class CostSummaryQuery(ContractModel):
    """The query of a summary: from, to: the first and the last day. group_by: `day`, `agent` and `number`, any of them.

    Where one day is left out, 30 days are meant, and where both are, those until today. timezone: in which days begin,
    an IANA name.
    """

    first: Day | None = Field(None, alias="from")
    last: Day | None = Field(None, alias="to")
    group_by: Annotated[str, AfterValidator(_groups)] = "day,agent,number"
    timezone: UsableTimeZone = "UTC"

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        given = [day for day in (self.first, self.last) if day is not None]
        if given != sorted(given):
            raise ValueError(f"to: {self.last} must not be before from, {self.first}")
        if given and (given[-1] - given[0]).days >= MAX_DAYS:
            raise ValueError(f"from and to must be at most {MAX_DAYS} days")
        if not all(1970 < day.year <= 9000 for day in given):
            raise ValueError("from and to must be days from 1971 to 9000")
        return self

    @property
    def groups(self) -> frozenset[str]:
        """What the calls are grouped by."""
        return frozenset(self.group_by.split(","))

    def spans(self, now_ms: int) -> Sequence[TimeSpan]:
        """Return the times that are summed apart: each day if they are grouped by day, else all days together.

        now_ms: the time, in milliseconds since the epoch.
        """
        today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.timezone)).date()
        last = self.last or (self.first + _BY_DEFAULT if self.first else today)
        first = self.first or last - _BY_DEFAULT
        days = [first + timedelta(number) for number in range((last - first).days + 1)]
        if "day" in self.groups:
            return [TimeSpan(day, self._begins_ms(day), self._begins_ms(day + timedelta(1))) for day in days]
        return [TimeSpan(None, self._begins_ms(days[0]), self._begins_ms(days[-1] + timedelta(1)))]

    def _begins_ms(self, day: date) -> int:
        return int(datetime.combine(day, time(), ZoneInfo(self.timezone)).timestamp() * 1000)


class CostSum(ContractModel):
    """What some calls have cost, in cents. calls: that began in the time; calls_with_cost: whose cost is known.

    duration_seconds: of all of them together. day, agent_id, number: which calls, where they are grouped so; the number
    is ours.
    """

    day: date | None = None
    agent_id: str | None = None
    number: str | None = None
    calls: Count
    calls_with_cost: Count
    duration_seconds: Number
    combined_cost: Number


class CostSummary(ContractModel):
    """The cost of the calls of some days, in all and by group. A call counts on the day on which it began."""

    total: CostSum
    groups: Many[CostSum]
