"""Batches of calls: what a client may ask for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.batch_call import BatchCallCreate, CallTimeWindow, TimeWindow
from ari_agent.contract.parsing.explain import explain

BATCH: dict[str, Any] = {"from_number": "+14157774444", "tasks": [{"to_number": "+14155550100"}]}
WINDOW: dict[str, Any] = {"windows": [{"start": 540, "end": 1020}]}


def complaint(document: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        BatchCallCreate.model_validate(document)
    return explain(refused.value, document)


def test_a_batch_has_defaults_that_hold_nothing_back() -> None:
    batch = BatchCallCreate.model_validate(BATCH)
    assert (batch.name, batch.trigger_timestamp, batch.reserved_concurrency, batch.call_time_window) == (
        None,
        None,
        0,
        None,
    )


def test_a_window_is_retells_own_time_zone_unless_another_is_named() -> None:
    assert CallTimeWindow.model_validate(WINDOW).timezone == "America/Los_Angeles"
    assert CallTimeWindow.model_validate({**WINDOW, "timezone": "Europe/Berlin"}).timezone == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", "\0", "Europe"])
def test_a_time_zone_that_is_none_is_refused(name: str) -> None:
    told = complaint({**BATCH, "call_time_window": {**WINDOW, "timezone": name}})
    assert "must be an IANA timezone such as America/Los_Angeles" in told


@pytest.mark.parametrize(("start", "end"), [(600, 600), (601, 600), (1440, 0)])
def test_a_window_ends_after_it_began(start: int, end: int) -> None:
    assert f"start must be before end: {start} is not before {end}" in complaint(
        {**BATCH, "call_time_window": {"windows": [{"start": start, "end": end}]}}
    )


def test_a_whole_day_is_a_window() -> None:
    assert TimeWindow(start=0, end=1440).end == 1440


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tasks": []}, "tasks"),
        ({"from_number": "not a number"}, "from_number"),
        ({"call_time_window": {"windows": []}}, "windows"),
        ({"call_time_window": {"windows": [{"start": -1, "end": 5}]}}, "start"),
        ({"call_time_window": {"windows": [{"start": 0, "end": 1441}]}}, "end"),
        ({"call_time_window": {**WINDOW, "day": ["Funday"]}}, "day"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], named: str) -> None:
    assert named in complaint({**BATCH, **changes})
