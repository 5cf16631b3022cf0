"""The files that one call leaves behind, from the first byte to the links in its record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.spool import SpoolFile
from ari_agent.calls.media.recording_file import MIXED_FILE, STEREO_FILE, filler_of
from ari_agent.contract.call import Call
from ari_agent.contract.recording import NOTHING_TO_PAUSE
from ari_agent.errors import ArtefactError, CallError
from ari_agent.media.wave_file import WaveFormat

log = logging.getLogger(__name__)

FIELDS: Final[Mapping[str, str]] = {
    MIXED_FILE: "recording_url",
    STEREO_FILE: "recording_multi_channel_url",
}
"""The field of the call object that holds the link to a file, by the name of the file."""


class CallNotRecorded(CallError):
    """Raised by a request to pause the recording of a call that has none: 400."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call {call_id}: {NOTHING_TO_PAUSE}")


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

        def append(audio: bytes) -> None:
            if file in self._files:  # a media half may be closed late, where Asterisk stalls
                file.append(audio)

        return append

    async def finish(self, call: Call, now_ms: int) -> Mapping[str, str]:
        """Complete all files; return the links to them, by the field of the call object. Bounded by the spool's time.

        now_ms: milliseconds since 1970, from which on links are good.
        """
        files, self._files = self._files, []
        if self._artefacts is None or not files:
            return {}
        names = [name for file in files for name in await file.finish()]
        return self._artefacts.urls(names, FIELDS, expires=bool(call.opt_in_signed_url), now_ms=now_ms)


async def links_of_abandoned(artefacts: Artefacts, call: Call, now_ms: int) -> Mapping[str, str]:
    """Return the links to what a call of an earlier run has left, as CallFiles.finish does."""
    names = artefacts.left.get(call.call_id, ())
    if not names:  # it may have been completed, and moved, just before the end
        try:
            names = await artefacts.store.names(call.call_id)
        except ArtefactError as error:
            log.error("files of a call not found: %s", error, extra={"call_id": call.call_id})
            return {}
    return artefacts.urls(names, FIELDS, expires=bool(call.opt_in_signed_url), now_ms=now_ms)


def _to_nowhere(_: bytes) -> None:
    """Drop a piece of audio, because no artefacts are kept."""
