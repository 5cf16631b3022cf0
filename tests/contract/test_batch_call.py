from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.batch_call import BatchCallCreate, CallTimeWindow
from ari_agent.contract.parsing.explain import explain

BATCH = {"from_number": "+14157774444", "tasks": [{"to_number": "+14155550100"}]}
DAY = {"windows": [{"start": 540, "end": 1020.5}]}


def complaint(window: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        CallTimeWindow.model_validate(window)
    return explain(refused.value, window)


def test_a_batch_begins_now_at_any_time_and_reserves_nothing_unless_it_says_so() -> None:
    batch = BatchCallCreate.model_validate(BATCH)
    assert (batch.trigger_timestamp, batch.call_time_window, batch.reserved_concurrency) == (None, None, 0)


@pytest.mark.parametrize("tasks", [[], [{"to_number": "12"}]])
def test_a_batch_calls_at_least_one_number_in_e164(tasks: list[Any]) -> None:
    with pytest.raises(ValidationError):
        BatchCallCreate.model_validate({**BATCH, "tasks": tasks})


def test_a_window_is_in_los_angeles_unless_it_says_where() -> None:
    assert CallTimeWindow.model_validate(DAY).timezone == "America/Los_Angeles"
    assert CallTimeWindow.model_validate({**DAY, "timezone": "Europe/Berlin"}).timezone == "Europe/Berlin"


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../etc/passwd", "/etc/passwd", "Berlin\0", "europe"])
def test_a_zone_that_this_system_does_not_know_is_refused(zone: str) -> None:
    assert "timezone: must be an IANA timezone such as America/Los_Angeles" in complaint({**DAY, "timezone": zone})


@pytest.mark.parametrize(("start", "end"), [(600, 600), (601, 600)])
def test_a_window_ends_after_it_begins(start: int, end: int) -> None:
    told = complaint({"windows": [{"start": start, "end": end}]})
    assert told == f"windows[0]: start must be before end: {start} is not before {end}"


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "must have at least 1 item, not 0"), (101, "must have at most 100 items, not 101")],
)
def test_a_batch_has_1_to_100_windows(count: int, told: str) -> None:
    assert complaint({"windows": [{"start": 1, "end": 2}] * count}) == f"windows: {told}"


@pytest.mark.parametrize("window", [{"start": -1, "end": 5}, {"start": 0, "end": 1441}])
def test_a_window_is_within_one_day(window: dict[str, Any]) -> None:
    assert complaint({"windows": [window]})
