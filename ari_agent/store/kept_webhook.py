"""What may be kept of a webhook that was sent: no more than the record of its call or chat holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select

from ari_agent.contract.storage_setting import keeps_everything
from ari_agent.contract.webhook_attempt import WebhookAttempt, read_attempts, stored_attempts, without_answers
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.store.call_parts import CallPart
from ari_agent.store.tables import calls, chats, outbox

FORGOTTEN_CHAT_MS: Final = 0
"""Stands in `silent_until_ms` of a chat that is over and whose transcript the retention has removed."""
HOLDS_THOSE_BEFORE: Final = WebhookEventName.TRANSCRIPT_UPDATED
"""The event of which each one holds what those before it hold."""

_THIS: Final = outbox.c.outbox_id == bindparam("this_id")
_WEBHOOK: Final = (outbox.c.event, outbox.c.attempt_log)
# Made once, as they are executed for each attempt. Locked: nobody changes or deletes the record until the transaction
# ends; who takes something out of it then finds what was written here, and takes it out of that as well.
_OF_CALL: Final = (
    select(*_WEBHOOK, calls.c.data_storage_setting, calls.c.forgotten)
    .join(calls, calls.c.call_id == outbox.c.call_id)
    .where(_THIS)
    .with_for_update(read=True, of=calls)
)
_OF_CHAT: Final = (
    select(*_WEBHOOK, chats.c.document, chats.c.silent_until_ms)
    .join(chats, chats.c.chat_id == outbox.c.call_id)
    .where(_THIS)
    .with_for_update(read=True, of=chats)
)


@dataclass(frozen=True, slots=True)
class KeptWebhook:
    """What may be kept of a webhook.

    keeps_body: what was sent. keeps_answers: what the receiver has answered, which may repeat it. attempts: those that
    are known so far.
    """

    keeps_body: bool
    keeps_answers: bool
    attempts: Sequence[WebhookAttempt] = ()

    def log_with(self, attempt: WebhookAttempt | None) -> str:
        """Return the attempts with this one more as they are stored."""
        attempts = [*self.attempts, *([attempt] if attempt else [])]
        return stored_attempts(attempts if self.keeps_answers else without_answers(attempts))


def kept_webhook(connection: Connection, outbox_id: int) -> KeptWebhook:
    """Return what may be kept of a webhook; of a call or chat that is gone, or was forgotten, that there was one."""
    this = {"this_id": outbox_id}
    if row := connection.execute(_OF_CALL, this).one_or_none():
        is_forgotten, setting = bool(row.forgotten & CallPart.TRANSCRIPT), row.data_storage_setting
    elif row := connection.execute(_OF_CHAT, this).one_or_none():
        is_forgotten = row.silent_until_ms == FORGOTTEN_CHAT_MS
        setting = json.loads(row.document).get("data_storage_setting")
    else:
        return KeptWebhook(keeps_body=False, keeps_answers=False)
    keeps_body = not is_forgotten and row.event != HOLDS_THOSE_BEFORE
    return KeptWebhook(keeps_body, not is_forgotten and keeps_everything(setting), read_attempts(row.attempt_log))
