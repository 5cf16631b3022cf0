"""The files that one call leaves behind, from the first byte to the links in its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.spool import SpoolFile
from ari_agent.calls.media.recording_file import MIXED_FILE, STEREO_FILE, filler_of
from ari_agent.media.wave_file import WaveFormat

FIELDS: Final[Mapping[str, str]] = {
    MIXED_FILE: "recording_url",
    STEREO_FILE: "recording_multi_channel_url",
}
"""The field of the call object that holds the link to a file, by the name of the file."""


class CallFiles:
    """The files of one call. artefacts: where they are kept; None where nothing is."""

    def __init__(self, call_id: str, artefacts: Artefacts | None) -> None:
        self._call_id, self._artefacts = call_id, artefacts
        self._files: list[SpoolFile] = []

    def open_recording(self, recording: WaveFormat) -> Callable[[bytes], None]:
        """Open the recording, and return what appends audio to it. See OpenRecording."""
        if self._artefacts is None:
            return _to_nowhere
        file = self._artefacts.spool.open(self._call_id, STEREO_FILE, filler=filler_of(recording))
        file.append(recording.header())
        self._files.append(file)
        return file.append

    async def finish(self, *, expires: bool, now_ms: int) -> Mapping[str, str]:
        """Complete all files; return the links to them, by the field of the call object. Bounded by the spool's time.

        expires: whether the links do. now_ms: milliseconds since 1970.
        """
        files, self._files = self._files, []
        if self._artefacts is None or not files:
            return {}
        names = [name for file in files for name in await file.finish()]
        return self._artefacts.urls(names, FIELDS, expires=expires, now_ms=now_ms)


def _to_nowhere(_: bytes) -> None:
    """Drop a piece of audio, because no artefacts are kept."""
