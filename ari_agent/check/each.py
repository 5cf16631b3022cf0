"""Looks at many things of one kind side by side, each with a time limit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from ari_agent.check.finding import Finding, Status

MOST: Final = 50
PATIENCE_S: Final = 6.0
"""Less than a whole check may take, so that one that does not answer hides no other."""

Item = TypeVar("Item")


async def look_at_each(
    items: Sequence[Item],
    look: Callable[[Item], Awaitable[Finding]],
    *,
    label: Callable[[Item], str],
    patience_s: float = PATIENCE_S,
) -> list[Finding]:
    """Return what is found at each of the first MOST items, in order, and how many more there are.

    label: names an item that does not answer within patience_s.
    """

    async def one(item: Item) -> Finding:
        try:
            async with asyncio.timeout(patience_s):
                return await look(item)
        except TimeoutError:
            return Finding(Status.FAILED, f"{label(item)}: no answer within {patience_s:g} s", "is it overloaded?")

    found = list(await asyncio.gather(*(one(item) for item in items[:MOST])))
    if left := len(items[MOST:]):
        found.append(Finding(Status.SKIPPED, f"{left} more are not looked at"))
    return found
