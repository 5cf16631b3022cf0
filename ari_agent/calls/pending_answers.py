"""The API's requests to one call that wait for an answer: each gets one, at the latest when the call ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ari_agent.calls.call_requests import AnsweredRequest
from ari_agent.errors import AriAgentError, AsteriskError, CallError


class PendingAnswers:
    """The requests of one call that have no answer yet."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[Any]] = set()

    def add(self, request: AnsweredRequest) -> None:
        """Remember a request until it is answered."""
        self._waiting.add(request.answer)
        request.answer.add_done_callback(self._waiting.discard)

    def fail_all(self, error: Exception) -> None:
        """Answer every request that still waits with this error."""
        for waiting in tuple(self._waiting):
            answer(waiting, error)


async def attempt(work: Awaitable[None], refuse: Callable[[AriAgentError], None]) -> None:
    """Do what was asked for, and tell whoever asked why it cannot be done."""
    try:
        await work
    except (CallError, AsteriskError) as error:
        refuse(error)


def answer(future: asyncio.Future[Any], outcome: object) -> None:
    """Answer a request. outcome: an exception is raised where the answer is awaited.

    A request that was answered before, or that nobody waits for any more, stays as it is.
    """
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
