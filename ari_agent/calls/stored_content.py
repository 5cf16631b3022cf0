"""What of a call's content may be stored, by its data_storage_setting: all, all but personal data, or nothing. Pure.

    everything             what was said stays, with a scrubbed transcript beside it where the agent names categories
    everything_except_pii  what was said is replaced by the scrubbed transcript, and so are variables, metadata, ...
    basic_attributes_only  there is no content

Source: Retell, "Data Storage Settings" and "Create Agent" (2026-08): `pii_config` with mode `post_call`. With
everything_except_pii and no categories, all that is recognised is removed: Retell removes nothing then, which is not
what the setting says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.call import Call
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.contract.storage_setting import STRUCTURED, keeps_everything
from ari_agent.contract.transcript import as_text
from ari_agent.pii.personal_data import FindMore
from ari_agent.pii.record_fields import scrubbed_fields, scrubber_for
from ari_agent.pii.scrubber import TimeSpan

CONTENT: Final = TRANSCRIPTS | {"collected_dynamic_variables"}
"""The keys of a call object that hold what was said in it."""
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
    scrubber = scrubber_for(call.data_storage_setting, categories, (call.from_number, call.to_number), find_more)
    if scrubber is None:
        return StoredContent({}, None)
    is_replaced = call.data_storage_setting == "everything_except_pii"
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
        changes |= scrubbed_fields(call, scrubber)
        if call.faults:
            changes["faults"] = tuple(map(scrubber.text, call.faults))
        if call.hangup and call.hangup.reason:
            changes["hangup"] = call.hangup.model_copy(update={"reason": scrubber.text(call.hangup.reason)})
    # Of a call without a transcript nobody knows what was said in it.
    return StoredContent(changes, speech.heard if call.transcript_object else None)


def told_reason(call: Call, categories: frozenset[PiiCategory] | None, why: str) -> str:
    """Return what went wrong in a call as it may be stored: the close reason of an agent may repeat what was said."""
    numbers = (call.from_number, call.to_number)
    is_replaced = call.data_storage_setting == "everything_except_pii"
    scrubber = scrubber_for(call.data_storage_setting, categories, numbers) if is_replaced else None
    return scrubber.text(why) if scrubber else why


def no_content(call: Call) -> StoredContent:
    """Return what is stored of a call that cannot be scrubbed, or must not be stored: nothing but by `everything`."""
    if keeps_everything(call.data_storage_setting):
        return StoredContent({}, None)
    gone = CONTENT.union(STRUCTURED if call.data_storage_setting == "everything_except_pii" else ())
    return StoredContent({key: None for key in sorted(gone) if getattr(call, key) is not None}, None)
