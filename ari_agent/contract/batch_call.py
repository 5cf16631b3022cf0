"""Batches of outbound calls (Retell, Create Batch Call, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from ari_agent.contract.parsing.e164 import DialledNumber
from ari_agent.contract.parsing.model import ContractModel, Count, Identifier, Many, Timestamp
from ari_agent.contract.phone_call import CallTask


def _usable_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"must be an IANA timezone such as America/Los_Angeles, not {name[:40]!r}") from None
    return name


UsableTimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_usable_time_zone)]
"""An IANA time zone that this system knows: unlike that of an agent, it is needed to tell when to call."""
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MinuteOfDay = Annotated[float, Field(strict=True, ge=0, le=1440)]


class TimeWindow(ContractModel):
    """A part of a day, in minutes since local midnight (0 to 1440): from `start` up to but not including `end`."""

    start: MinuteOfDay
    end: MinuteOfDay

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"start must be before end: {self.start:g} is not before {self.end:g}")
        return self


class CallTimeWindow(ContractModel):
    """The times at which calls of a batch may be placed. day: the weekdays; empty or left out means every day."""

    windows: Annotated[Many[TimeWindow], Field(min_length=1, max_length=100)]
    timezone: UsableTimeZone = "America/Los_Angeles"
    day: Annotated[Many[Weekday], Field(max_length=7)] | None = None


class BatchCallCreate(ContractModel):
    """Body of POST /create-batch-call.

    trigger_timestamp: the earliest time of the first call; now if left out. reserved_concurrency: how many concurrency
    slots this batch leaves to all other calls.
    """

    from_number: DialledNumber
    tasks: Annotated[Many[CallTask], Field(min_length=1, max_length=100_000)]
    name: Annotated[str, Field(max_length=256)] | None = None
    trigger_timestamp: Timestamp | None = None
    reserved_concurrency: Count = 0
    call_time_window: CallTimeWindow | None = None


class BatchCall(ContractModel):
    """Answer of POST /create-batch-call. scheduled_timestamp: when the batch begins, in milliseconds since 1970."""

    batch_call_id: Identifier
    name: str
    from_number: str
    scheduled_timestamp: Timestamp
    total_task_count: Count
    reserved_concurrency: Count = 0
    call_time_window: CallTimeWindow | None = None
