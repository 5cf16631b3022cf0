"""What waits is analysed, whatever goes wrong with one of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from ari_agent.analysis.runner import AnalysisRunner, Concluded, Outcome, outcome_of
from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.errors import StoreError, UnreadableRecord


class Heap:
    """What waits, and what concluding it does: raises that, or waits for `go`."""

    def __init__(self, **waiting: int) -> None:
        self.waiting = waiting
        self.errors: dict[str, list[Exception]] = {}
        self.store_error: list[StoreError] = []
        self.concluded: list[str] = []
        self.begun: list[str] = []
        self.someone_begins = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def due(self, limit: int, except_ids: Collection[str]) -> Sequence[tuple[str, int]]:
        if self.store_error:
            raise self.store_error.pop()
        rows = sorted(self.waiting.items(), key=lambda item: item[1])
        return [row for row in rows if row[0] not in except_ids][:limit]

    async def conclude(self, subject_id: str, deadline_ms: int) -> Concluded:
        assert self.waiting[subject_id] == deadline_ms
        self.begun.append(subject_id)
        self.someone_begins.set()
        await self.go.wait()
        if self.errors.get(subject_id):
            raise self.errors[subject_id].pop()
        del self.waiting[subject_id]
        self.concluded.append(subject_id)
        return Concluded(Outcome.ANALYSED, after_end_ms=1_500)


async def until(runner: AnalysisRunner, heap: Heap, *, left: int = 0) -> None:
    """Until only so many wait, and nothing is under way."""
    for _ in range(6_000):
        if len(heap.waiting) <= left and not runner.under_way:
            return
        await asyncio.sleep(0.005)
    raise TimeoutError(str(heap.waiting))


@asynccontextmanager
async def running(*heaps: Heap, at_once: int = 8) -> AsyncIterator[AnalysisRunner]:
    runner = AnalysisRunner(wait_ms=2_000, now_ms=lambda: 5_000, at_once=at_once, poll_s=60, store_retry_s=0.01)
    for heap in heaps:
        runner.add(heap)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_waits_at_the_start_is_analysed_and_what_comes_later_when_told() -> None:
    calls, chats = Heap(call_1=1, call_2=2), Heap(chat_1=1)
    async with running(calls, chats) as runner:
        await until(runner, calls)
        await until(runner, chats)
        calls.waiting["call_3"] = 7
        runner.wake()
        await until(runner, calls)
        assert runner.deadline_ms() == 7_000
    assert (calls.concluded, chats.concluded) == (["call_1", "call_2", "call_3"], ["chat_1"])
    assert (runner.outcomes, runner.after_end_s) == ({Outcome.ANALYSED: 4}, 6.0)


async def test_the_earliest_deadline_goes_first_where_not_all_have_room() -> None:
    heap = Heap(a=3, b=1, c=2)
    async with running(heap, at_once=1) as runner:
        await until(runner, heap)
    assert heap.concluded == ["b", "c", "a"]


async def test_many_calls_leave_room_for_a_chat() -> None:
    calls, chats = Heap(a=1, b=2), Heap(chat=3)
    calls.go.clear()
    async with running(calls, chats, at_once=1) as runner:
        await chats.someone_begins.wait()
        calls.go.set()
        await until(runner, calls)
    assert chats.concluded == ["chat"]


async def test_a_database_that_fails_is_asked_again() -> None:
    heap = Heap(a=1)
    heap.store_error = [StoreError("away"), StoreError("away")]
    heap.errors["a"] = [StoreError("locked"), StoreError("locked")]
    async with running(heap) as runner:
        await until(runner, heap)
    assert heap.begun == ["a", "a", "a"] and heap.concluded == ["a"]


@pytest.mark.parametrize("error", [UnreadableRecord("the record of call a", ValueError("x")), RuntimeError("defect")])
async def test_one_that_cannot_be_analysed_is_left_to_the_next_start(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    heap = Heap(a=1, b=2)
    heap.errors["a"] = [error]
    async with running(heap) as runner:
        await until(runner, heap, left=1)
        runner.wake()
        await asyncio.sleep(0.05)
        assert heap.begun.count("a") == 1
    assert heap.concluded == ["b"] and "left without its analysis" in caplog.text
    async with running(heap) as runner:
        await until(runner, heap)
    assert heap.concluded == ["b", "a"]


async def test_what_is_under_way_at_the_end_is_left_waiting() -> None:
    heap = Heap(a=1)
    heap.go.clear()
    async with running(heap) as runner:
        await heap.someone_begins.wait()
        assert runner.under_way == 1
    assert heap.waiting == {"a": 1} and runner.under_way == 0


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (AnalysisReport(), Outcome.ANALYSED),
        (AnalysisReport(left_out={"a": "b"}), Outcome.PARTLY),
        (AnalysisReport(failure="away", left_out={"a": "b"}), Outcome.FAILED),
    ],
)
def test_a_report_says_how_it_went(report: AnalysisReport, outcome: Outcome) -> None:
    assert outcome_of(report) is outcome
