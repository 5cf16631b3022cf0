"""The recordings of a call that is over without its personal data: silence where that was said.

Both files are made of the stereo one, in which the spans that the transcript's words tell are overwritten, on both
sides. Where nobody knows when it was said, there is none, rather than one that says too much.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import Artefacts, OpenArtefact
from ari_agent.artefacts.spool import Finisher, Spool
from ari_agent.calls.media.recording_file import MIXED_FILE, STEREO_FILE, filler_of, finish_recording
from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.call import Call
from ari_agent.errors import ArtefactError
from ari_agent.media.wave_file import HEADER_BYTES, WaveFormat, read_header
from ari_agent.pii.scrubber import TimeSpan

log = logging.getLogger(__name__)

SCRUBBED_STEREO_FILE: Final = "scrubbed_recording_multi_channel.wav"
SCRUBBED_MIXED_FILE: Final = "scrubbed_recording.wav"
MARGIN_S: Final = 0.25
"""As much before and behind what was said is silent as well: the times of words are a recognizer's guesses."""
FINISH_S: Final = 60.0

FINISHERS: Final[Mapping[str, Finisher]] = {
    STEREO_FILE: finish_recording,
    SCRUBBED_STEREO_FILE: partial(finish_recording, mixed_file=SCRUBBED_MIXED_FILE),
}
"""What completes the files of recordings, by their names."""
_FIELDS: Final = {
    SCRUBBED_STEREO_FILE: "scrubbed_recording_multi_channel_url",
    SCRUBBED_MIXED_FILE: "scrubbed_recording_url",
}
UNSCRUBBED: Final = {STEREO_FILE: "recording_multi_channel_url", MIXED_FILE: "recording_url"}
"""The fields that hold the links to what was recorded, by the name of the file."""


async def kept_recordings(
    artefacts: Artefacts,
    call: Call,
    categories: frozenset[PiiCategory] | None,
    heard: Sequence[TimeSpan] | None,
    *,
    now_ms: int,
) -> Mapping[str, str | None]:
    """Make the scrubbed recordings of a call if its agent wants them, and remove those that must not be kept.

    Returns the fields of the call object that change. categories: what its agent wants removed, None: nothing named.
    heard: when personal data was said; None: nobody knows. now_ms: from when on links are good.
    """
    if not (call.recording_multi_channel_url or call.recording_url):
        return {}
    changes: dict[str, str | None] = {}
    if call.data_storage_setting != "basic_attributes_only" and (
        call.data_storage_setting == "everything_except_pii" or categories is not None
    ):
        names = await _scrubbed(artefacts, call.call_id, heard)
        changes |= artefacts.urls(names, _FIELDS, call=call, now_ms=now_ms)
    if call.data_storage_setting in {"everything_except_pii", "basic_attributes_only"}:
        changes |= dict.fromkeys(UNSCRUBBED.values())
        await _remove(artefacts, call.call_id, UNSCRUBBED)
    return changes


async def _scrubbed(artefacts: Artefacts, call_id: str, heard: Sequence[TimeSpan] | None) -> Sequence[ArtefactName]:
    """Make both scrubbed files; return their names. None are left of an earlier run, which may be half of it."""
    await _remove(artefacts, call_id, _FIELDS)
    if heard is None:
        log.info("no scrubbed recording: nobody told when each word was said", extra={"call_id": call_id})
        return ()
    try:
        async with artefacts.opened(ArtefactName(call_id, STEREO_FILE)) as stereo:
            return await _silenced(artefacts.spool, call_id, stereo, heard) if stereo else ()
    except (ArtefactError, OSError, ValueError) as error:
        log.error("no scrubbed recording: %s", error, extra={"call_id": call_id})
        return ()


async def _silenced(
    spool: Spool, call_id: str, stereo: OpenArtefact, heard: Sequence[TimeSpan]
) -> Sequence[ArtefactName]:
    recording = read_header(b"".join([piece async for piece in stereo.read(0, HEADER_BYTES)]))
    file = spool.open(call_id, SCRUBBED_STEREO_FILE, filler=filler_of(recording))
    file.append(recording.header())
    at = 0
    async for piece in stereo.read(HEADER_BYTES, stereo.size_bytes):
        file.append(silenced(piece, at, recording, heard))
        at += len(piece)
        await spool.run_in_order(lambda: None)  # no more of it waits than this, whatever its length
    return await file.finish(timeout_s=FINISH_S)


def silenced(audio: bytes, at: int, recording: WaveFormat, heard: Sequence[TimeSpan]) -> bytes:
    """Return a piece of a recording with silence for what was heard then. at: its place in the audio, in bytes."""
    quiet = bytearray(audio)
    for span in heard:
        first, last = max(0.0, span.start_s - MARGIN_S), max(0.0, span.end_s + MARGIN_S)
        begin, end = (int(each * recording.samples.rate_hz) * recording.block_bytes - at for each in (first, last))
        begin, end = max(0, begin), min(len(quiet), end)
        if begin < end:
            quiet[begin:end] = filler_of(recording) * (end - begin)
    return bytes(quiet)


async def _remove(artefacts: Artefacts, call_id: str, files: Iterable[str]) -> None:
    try:
        await artefacts.remove([ArtefactName(call_id, file) for file in files])
    except ArtefactError as error:  # nobody gets a link to it, and the retention tries again
        log.error("a recording is not removed yet: %s", error, extra={"call_id": call_id})
