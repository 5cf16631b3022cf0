"""What may be kept of a webhook that was sent: no more than the record of its call or chat holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from ari_agent.contract.storage_setting import keeps_everything
from ari_agent.store.call_parts import CallPart
from ari_agent.store.tables import calls, chats

FORGOTTEN_CHAT_MS: Final = 0
"""Stands in `silent_until_ms` of a chat that is over and whose transcript the retention has removed."""


@dataclass(frozen=True, slots=True)
class KeptWebhook:
    """What may be kept. body: what was sent; answers: what the receiver has answered, which may repeat it."""

    body: bool
    answers: bool


_NOTHING: Final = KeptWebhook(body=False, answers=False)


def kept_webhook(connection: Connection, call_id: str) -> KeptWebhook:
    """Return what may be kept of the webhooks of a call or chat: nothing of one that is gone, or was forgotten.

    Until the transaction ends nobody changes or deletes the record: who takes something out of it then finds, and takes
    it out of, what was written here.
    """
    facts = (calls.c.data_storage_setting, calls.c.forgotten)
    chosen = select(*facts).where(calls.c.call_id == call_id).with_for_update(read=True)
    if call := connection.execute(chosen).one_or_none():
        if call.forgotten & CallPart.TRANSCRIPT:
            return _NOTHING
        return KeptWebhook(body=True, answers=keeps_everything(call.data_storage_setting))
    of_chat = select(chats.c.document, chats.c.silent_until_ms).where(chats.c.chat_id == call_id)
    chat = connection.execute(of_chat.with_for_update(read=True)).one_or_none()
    if chat is None or chat.silent_until_ms == FORGOTTEN_CHAT_MS:
        return _NOTHING
    return KeptWebhook(body=True, answers=keeps_everything(json.loads(chat.document).get("data_storage_setting")))
