"""A question that may take long is asked once for all, and nobody waits for it longer than he said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ari_agent.console.cached_answer import CachedAnswer


@dataclass
class Oracle:
    """Answers how often it was asked, once a test lets it. took_s: how long that takes by its clock."""

    now_s: float = 100.0
    took_s: float = 0.0
    asked: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        self.now_s += self.took_s
        if number == 2:
            raise ValueError("the second question is too much")
        return number

    def cached(self, within_s: float = 30.0) -> CachedAnswer[int]:
        return CachedAnswer("how often", self.ask, fresh_s=5.0, within_s=within_s, clock=lambda: self.now_s)


async def test_nobody_waits_and_all_share_one_answer_until_it_is_old() -> None:
    oracle = Oracle()
    cached = oracle.cached()
    assert [await cached.answer() for _ in range(3)] == [None] * 3
    assert await cached.answer(wait_s=0.01) is None
    oracle.may_answer.set()
    assert [await cached.answer(wait_s=30), await cached.answer(wait_s=30)] == [1, 1]
    oracle.now_s += 4.9
    assert (await cached.answer(wait_s=30), oracle.asked) == (1, 1)
    oracle.now_s += 0.2
    # the second fails, and the first serves on
    assert (await cached.answer(wait_s=30), oracle.asked) == (1, 2)
    oracle.now_s += 5.1
    assert await cached.answer(wait_s=30) == 3


async def test_what_takes_long_is_asked_seldom() -> None:
    oracle = Oracle(took_s=2.0)
    oracle.may_answer.set()
    cached = oracle.cached()
    assert await cached.answer(wait_s=30) == 1
    oracle.now_s += 39
    assert (await cached.answer(wait_s=30), oracle.asked) == (1, 1)
    oracle.now_s += 2
    await cached.answer(wait_s=30)
    assert oracle.asked == 2


async def test_a_question_without_an_answer_ends_in_time_and_with_the_console() -> None:
    oracle = Oracle()
    cached = oracle.cached(within_s=0.01)
    assert (await cached.answer(wait_s=30), oracle.asked) == (None, 1)
    unanswered = oracle.cached()
    assert (await unanswered.answer(wait_s=0.01), oracle.asked) == (None, 2)
    await unanswered.close()
    await cached.close()
    oracle.may_answer.set()
    assert unanswered._asking is None is cached._asking
