"""What of a chat that is over may be stored, by its data_storage_setting: all, all but personal data, or nothing. Pure.

As of calls, see calls/stored_content.py. What was written is one text a message, so there is nothing to recognise it by
but the messages themselves. `scrubbed_message_with_tool_calls` is a key of our own; Retell documents it only of tools
that run before and after a chat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.chat import Chat, as_text
from ari_agent.contract.chat_list import CONTENT
from ari_agent.contract.storage_setting import STRUCTURED, keeps_everything
from ari_agent.pii.personal_data import FindMore
from ari_agent.pii.record_fields import scrubbed_fields, scrubber_for


def stored_content(
    chat: Chat, categories: frozenset[PiiCategory] | None, find_more: FindMore | None = None
) -> Mapping[str, Any]:
    """Return the attributes of a chat that is over that change, since less of it is stored. It may take seconds.

    categories: what its agent wants removed; None: it names none. find_more: finds what is not built in.
    """
    if chat.data_storage_setting == "basic_attributes_only":
        return no_content(chat)
    scrubber = scrubber_for(chat.data_storage_setting, categories, (chat.from_number, chat.to_number), find_more)
    if scrubber is None:
        return {}
    changes: dict[str, Any] = {}
    if chat.message_with_tool_calls is not None:
        changes["scrubbed_message_with_tool_calls"] = items = tuple(scrubber.messages(chat.message_with_tool_calls))
        if chat.data_storage_setting == "everything_except_pii":
            changes |= {"message_with_tool_calls": items, "transcript": as_text(items)}
    if chat.data_storage_setting == "everything_except_pii":
        changes |= scrubbed_fields(chat, scrubber)
    return changes


def no_content(chat: Chat) -> Mapping[str, Any]:
    """Return what changes of a chat that cannot be scrubbed, or must not be stored: nothing but by `everything`."""
    if keeps_everything(chat.data_storage_setting):
        return {}
    gone = CONTENT.union(STRUCTURED if chat.data_storage_setting == "everything_except_pii" else ())
    changes: dict[str, Any] = {key: None for key in sorted(gone) if getattr(chat, key, None) is not None}
    if chat.chat_analysis:
        changes |= {"chat_analysis": chat.chat_analysis.without_words(), "analysis_report": None}
    return changes
