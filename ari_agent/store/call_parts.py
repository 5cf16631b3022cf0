"""The parts of a call that may be kept for a shorter time than its record. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntFlag
from typing import Final

from ari_agent.contract.call_list import TRANSCRIPTS


class CallPart(IntFlag):
    """A part of a call, as a bit of the column `forgotten`."""

    TRANSCRIPT = 1
    RECORDING = 2
    LOG = 4


KEYS: Final[Mapping[CallPart, Collection[str]]] = {
    CallPart.TRANSCRIPT: TRANSCRIPTS | {"collected_dynamic_variables"},
    CallPart.RECORDING: (
        "recording_url",
        "recording_multi_channel_url",
        "scrubbed_recording_url",
        "scrubbed_recording_multi_channel_url",
    ),
    CallPart.LOG: ("public_log_url", "knowledge_base_retrieved_contents_url"),
}
"""The keys of the call object that hold each part, or the link to it."""
EXTENSIONS: Final[Mapping[CallPart, str]] = {CallPart.RECORDING: ".wav", CallPart.LOG: ".jsonl"}
"""What the names of the files end with that hold it."""
