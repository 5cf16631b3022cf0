"""An event loop whose clock a test can turn forward, so that what waits for minutes happens at once."""

from __future__ import annotations

import asyncio


class TurnedLoop(asyncio.SelectorEventLoop):
    """Everything that the loop was asked to do by then is done at its next turn."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_s = 0.0

    def time(self) -> float:
        """See AbstractEventLoop."""
        return super().time() + self._ahead_s

    def turn(self, seconds: float) -> None:
        """Forward. No test may wait with a timeout of its own meanwhile: it would be over."""
        self._ahead_s += seconds


def turn(seconds: float) -> None:
    """Forward the loop that runs now."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TurnedLoop)
    loop.turn(seconds)
