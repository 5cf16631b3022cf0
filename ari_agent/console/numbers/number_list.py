"""The list of phone numbers: looked for by number, nickname or agent, page by page, with their agents and trunks."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from ari_agent.calls.bound_agent import Bound
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, ConsoleDependencies
from ari_agent.console.numbers import number_story
from ari_agent.console.numbers.number_tools import NumberTools
from ari_agent.console.words import query_string, readable
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.errors import ApiError
from ari_agent.store.phone_numbers import PhoneNumberPage

log = logging.getLogger(__name__)

_ON_A_PAGE: Final = 50
_AGENTS_SHOWN: Final = 3
_LONGEST: Final = 200
_ASTERISK_S: Final = 2.0
"""How long a page waits for Asterisk to tell of trunks."""
_SHOWN_KEY: Final = re.compile(r"[+0-9A-Za-z*#._-]{1,65}")


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A number in the list. link: to its page. webhook: host of its inbound webhook; "". trunk: where calls go out."""

    number: PhoneNumber
    link: str
    bound: Mapping[str, Bound]
    problems: int
    webhook: str
    trunk: str
    status: TrunkStatus | None


async def show_numbers(request: web.Request) -> web.Response:
    """Show the numbers that the query string asks for, in the order of their digits."""
    wanted = readable(request.query.get("q", "")[:_LONGEST])
    after = request.query.get("after", "")
    key = after if _SHOWN_KEY.fullmatch(after) else None
    dependencies, tools = request.app[DEPENDENCIES], tools_of(request)
    page = await _page(dependencies, wanted, key)
    bound = await tools.bound.of(page.phone_numbers, most=_AGENTS_SHOWN)
    states = await trunk_states(request, page.phone_numbers)

    def render() -> web.Response:
        return request.app[PAGES].page(
            "numbers.html",
            request[SESSION],
            rows=[_row(tools, number, own, states) for number, own in zip(page.phone_numbers, bound, strict=True)],
            wanted=wanted,
            is_first=key is None,
            first_link=_link(wanted, ""),
            next_link=_link(wanted, page.next_key) if page.next_key else "",
            share=number_story.share,
        )

    # in a thread: whom fallback numbers reach takes half a millisecond each to read
    return await asyncio.to_thread(render)


def tools_of(request: web.Request) -> NumberTools:
    """Return what the pages of numbers ask. Raises ApiError: this console was built without."""
    tools = request.app[DEPENDENCIES].numbers
    if tools is None:
        raise ApiError(404, "this console shows no numbers")
    return tools


def link_of(phone_number: str) -> str:
    """Return the path of a number's page."""
    return f"/console/numbers/{quote(phone_number, safe='')}"


def host_of(url: str | None) -> str:
    """Return host and port of a webhook's URL, which may hold secrets elsewhere; "" where there is none."""
    try:
        netloc = urlsplit(url or "").netloc
    except ValueError:
        return "a malformed URL"
    return netloc.rpartition("@")[2]


async def trunk_states(request: web.Request, numbers: Sequence[PhoneNumber]) -> Mapping[str, TrunkStatus]:
    """Ask Asterisk how the trunks of these numbers are; what it does not tell in time is left out."""
    trunks, now_ms = tools_of(request).trunks, request.app[DEPENDENCIES].now_ms()
    if trunks is None or not any(_trunk(number) for number in numbers):
        return {}
    try:
        async with asyncio.timeout(_ASTERISK_S):
            return await trunks.states(numbers, now_ms=now_ms)
    except TimeoutError:
        log.warning("Asterisk has not told within %g s how trunks are", _ASTERISK_S)
        return {}


async def _page(dependencies: ConsoleDependencies, wanted: str, key: str | None) -> PhoneNumberPage:
    store = dependencies.store
    if not wanted:
        return await store.phone_numbers.list(limit=_ON_A_PAGE, pagination_key=key)
    called = await store.agents.called(wanted)
    return await store.phone_numbers.search(wanted, agent_ids=called, limit=_ON_A_PAGE, pagination_key=key)


def _row(
    tools: NumberTools, number: PhoneNumber, bound: Mapping[str, Bound], states: Mapping[str, TrunkStatus]
) -> NumberRow:
    found = number_story.problems(number, bound, fallback_refusal=tools.dials.fallback_refusal(number))
    return NumberRow(
        number=number,
        link=link_of(number.phone_number),
        bound=bound,
        problems=len(found),
        webhook=host_of(number.inbound_webhook_url),
        trunk=_trunk(number),
        status=states.get(number.phone_number),
    )


def _trunk(number: PhoneNumber) -> str:
    config = number.sip_outbound_trunk_config
    return (config and config.termination_uri) or ""


def _link(wanted: str, after: str) -> str:
    query = query_string({"q": wanted, "after": after})
    return f"/console/numbers?{query}" if query else "/console/numbers"
