"""Tells a client which of the settings that it sent have no effect: in a header of the answer, and once in the log."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer
from ari_agent.contract.agent import AgentCreate, AgentUpdate
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import AnyAgent, ChatAgentCreate, ChatAgentUpdate
from ari_agent.contract.parsing.model import ContractModel
from ari_agent.contract.without_effect import in_words, kind_of_agent, override_without_effect, without_effect

log = logging.getLogger(__name__)

HEADER: Final = "X-Ari-Agent-Without-Effect"
"""Names, separated by `, `. Left out where every setting that was given has an effect."""
_MOST_KEYS: Final = 20
_KEY: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


def answer_saved(
    agent: AnyAgent,
    given: AgentCreate | AgentUpdate | ChatAgentCreate | ChatAgentUpdate,
    needs_presidio: Collection[str],
    status: int = 200,
) -> web.Response:
    """The agent as it is saved now. given: the request that said so.

    needs_presidio: the categories of personal data that are not recognised for want of Presidio.
    """
    found = dict(without_effect(given, kind_of_agent(agent)))
    if given.pii_config and (lacking := [each for each in given.pii_config.categories if each in needs_presidio]):
        found.setdefault("pii_config.categories", f"{', '.join(lacking)} need ARI_AGENT_PRESIDIO_MODEL")
    return name_without_effect(answer(agent, status), found, agent_id=agent.agent_id)


def answer_overridden(
    thing: ContractModel, override: AgentOverride | None, status: int = 200, **ids: str
) -> web.Response:
    """An object that was made with an override of an agent's settings. ids: of what was made, for the log."""
    return name_without_effect(answer(thing, status), override_without_effect(override), **ids)


def name_without_effect(response: web.Response, found: Mapping[str, str], **ids: str) -> web.Response:
    """The same answer, with the names of these settings in its header and in the log.

    found: the reason by the setting's name. ids: of what they were sent for, for the log.
    """
    if found:
        response.headers[HEADER] = ", ".join(found)
        log.warning("settings without effect: %s", in_words(found), extra=ids)
    return response


def name_unread_keys(response: web.StreamResponse, keys: Iterable[str]) -> None:
    """Add the keys of a request that nobody reads to the header; a misspelt one is such a key. They are not logged."""
    named = [key for key in keys if _KEY.fullmatch(key)][:_MOST_KEYS]
    if named:
        before = response.headers.get(HEADER)
        response.headers[HEADER] = ", ".join([before, *named] if before else named)
