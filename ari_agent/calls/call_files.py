"""The files that one call leaves behind, from the first byte to the links in its record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.spool import SpoolFile
from ari_agent.calls.media.recording_file import MIXED_FILE, STEREO_FILE, RecordedPart, filler_of, recorded_part
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
STORE_ANSWERS_S: Final = 5.0
"""How long the store may take to tell which files of a call it has, at a start."""


class CallNotRecorded(CallError):
    """Raised by a request to pause the recording of a call that has none: 400."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call {call_id}: {NOTHING_TO_PAUSE}")


class CallFiles:
    """The files that one call leaves behind. artefacts: where they are kept; None where nothing is kept."""

    def __init__(self, call_id: str, artefacts: Artefacts | None) -> None:
        self._call_id, self._artefacts = call_id, artefacts
        self._recording: SpoolFile | None = None
        self._left: RecordedPart | None = None
        self._gap_s = 0.0
        self._is_finished = artefacts is None

    async def resume(self) -> float:
        """Go on with the recording of an earlier run, if the spool holds one; return for how many seconds it goes."""
        name = ArtefactName(self._call_id, STEREO_FILE)
        if self._artefacts and self._artefacts.spool.is_held(name):
            self._left = await asyncio.to_thread(recorded_part, self._artefacts.spool.path_of(name))
        return self._left.duration_s if self._left else 0.0

    def resume_at(self, elapsed_s: float) -> None:
        """Have silence recorded from where the earlier run ended to here. elapsed_s: since the call was answered."""
        self._gap_s = max(0.0, elapsed_s - self._left.duration_s) if self._left else 0.0

    def open_recording(self, recording: WaveFormat) -> Callable[[bytes], None]:
        """Return the function that appends audio to the call's recording, whose file is made with the first audio.

        recording: the format of that audio. See OpenRecording.
        """

        def append(audio: bytes) -> None:
            if self._is_finished or self._artefacts is None:
                return  # a media half may be closed late, where Asterisk stalls
            if self._left and self._left.recording != recording:
                self._is_finished = True
                log.warning("not recorded any more: the audio has another format now", extra={"call_id": self._call_id})
                return
            if self._recording is None:
                filler = filler_of(recording)
                self._recording = self._artefacts.spool.open(self._call_id, STEREO_FILE, filler=filler)
                if self._left is None:
                    self._recording.append(recording.header())
                self._recording.owe(round(self._gap_s * recording.samples.rate_hz) * recording.block_bytes)
            self._recording.append(audio)

        return append

    async def finish(self, call: Call, now_ms: int) -> Mapping[str, str]:
        """Complete all files, and return the links to them, by the field of the call object.

        This takes FINISH_S of the spool at most: where the disk needs longer, the links lead to files that are complete
        a little later. now_ms: milliseconds since 1970, from which on links are good.
        """
        self._is_finished, file, self._recording = True, self._recording, None
        if self._artefacts is None or file is None:
            return {}
        names = await file.finish()
        if not names and file.size_bytes:
            names = (file.name, ArtefactName(self._call_id, MIXED_FILE))
        return self._artefacts.urls(names, FIELDS, call=call, now_ms=now_ms)


class AbandonedFiles:
    """Finds the files that calls of an earlier run have left. artefacts: where they are; None where nothing is kept."""

    def __init__(self, artefacts: Artefacts | None) -> None:
        self._artefacts = artefacts
        self._store_answers = True

    async def links(self, call: Call, now_ms: int) -> Mapping[str, str]:
        """Return the links to the files of a call, as CallFiles.finish does.

        Some or all of them were completed, and moved into the store, just before the end. A store that does not answer
        within STORE_ANSWERS_S is not asked again: a start waits for no more than that.
        """
        if self._artefacts is None:
            return {}
        names = set(self._artefacts.left.get(call.call_id, ()))
        if call.start_timestamp is not None:
            names |= set(await self._stored(self._artefacts, call.call_id))
        return self._artefacts.urls(names, FIELDS, call=call, now_ms=now_ms)

    def held_links(self, call: Call, now_ms: int) -> Mapping[str, str]:
        """Return the links to the files of a call that may go on, and keep these files where they can grow on."""
        if self._artefacts is None:
            return {}
        self._artefacts.spool.hold(call.call_id)
        names = self._artefacts.left.get(call.call_id, ())
        return self._artefacts.urls(names, FIELDS, call=call, now_ms=now_ms)

    async def _stored(self, artefacts: Artefacts, call_id: str) -> Sequence[ArtefactName]:
        if not self._store_answers:
            return ()
        try:
            async with asyncio.timeout(STORE_ANSWERS_S):
                return await artefacts.store.names(call_id)
        except (ArtefactError, TimeoutError) as error:
            self._store_answers = False
            log.error("files of an earlier run not looked for: %s", error or "no answer", extra={"call_id": call_id})
            return ()
