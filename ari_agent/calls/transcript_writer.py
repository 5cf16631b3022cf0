"""When what is said in a call is written into its record: at most once a second, and never in the way of the call.

    something was said ──1 s──▶ due: the call writes its record ──▶ stored, beside the call's loop
                                    ▲                                  │
                                    └── said meanwhile: 1 s later ─────┘

An agent may tell of many words in a second, and what it tells grows with the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from ari_agent.calls.record import CallRecord

WRITE_AFTER_S: Final = 1.0


class TranscriptWriter:
    """Decides when the transcript of one call is written.

    on_due: called when it is time for `write`. save: stores the record as it is.
    """

    def __init__(self, *, on_due: Callable[[], None], save: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._on_due = on_due
        self._save = save
        self._timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None

    def soon(self, record: CallRecord) -> None:
        """Arrange that the record is written soon, if something was said since the last time."""
        if record.has_news and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_AFTER_S, self._on_due)

    def write(self, record: CallRecord) -> None:
        """Write what was said into the record. Never waits: a slow database must not delay a caller who hangs up."""
        self._timer = None
        if self._saving and not self._saving.done():
            self.soon(record)
            return
        record.write_transcript()
        self._saving = asyncio.create_task(self._save())

    async def close(self) -> None:
        """Stop: no `on_due` follows. Waits for a write that has begun, lest it overwrite the call's last state."""
        if self._timer:
            self._timer.cancel()
        if self._saving:
            await asyncio.wait([self._saving])
