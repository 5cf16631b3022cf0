"""Dead letters: list them, send them again, forget them."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_nothing, json_array
from ari_agent.api.body import read_query, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.contract.dead_webhook import DeadWebhook, DeadWebhookQuery, ReplayedWebhooks
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
    """A page of webhooks that were given up, oldest first, with what they would have told."""
    query = read_query(request, DeadWebhookQuery)
    letters = await _outbox(request).dead_letters(limit=query.limit + 1, after_id=int(query.pagination_key or 0))
    shown, has_more = letters[: query.limit], len(letters) > query.limit
    found: dict[str, object] = {"has_more": has_more}
    if has_more:
        found["pagination_key"] = str(shown[-1].outbox_id)
    items = await json_array([partial(_shown, letter) for letter in shown])
    return web.Response(
        body=b'{"items":' + items + b"," + json.dumps(found).encode()[1:], content_type="application/json"
    )


async def replay_dead_webhook(request: web.Request) -> web.Response:
    """Send one of them again, with all its attempts."""
    webhook_id = _webhook_id(request)
    if not await _outbox(request).replay(webhook_id):
        raise unknown("dead webhook", str(webhook_id))
    return answer_nothing()


async def replay_dead_webhooks(request: web.Request) -> web.Response:
    """Send all of them again, each call's in its order."""
    return answer(ReplayedWebhooks(replayed_count=await _outbox(request).replay_all()))


async def delete_dead_webhook(request: web.Request) -> web.Response:
    """Forget one of them."""
    webhook_id = _webhook_id(request)
    if not await _outbox(request).bury(webhook_id):
        raise unknown("dead webhook", str(webhook_id))
    return answer_nothing()


def _webhook_id(request: web.Request) -> int:
    text = request.match_info["webhook_id"]
    if not _WEBHOOK_ID.fullmatch(text):
        raise unknown("dead webhook", text)
    return int(text)
