"""Dead letters: list them, send them again, forget them."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_nothing, answer_page
from ari_agent.api.body import read_query, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import delete, get, post
from ari_agent.contract.dead_webhook import (
    DeadWebhook,
    DeadWebhookFilter,
    DeadWebhookPage,
    DeadWebhookQuery,
    ReplayedWebhooks,
)
from ari_agent.contract.webhook_event import DeadLetter
from ari_agent.store.outbox import Outbox

_WEBHOOK_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def _outbox(request: web.Request) -> Outbox:
    return request.app[DEPENDENCIES].store.outbox


def _shown(letter: DeadLetter) -> dict[str, Any]:
    event = letter.event
    return DeadWebhook(
        webhook_id=letter.outbox_id,
        event=event.event,
        call_id=event.call_id,
        url=event.url,
        attempts=letter.attempts,
        last_error=letter.why,
        created_timestamp=letter.created_ms,
        failed_timestamp=letter.failed_ms,
        payload=json.loads(event.body),
    ).as_json()


async def list_dead_webhooks(request: web.Request) -> web.Response:
    """Answer a page of webhooks that were given up, oldest first, with the bodies that they would have sent."""
    query = read_query(request, DeadWebhookQuery)
    after_id = int(query.pagination_key or 0)
    letters = await _outbox(request).dead_letters(limit=query.limit + 1, after_id=after_id, call_id=query.call_id)
    shown, has_more = letters[: query.limit], len(letters) > query.limit
    next_key = str(shown[-1].outbox_id) if has_more else None
    return await answer_page([partial(_shown, letter) for letter in shown], next_key=next_key)


async def replay_dead_webhook(request: web.Request) -> web.Response:
    """Send a webhook that was given up again, with as many attempts as a new one."""
    webhook_id = _webhook_id(request)
    if not await _outbox(request).replay(webhook_id):
        raise unknown("dead webhook", str(webhook_id))
    return answer_nothing()


async def replay_dead_webhooks(request: web.Request) -> web.Response:
    """Send all webhooks that were given up again, or those of one call; those of each call in their order."""
    wanted = read_query(request, DeadWebhookFilter)
    return answer(ReplayedWebhooks(replayed_count=await _outbox(request).replay_all(call_id=wanted.call_id)))


async def delete_dead_webhook(request: web.Request) -> web.Response:
    """Delete a webhook that was given up."""
    webhook_id = _webhook_id(request)
    if not await _outbox(request).bury(webhook_id):
        raise unknown("dead webhook", str(webhook_id))
    return answer_nothing()


def _webhook_id(request: web.Request) -> int:
    text = request.match_info["webhook_id"]
    if not _WEBHOOK_ID.fullmatch(text):
        raise unknown("dead webhook", text)
    return int(text)


ROUTES: Final = (
    get("/list-dead-webhooks", list_dead_webhooks, query=DeadWebhookQuery, answers=DeadWebhookPage),
    post("/replay-dead-webhook/{webhook_id}", replay_dead_webhook, 204),
    post("/replay-dead-webhooks", replay_dead_webhooks, query=DeadWebhookFilter, answers=ReplayedWebhooks),
    delete("/delete-dead-webhook/{webhook_id}", delete_dead_webhook, 204),
)
