"""How long something of calls is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """How long something of calls is kept, in days from when they began; 0: for ever, or as long as the call.

    records: whole calls, and chats; an agent's data_storage_retention_days may be shorter. transcripts: of both.
    """

    records: int = 0
    transcripts: int = 0
    recordings: int = 0
    logs: int = 0
