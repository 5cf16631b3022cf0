"""The report is only good when every step was seen."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from ari_agent.demo.report import STEPS, Report, StepFailed, overload


@pytest.fixture
def report() -> Report:
    return Report(Console(file=io.StringIO(), width=100))


async def _see(report: Report, *names: str) -> None:
    for name in names:
        async with report.step(name, timeout_s=1) as seen:
            seen("well done")


async def test_all_steps_seen_is_ok(report: Report) -> None:
    await _see(report, *STEPS)
    told = report.as_json({"call_id": "call_1"})
    assert (report.ok, told["ok"], told["call"]) == (True, True, {"call_id": "call_1"})
    assert (told["prompt_call"], told["console"]) == ({}, "")
    assert report.as_json({}, {"call_id": "call_4"})["prompt_call"] == {"call_id": "call_4"}
    assert all(told["steps"].values())
    assert list(told["steps"]) == list(STEPS)


async def test_a_step_that_cannot_be_done_here_is_left_out_and_counts_neither_way() -> None:
    out = io.StringIO()
    report = Report(Console(file=out, width=200))
    report.leave_out("conversation", "flite is not there")
    await _see(report, *(name for name in STEPS if name != "conversation"))
    assert report.ok
    assert "conversation" not in report.as_json({})["steps"]
    assert f"left out: {STEPS['conversation']}: flite is not there" in out.getvalue()


@pytest.mark.parametrize("missing", STEPS)
async def test_one_step_that_was_not_reached_is_not_ok(report: Report, missing: str) -> None:
    await _see(report, *(name for name in STEPS if name != missing))
    told = report.as_json({})
    assert (report.ok, told["steps"][missing], told["seen"][missing]) == (False, False, "not reached")


async def test_a_step_that_takes_too_long_says_so(report: Report) -> None:
    with pytest.raises(StepFailed, match=r"ring: not seen within 0\.01 s"):
        async with report.step("ring", timeout_s=0.01):
            await asyncio.sleep(1)
    assert report.as_json({})["steps"]["ring"] is False


async def test_a_step_that_tells_nothing_has_seen_nothing(report: Report) -> None:
    with pytest.raises(StepFailed, match="nothing was seen"):
        async with report.step("ring", timeout_s=1):
            pass


async def test_a_failure_after_a_first_sight_still_counts(report: Report) -> None:
    await _see(report, *(name for name in STEPS if name != "hang_up"))
    with pytest.raises(StepFailed):
        async with report.step("hang_up", timeout_s=1) as seen:
            seen("BYE after the transfer")
            raise StepFailed("no Reason")
    assert report.ok is False
    assert report.as_json({})["seen"]["hang_up"] == "no Reason"


async def test_text_from_outside_cannot_break_the_print() -> None:
    out = io.StringIO()
    report = Report(Console(file=out, width=100))
    report.say("[/dim] [bold")
    async with report.step("ring", timeout_s=1) as seen:
        seen("[red]x[/nonsense]")
    assert "[/dim] [bold" in out.getvalue()
    assert "[red]x[/nonsense]" in out.getvalue()
    assert report.summary().startswith(f"1 of {len(STEPS)} steps were seen. Not seen: the inbound webhook is asked")


async def test_each_step_is_printed_once() -> None:
    out = io.StringIO()
    report = Report(Console(file=out, width=100))
    await _see(report, *STEPS)
    assert [out.getvalue().count(title) for title in STEPS.values()] == [1] * len(STEPS)
    assert report.summary() == f"{len(STEPS)} of {len(STEPS)} steps were seen."


def test_a_machine_that_has_too_much_to_do_is_told_of() -> None:
    assert overload(2.0, 2) is None
    told = overload(9.44, 2)
    assert told and "9.4 programs at a time wanted one of its cores (2)" in told
