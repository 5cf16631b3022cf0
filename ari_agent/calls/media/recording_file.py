"""Completes the recording of a call: its header, and the mix of both channels in a file beside it.

The same is done with what a crash has left: all that a recording needs is in its first bytes and its size.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from ari_agent.media.audio import LINEAR_16K, ULAW
from ari_agent.media.wave_file import HEADER_BYTES, WaveFormat, mixed, read_header

STEREO_FILE: Final = "recording_multi_channel.wav"
"""The file with the caller left and the agent right, which grows while the call goes on."""
MIXED_FILE: Final = "recording.wav"
"""The file with both in one channel, which is made of it."""


def filler_of(recording: WaveFormat) -> bytes:
    """Return the byte that stands for one that could not be written: silence."""
    return recording.samples.silence[:1]


_FORMAT_OF_FILLER: Final = {filler_of(found) * HEADER_BYTES: found for found in map(WaveFormat, (ULAW, LINEAR_16K))}


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """What a complete file holds. recording: its format. duration_s: for how many seconds it goes."""

    recording: WaveFormat
    duration_s: float


def recorded_part(path: Path) -> RecordedPart | None:
    """Return what a complete file holds; None where it is no recording, or cannot be read."""
    try:
        with path.open("rb") as file:
            recording = read_header(file.read(HEADER_BYTES))
        return RecordedPart(recording, (path.stat().st_size - HEADER_BYTES) / recording.bytes_per_s)
    except (OSError, ValueError):
        return None


def finish_recording(path: Path, *, mixed_file: str = MIXED_FILE) -> Sequence[str]:
    """Write the length of a recording into its header, and the mix beside it; return the name of that.

    path: a file of which the whole header may be missing, where the disk did not take it: filler is in its place.

    Raises:
        ValueError: it is no recording. OSError: the disk does not take it.
    """
    with path.open("r+b") as stereo:
        head = stereo.read(HEADER_BYTES)
        recording = _FORMAT_OF_FILLER.get(head) or read_header(head)
        audio_bytes = path.stat().st_size - HEADER_BYTES
        audio_bytes -= audio_bytes % recording.block_bytes
        stereo.truncate(HEADER_BYTES + audio_bytes)
        stereo.seek(0)
        stereo.write(recording.header(audio_bytes))
        stereo.flush()
        into = path.with_name(mixed_file)
        try:
            with open(into, "wb", opener=_for_us_alone) as mono:
                _write_mix(stereo, mono, recording, audio_bytes)
        except OSError:
            with contextlib.suppress(OSError):
                into.unlink()
            raise
    return [mixed_file]


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_mix(stereo: BinaryIO, mono: BinaryIO, recording: WaveFormat, audio_bytes: int) -> None:
    mono.write(recording.mono().header(audio_bytes // 2))
    # A second at a time: the threads of calls wait for no more of it than that.
    while piece := stereo.read(recording.bytes_per_s):
        mono.write(mixed(piece, recording.samples))
