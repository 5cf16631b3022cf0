"""What of a call's content may be stored, by its data_storage_setting: all, all but personal data, or nothing. Pure.

    everything             what was said stays, with a scrubbed transcript beside it where the agent names categories
    everything_except_pii  what was said is replaced by the scrubbed transcript, and so are variables, metadata, ...
    basic_attributes_only  there is no content

Source: Retell, "Data Storage Settings" and "Create Agent" (2026-08): `pii_config` with mode `post_call`, and scrubbing
"across the transcript, recording, public logs, and structured fields". With everything_except_pii and no categories,
all that is recognised is removed: Retell removes nothing then, which is not what the setting says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.call import Call
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.contract.transcript import as_text
from ari_agent.pii.personal_data import BUILT_IN, FindMore, Recognizer
from ari_agent.pii.phone_numbers import regions_of
from ari_agent.pii.scrubber import Scrubber, TimeSpan

CONTENT: Final = TRANSCRIPTS | {"collected_dynamic_variables"}
"""The keys of a call object that hold what was said in it."""
STRUCTURED: Final = (
    "metadata",
    "retell_llm_dynamic_variables",
    "collected_dynamic_variables",
    "custom_sip_headers",
    "custom_attributes",
)
"""The keys that clients and callers fill, and in which personal data may be."""
_SCRUBBED: Final[Mapping[str, str]] = {
    "transcript_with_tool_calls": "scrubbed_transcript_with_tool_calls",
    "pre_session_transcript_with_tool_calls": "scrubbed_pre_session_transcript_with_tool_calls",
    "post_session_transcript_with_tool_calls": "scrubbed_post_session_transcript_with_tool_calls",
}
"""Transcripts, and the keys that hold them without personal data."""


@dataclass(frozen=True, slots=True)
class StoredContent:
    """What is stored of the content of a call that is over.

    changes: the values of the call object's attributes, by name. heard: when personal data was said; None where nobody
    knows, so that no part of a recording can be called free of it.
    """

    changes: Mapping[str, Any]
    heard: Sequence[TimeSpan] | None = ()


def stored_content(
    call: Call, categories: frozenset[PiiCategory] | None, find_more: FindMore | None = None
) -> StoredContent:
    """Return what is stored of a call that is over. call: with all that was said in it. It may take seconds.

    categories: what its agent wants removed; None: it names none. find_more: finds what is not built in.
    """
    if call.data_storage_setting == "basic_attributes_only":
        return no_content(call)
    is_replaced = call.data_storage_setting == "everything_except_pii"
    if not is_replaced and categories is None:
        return StoredContent({}, None)
    categories = BUILT_IN if categories is None else categories
    recognizer = Recognizer(categories, regions_of((call.from_number, call.to_number)), find_more)
    scrubber = Scrubber(recognizer)
    changes: dict[str, Any] = {}
    for key, scrubbed_key in _SCRUBBED.items():
        if (items := getattr(call, key)) is not None:
            changes[scrubbed_key] = tuple(scrubber.items(items))
            if is_replaced:
                changes[key] = changes[scrubbed_key]
    speech = scrubber.speech(call.transcript_object or ())
    if is_replaced:
        if call.transcript_object is not None:
            utterances = tuple(speech.utterances)
            changes |= {"transcript_object": utterances, "transcript": as_text(utterances)}
        for key in STRUCTURED:
            if (value := getattr(call, key)) is not None:
                changes[key] = scrubber.json_value(value)
    # Of a call without a transcript nobody knows what was said in it.
    return StoredContent(changes, speech.heard if call.transcript_object else None)


def no_content(call: Call) -> StoredContent:
    """Return what is stored of a call that cannot be scrubbed, or must not be stored: nothing but by `everything`."""
    if call.data_storage_setting in {None, "everything"}:
        return StoredContent({}, None)
    return StoredContent({key: None for key in CONTENT if getattr(call, key) is not None}, None)
