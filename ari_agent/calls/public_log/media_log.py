"""Writes a call's counters into its public log: every 10 s, those of the agent's audio for each second of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from ari_agent.calls.media.call_media import MediaStats
from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.public_log.public_log import PublicLog

SECONDS: Final = 10
LEVELS: Final = frozenset({"caller_dbfs", "agent_dbfs", "queued_ms"})
"""Fields of MediaStats that are told as they are, and not by how much they have grown."""


async def log_media(log: PublicLog, media: MediaHalf, *, each_s: float = 1.0) -> None:
    """Write the counters of a call's media until cancelled, and once more then.

    each_s: how often the agent's messages with audio are counted, in seconds; every tenth time a line is written.
    """
    before = MediaStats()
    audio = _AudioMessages(log, media)
    try:
        while True:
            for _ in range(SECONDS):
                await asyncio.sleep(each_s)
                audio.count()
            before = _write(log, media.stats, before, audio)
    except Exception:  # a defect of the log must not end the call
        logging.getLogger(__name__).exception("counters are not told in the public log any more")
    finally:
        audio.count()
        _write(log, media.stats, before, audio)


class _AudioMessages:
    """How many messages with audio have passed the agent's websocket in each second since they were taken last."""

    def __init__(self, log: PublicLog, media: MediaHalf) -> None:
        self._log, self._media = log, media
        self._before = (0, 0)
        self._seconds: list[tuple[int, int]] = []

    def count(self) -> None:
        received, sent = self._media.agent_messages
        messages = self._log.messages
        now = (received - messages["received"], sent - messages["sent"])
        self._seconds.append((max(0, now[0] - self._before[0]), max(0, now[1] - self._before[1])))
        self._before = now

    def take(self) -> Mapping[str, list[int]]:
        seconds, self._seconds = self._seconds, []
        return {"received": [each[0] for each in seconds], "sent": [each[1] for each in seconds]}


def _write(log: PublicLog, stats: MediaStats, before: MediaStats, audio: _AudioMessages) -> MediaStats:
    audio_messages = audio.take()
    if any(map(any, audio_messages.values())):
        log.add("agent_audio", **audio_messages)
    earlier = asdict(before)
    counts = {name: value for name, value in asdict(stats).items() if isinstance(value, int) and name not in LEVELS}
    counters = {name: value - earlier[name] for name, value in counts.items() if value != earlier[name]}
    if not counters:
        return stats  # caller and target talk without us, for hours perhaps
    log.add(
        "media",
        seconds=len(audio_messages["sent"]),
        counters=counters,
        caller_dbfs=round(stats.caller_dbfs, 1),
        agent_dbfs=round(stats.agent_dbfs, 1),
        queued_ms=stats.queued_ms,
    )
    return stats
