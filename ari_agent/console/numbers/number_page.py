"""One phone number: its agents, webhook, trunk and dial policy in words, and a button that tries the webhook out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ari_agent.calls.bound_agent import USES
from ari_agent.calls.webhook_trial import WebhookTrial
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.form import read_form
from ari_agent.console.numbers import number_story
from ari_agent.console.numbers.number_list import host_of, link_of, tools_of, trunk_states
from ari_agent.console.one_call.call_log import log_lines
from ari_agent.console.one_call.log_entries import log_entries
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import CallError, UnknownAsset

SAMPLE_CALLER: Final = "+12137771234"
"""The number of the sample question's caller where none is typed; Retell's documentation has it."""
_NUMBER: Final = re.compile(r"\+?[0-9A-Za-z*#._-]{1,64}")
_LONGEST_TEXT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class TriedWebhook:
    """What the page shows of a try. entries: lines of the log, whose content is JSON, indented. had: what the call
    would have, by its name; problem: why nothing was asked, "" where something was."""

    from_number: str
    trial: WebhookTrial | None
    entries: Sequence[tuple[object, str, str, str]] = ()
    had: Sequence[tuple[str, str]] = ()
    problem: str = ""


async def show_number(request: web.Request) -> web.Response:
    """Show the page of the number that the path names."""
    return await _page(request, await _number(request), None)


async def try_webhook(request: web.Request) -> web.Response:
    """Ask the number's inbound webhook about a sample call, and show its page with what came back."""
    number = await _number(request)
    from_number = (await read_form(request)).get("from_number", "").strip() or SAMPLE_CALLER
    try:
        trial = await tools_of(request).webhooks.run(number, from_number)
    except CallError as error:
        if not number.inbound_webhook_url:
            raise
        return await _page(request, number, TriedWebhook(from_number[:64], None, problem=str(error)))
    return await _page(request, number, _shown(trial))


async def _number(request: web.Request) -> PhoneNumber:
    phone_number = request.match_info["phone_number"]
    found = None
    if _NUMBER.fullmatch(phone_number):  # NUL, among others, is nothing that a database is asked for
        found = await request.app[DEPENDENCIES].store.phone_numbers.get(phone_number)
    if found is None:
        raise UnknownAsset("phone number", ascii(phone_number[:64]))
    return found


async def _page(request: web.Request, number: PhoneNumber, tried: TriedWebhook | None) -> web.Response:
    tools = tools_of(request)
    [bound] = await tools.bound.of([number])
    status = (await trunk_states(request, [number])).get(number.phone_number)

    def render() -> web.Response:
        refusal = tools.dials.fallback_refusal(number)
        return request.app[PAGES].page(
            "number.html",
            request[SESSION],
            number=number,
            link=link_of(number.phone_number),
            bound=[(number_story.USE_WORDS[use], bound[use]) for use in USES if use in bound],
            problems=number_story.problems(number, bound, fallback_refusal=refusal),
            hints=number_story.hints(number),
            policy=number_story.policy_lines(number.dial_policy),
            webhook=host_of(number.inbound_webhook_url),
            sms_webhook=host_of(number.inbound_sms_webhook_url),
            trunk=number.sip_outbound_trunk_config,
            trunk_status=status,
            has_asterisk=tools.trunks is not None,
            tried=tried,
            sample_caller=SAMPLE_CALLER,
            share=number_story.share,
            version=number_story.version,
            listed=number_story.listed,
        )

    return await asyncio.to_thread(render)


def _shown(trial: WebhookTrial) -> TriedWebhook:
    had = (("Dynamic variables", trial.variables), ("Metadata", trial.metadata), ("agent_override", trial.override))
    entries = [
        (entry.ms, entry.event.replace("_", " "), entry.facts, _indented(entry.content))
        for entry in log_entries(log_lines(b"".join(line.rstrip() + b"\n" for line in trial.log)))
    ]
    return TriedWebhook(
        trial.from_number,
        trial,
        entries,
        [(name, _indented(json.dumps(value, ensure_ascii=False))) for name, value in had if value],
    )


def _indented(content: str) -> str:
    try:
        text = json.dumps(json.loads(content), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = content
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}\n... and {len(text) - _LONGEST_TEXT} more"
