"""Has the trunks in Asterisk follow phone numbers that other controllers on the same database make, change and delete.

Agents and numbers are read anew for each call. Only trunks are kept elsewhere: each controller has its own in Asterisk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ari_agent.errors import StoreError
from ari_agent.store.phone_numbers import PhoneNumbers

log = logging.getLogger(__name__)

LOOK_EACH_S: Final = 0.5


class NumberWatch:
    """Looks at the numbers again and again. refresh: brings the trunk of one up to date. See TrunkSync.refresh."""

    def __init__(
        self,
        numbers: PhoneNumbers,
        refresh: Callable[[str], Awaitable[str | None]],
        *,
        look_each_s: float = LOOK_EACH_S,
    ) -> None:
        self._numbers, self._refresh, self._look_each_s = numbers, refresh, look_each_s
        self._turn = asyncio.Lock()
        self._state: tuple[int, int] | None = None
        self._known: Mapping[str, int] = {}

    async def refresh(self, phone_number: str) -> str | None:
        """Bring the trunk of a number up to date that was changed here. See TrunkSync.refresh."""
        async with self._turn:
            answer = await self._refresh(phone_number)
            try:
                modified_ms = (await self._numbers.modified_ms()).get(phone_number)
            except StoreError:
                return answer
            others = {number: known for number, known in self._known.items() if number != phone_number}
            self._known = others if modified_ms is None else {**others, phone_number: modified_ms}
        return answer

    async def run(self) -> None:
        """Bring up to date what others have changed, until cancelled. What there is at first is up to date already."""
        while True:
            try:
                await self._look()
            except StoreError as error:
                log.debug("changed numbers are looked for later: %s", error)
            await asyncio.sleep(self._look_each_s)

    async def _look(self) -> None:
        state = await self._numbers.state()
        if state == self._state:
            return
        async with self._turn:
            known, is_first = await self._numbers.modified_ms(), self._state is None
            changed = sorted(number for number, _ in known.items() ^ self._known.items())
            self._state, self._known = state, known
            if is_first:
                return
            for number in dict.fromkeys(changed):
                log.info("another controller has changed a number", extra={"phone_number": number})
                await self._refresh(number)
