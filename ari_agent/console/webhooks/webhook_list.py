"""The list of webhooks: what waits, was delivered and was given up, page by page; and sending dead ones again."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Final

from aiohttp import web

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.form import read_form
from ari_agent.console.login.access import see_other
from ari_agent.console.webhooks.webhook_query import EVENTS, STATES, WebhookQuery
from ari_agent.console.words import midnight_ms
from ari_agent.contract.webhook_delivery import DeliveryState
from ari_agent.errors import ApiError

log = logging.getLogger(__name__)

REPLAYED_BY_ONE_CLICK: Final = 1000
_ON_A_PAGE: Final = 50
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


async def show_webhooks(request: web.Request) -> web.Response:
    """Show the webhooks that the query string asks for, the newest first."""
    query, dependencies = WebhookQuery.of(request.query), request.app[DEPENDENCIES]
    webhooks, now_ms, wanted = dependencies.store.webhooks, dependencies.now_ms(), query.filter()
    found, next_id = await webhooks.page(wanted, limit=_ON_A_PAGE, before_id=query.before_id)
    counts = await webhooks.counts(delivered_since_ms=midnight_ms(now_ms))
    dead = await webhooks.count(wanted) if wanted.state is DeliveryState.DEAD else 0
    replayed = request.query.get("replayed", "")
    return await asyncio.to_thread(
        request.app[PAGES].page,
        "webhooks.html",
        request[SESSION],
        query=query,
        problems=query.problems(),
        webhooks=found,
        counts=counts,
        dead=dead,
        at_once=REPLAYED_BY_ONE_CLICK,
        shown_ms=now_ms,
        replayed=int(replayed) if _NUMBER.fullmatch(replayed) else None,
        next_link=query.link(before=str(next_id)) if next_id else "",
        first_link=query.link(before=""),
        states=STATES,
        events=EVENTS,
    )


async def replay_dead(request: web.Request) -> web.Response:
    """Send dead webhooks again that were dead when the list was shown, and show how many are left.

    Raises:
        ApiError: the form does not say which.
    """
    form = await read_form(request)
    query, until = WebhookQuery.of(form), form.get("shown_ms", "")
    # what cannot be read is not passed over here: more would be sent than was meant
    if (problems := query.problems()) or not _NUMBER.fullmatch(until):
        raise ApiError(400, "; ".join(problems) or "the form does not say when the list was shown: open it again")
    webhooks = request.app[DEPENDENCIES].store.webhooks
    replayed = await webhooks.replay_dead(query.filter(), died_until_ms=int(until), limit=REPLAYED_BY_ONE_CLICK)
    log.info(
        "dead webhooks sent again",
        extra={"count": replayed, "filter": query.link(state="", before=""), "login": request[SESSION].role.value},
    )
    link = query.link(state=DeliveryState.DEAD.value, before="")
    return see_other(f"/console/webhooks?{link}&replayed={replayed}")
