"""The timers of a call's model: one of each name, and the watch over an answer that makes no progress."""

from __future__ import annotations

import asyncio
import time

from ari_agent.calls.realtime.answer_watch import AnswerWatch
from ari_agent.calls.realtime.timers import Timers
from tests.fakes.llm_server import until


async def test_of_each_name_there_is_one_timer() -> None:
    timers, due = Timers(), list[str]()
    timers.start("a", 60, lambda: due.append("never"))
    timers.start("a", 0.01, lambda: due.append("a"))
    timers.start("b", 0.02, lambda: due.append("b"))
    timers.start("c", 0.01, lambda: due.append("never"))
    assert (timers.cancel("c"), timers.cancel("c"), timers.cancel("d")) == (True, False, False)
    await until(lambda: len(due) == 2)
    assert due == ["a", "b"]
    assert not timers.cancel("a")  # it is gone once it was due
    timers.start("a", 0.01, lambda: due.append("never"))
    timers.close()
    timers.close()
    await asyncio.sleep(0.05)
    assert due == ["a", "b"]


async def test_a_timer_may_start_itself_again() -> None:
    timers, due = Timers(), list[int]()

    def again() -> None:
        due.append(len(due))
        if len(due) < 3:
            timers.start("a", 0, again)

    timers.start("a", 0, again)
    await until(lambda: len(due) == 3)


async def test_an_answer_that_makes_no_progress_is_told_of_once() -> None:
    silent = list[float]()
    watch = AnswerWatch(0.1, lambda: silent.append(time.monotonic()))
    watch.progress()  # of what nobody waits for
    began_s = time.monotonic()
    watch.wait()
    watch.wait()
    await until(lambda: bool(silent))
    assert silent[0] - began_s >= 0.09
    await asyncio.sleep(0.2)
    assert len(silent) == 1
    watch.wait()  # and it watches the next one
    await until(lambda: len(silent) == 2)
    watch.close()


async def test_an_answer_that_makes_progress_has_ended_or_is_of_no_more_interest_is_not_told_of() -> None:
    silent = list[str]()
    goes_on = AnswerWatch(2.0, lambda: silent.append("goes on"))
    goes_on.wait()
    ended = AnswerWatch(0.05, lambda: silent.append("ended"))
    ended.wait()
    ended.rest()
    ended.progress()
    closed = AnswerWatch(0.05, lambda: silent.append("closed"))
    closed.wait()
    closed.close()
    closed.close()
    for _ in range(10):
        await asyncio.sleep(0.02)
        goes_on.progress()
    assert silent == []
    goes_on.close()
