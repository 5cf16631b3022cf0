"""One webhook: what is sent, each attempt with its answer, and sending it again."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Final

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.form import read_form
from ari_agent.console.login.access import see_other
from ari_agent.contract.webhook_delivery import WebhookDelivery
from ari_agent.errors import ApiError

log = logging.getLogger(__name__)

_WEBHOOK_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_REPLAYS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_PAYLOAD_BYTES: Final = 256 * 1024
"""Longer ones are shown in part, as they are: to parse them is one long step, which callers would hear."""
_SUBJECTS: Final = ("call", "chat")
_SECRET: Final = "access_token"  # noqa: S105
_SECRET_VALUE: Final = re.compile(r'"access_token":"[^"]*"?')


async def show_webhook(request: web.Request) -> web.Response:
    """Show the webhook that the path names."""
    webhook, body = await _webhook(request)
    return await asyncio.to_thread(
        lambda: request.app[PAGES].page(
            "webhook.html",
            request[SESSION],
            webhook=webhook,
            payload=shown_payload(body),
            payload_is_whole=len(body) <= _PAYLOAD_BYTES,
        )
    )


async def show_delivery(request: web.Request) -> web.Response:
    """Answer the part of the page that changes while the webhook is on its way."""
    webhook, _ = await _webhook(request)
    return request.app[PAGES].page("webhook_delivery.html", request[SESSION], webhook=webhook)


async def replay(request: web.Request) -> web.Response:
    """Send a webhook again that is as the form has seen it, and show what becomes of it.

    Raises:
        ApiError: there is none, or the form does not say how it was.
    """
    webhook_id, form = _webhook_id(request), await read_form(request)
    if not _REPLAYS.fullmatch(replays := form.get("replays", "")):
        raise ApiError(400, "the form does not say how often the webhook was sent again: open its page again")
    webhooks = request.app[DEPENDENCIES].store.webhooks
    if await webhooks.replay(webhook_id, replays=int(replays)):
        log.info("webhook sent again", extra={"webhook_id": webhook_id, "login": request[SESSION].role.value})
    webhook, _ = await _webhook(request)
    if form.get("back") == "call" and not webhook.is_of_chat:
        return see_other(f"/console/calls/{webhook.call_id}#webhooks")
    return see_other(f"/console/webhooks/{webhook_id}")


def shown_payload(body: bytes) -> str:
    """Return what is sent as text for people: indented if it is not too long, and without what is secret in it."""
    if len(body) > _PAYLOAD_BYTES:
        return _SECRET_VALUE.sub(f'"{_SECRET}":"not shown"', body[:_PAYLOAD_BYTES].decode("utf-8", "replace"))
    try:
        told = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
    for subject in filter(told.__contains__, _SUBJECTS) if isinstance(told, dict) else ():
        if isinstance(told[subject], dict):
            told[subject].pop(_SECRET, None)
    return json.dumps(told, indent=2, ensure_ascii=False)


async def _webhook(request: web.Request) -> tuple[WebhookDelivery, bytes]:
    webhook_id = _webhook_id(request)
    found = await request.app[DEPENDENCIES].store.webhooks.get(webhook_id)
    if found is None:
        raise _unknown(str(webhook_id))
    return found


def _webhook_id(request: web.Request) -> int:
    text = request.match_info["webhook_id"]
    if not _WEBHOOK_ID.fullmatch(text):
        raise _unknown(ascii(text[:32]))
    return int(text)


def _unknown(webhook_id: str) -> ApiError:
    return ApiError(404, f"webhook {webhook_id} not found: it was deleted with its call, or its time is over")
