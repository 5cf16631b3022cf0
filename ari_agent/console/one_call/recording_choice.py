"""Which of a call's recordings a page plays. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.console.one_call.artefact_links import artefact_of
from ari_agent.contract.call import Call


@dataclass(frozen=True, slots=True)
class ChosenRecording:
    """A recording of a call. is_stereo: the caller left, the agent right. is_scrubbed: without personal data."""

    name: ArtefactName
    is_stereo: bool
    is_scrubbed: bool


def recording_of(call: Call, *, for_others: bool = False) -> ChosenRecording | None:
    """Return the recording that is played: one without personal data where there is such a one, and stereo before mono.

    for_others: who has a link and no login; of a call in which personal data was found, none that holds it.
    None: the call has no recording of ours that may be played.
    """
    only_scrubbed = for_others and call.scrubbed_transcript_with_tool_calls is not None
    kinds = (
        (call.scrubbed_recording_multi_channel_url, True, True),
        (call.scrubbed_recording_url, False, True),
        (call.recording_multi_channel_url, True, False),
        (call.recording_url, False, False),
    )
    for url, is_stereo, is_scrubbed in kinds:
        name = artefact_of(url)
        if name is not None and name.call_id == call.call_id and (is_scrubbed or not only_scrubbed):
            return ChosenRecording(name, is_stereo, is_scrubbed)
    return None
