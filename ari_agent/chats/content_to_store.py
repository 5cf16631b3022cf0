"""Finds out what of a chat that is over may be stored, beside all other work: to find personal data takes seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from ari_agent.chats.stored_content import no_content, stored_content
from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.chat import Chat
from ari_agent.pii.personal_data import FindMore
from ari_agent.pii.record_fields import is_scrubbed

log = logging.getLogger(__name__)


async def content_to_store(
    chat: Chat, categories: frozenset[PiiCategory] | None, find_more: FindMore | None
) -> Mapping[str, Any]:
    """Return the attributes of a chat that change since it is over, as `stored_content` does; it never fails.

    Where personal data cannot be looked for, nothing stays of what was to be stored without it, and the log says so.
    """
    try:
        if is_scrubbed(chat.data_storage_setting, categories):
            return await asyncio.to_thread(stored_content, chat, categories, find_more)
        return stored_content(chat, categories)
    except Exception:  # whatever is wrong with it: what was not scrubbed must not be stored
        log.exception("personal data was not found", extra={"chat_id": chat.chat_id})
        return no_content(chat)
