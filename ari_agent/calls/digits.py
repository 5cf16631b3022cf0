"""The DTMF digits that are on their way to a caller.

Asterisk plays what it is handed to the end: meanwhile it does nothing else with the channel that it is asked for, not
even hang it up. So it is handed no more than a second of digits at once, and the rest waits here, where it can be
dropped: a call that ends, and a caller who leaves for a transfer, wait for no digits.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from ari_agent.errors import CallError

MAX_WAITING: Final = 64
"""How many digits and pauses of one call may wait to be sent."""
_KEYS_AT_ONCE: Final = 5
_KEY_S: Final = 0.2
"""How long Asterisk takes for one key: 100 ms, and as long a pause."""
_PAUSES_S: Final = {"w": 0.5, "W": 1.0}
_PORTION: Final = re.compile(rf"[wW]|[^wW]{{1,{_KEYS_AT_ONCE}}}")


class TooManyDigits(CallError):
    """Raised when more digits would wait to be sent than may: 400."""

    def __init__(self, waiting: int, more: int) -> None:
        super().__init__(
            f"{waiting} digits and pauses wait to be sent, and {more} more are too many: at most {MAX_WAITING} may "
            "wait; send the rest when these have been played"
        )
        self.waiting, self.more = waiting, more


class Digits:
    """The digits of one call that wait to be sent. send: hands some to Asterisk, which plays them."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._portions: deque[str] = deque()
        self._is_playing = False
        self._lasts_s = 0.0

    @property
    def waiting(self) -> int:
        """How many digits and pauses wait to be sent."""
        return sum(map(len, self._portions))

    async def begin(self, digits: str) -> bool:
        """Send digits (`0-9 A-D * #`, and `w` and `W` for pauses), after those that wait already.

        Returns whether nobody plays them yet: then `play` is to be run.

        Raises:
            TooManyDigits: more than MAX_WAITING would wait; nothing is added.
            AsteriskError: Asterisk did not take the first of them; nothing waits any more.
        """
        if self.waiting + len(digits) > MAX_WAITING:
            raise TooManyDigits(self.waiting, len(digits))
        self._portions += portions(digits)
        if self._is_playing:
            return False
        self._is_playing = True
        try:
            await self._send_next()
        except BaseException:
            self._stop()
            raise
        return True

    async def play(self) -> None:
        """Send what waits, a second of it at a time, until nothing waits.

        Raises:
            AsteriskError: Asterisk did not take some of it; the rest is dropped.
        """
        try:
            await asyncio.sleep(self._lasts_s)
            while self._portions:
                await self._send_next()
                await asyncio.sleep(self._lasts_s)
        finally:
            self._stop()

    async def _send_next(self) -> None:
        portion = self._portions.popleft()
        self._lasts_s = _PAUSES_S.get(portion, len(portion) * _KEY_S)
        if portion not in _PAUSES_S:
            await self._send(portion)

    def _stop(self) -> None:
        self._is_playing = False
        self.clear()

    def clear(self) -> None:
        """Drop what waits. What Asterisk has been handed is played yet, for up to a second."""
        self._portions.clear()


def portions(digits: str) -> Iterator[str]:
    """Yield the digits in portions of one pause, or of up to a second of keys."""
    yield from _PORTION.findall(digits)
