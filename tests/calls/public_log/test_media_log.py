"""Counters of audio in the public log: differences, and messages with audio in each second."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from ari_agent.calls.media.call_media import MediaStats
from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.public_log.media_log import log_media
from ari_agent.calls.public_log.public_log import PublicLog


class Media:
    """A media half of which each look at its agent shows so many more messages with audio each way, and one other."""

    def __init__(self, log: PublicLog, audio: int, looks: int) -> None:
        self.seen = asyncio.Event()
        self._log, self._audio, self._last = log, audio, looks
        self._looks = 0

    @property
    def agent_messages(self) -> tuple[int, int]:
        self._looks += 1
        self._log.messages["received"] += 1
        if self._looks == self._last:
            self.seen.set()
        return (self._audio + 1) * self._looks, self._audio * self._looks

    @property
    def stats(self) -> MediaStats:
        return MediaStats(packets_received=50 * self._looks, packets_lost=3, caller_dbfs=-20.04, queued_ms=7)


async def logged(*, audio: int, looks: int) -> list[dict[str, Any]]:
    octets: list[bytes] = []
    log = PublicLog(lambda: octets.append, lambda: 0.0)
    log.open(keeps_content=True)
    media = Media(log, audio, looks)
    task = asyncio.create_task(log_media(log, cast("MediaHalf", media), each_s=0.0))
    await media.seen.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return [json.loads(line) for line in octets]


async def test_every_ten_seconds_what_was_added_is_told_and_the_rest_at_the_end() -> None:
    lines = await logged(audio=50, looks=14)
    assert [line["event"] for line in lines] == ["agent_audio", "media"] * 2
    assert lines[0]["received"] == lines[0]["sent"] == [50] * 10
    assert lines[1]["seconds"] == 10
    assert lines[1]["counters"] == {"packets_received": 500, "packets_lost": 3}
    assert (lines[1]["caller_dbfs"], lines[1]["queued_ms"]) == (-20.0, 7)
    assert lines[3]["counters"] == {"packets_received": 50 * lines[3]["seconds"]}


async def test_an_agent_whose_websocket_carries_no_audio_has_no_such_line() -> None:
    assert {line["event"] for line in await logged(audio=0, looks=10)} == {"media"}
