"""What is refused when an agent was not found: it is not there itself, or only lacks the version that was asked for.

An id that the workspace does not have is 422 on every path. So is a version on the paths that get and change agents, as
their OpenAPI has no 404; on those that are about versions, which are newer, Retell answers 404 (its OpenAPI, 2026-08).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NoReturn

from aiohttp import web

from ari_agent.api.body import unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_version_errors import VersionUnknown
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent
from ari_agent.errors import ApiError

Noun = Literal["agent", "chat agent"]

_KINDS: Final[Mapping[Noun, type[AnyAgent]]] = {"agent": Agent, "chat agent": ChatAgent}


async def refuse_missing(request: web.Request, noun: Noun, agent_id: str, version: object) -> NoReturn:
    """Refuse a request about an agent that was not found, on a path that is about agents.

    version: as it was asked for; None is the latest, which every agent has.

    Raises:
        ApiError: 422, and says which of the two is not there.
    """
    if version is not None and isinstance(await request.app[DEPENDENCIES].store.agents.any(agent_id), _KINDS[noun]):
        raise ApiError(422, str(VersionUnknown(agent_id, version)))
    raise unknown(noun, agent_id)


async def refuse_missing_version(request: web.Request, agent_id: str, version: object) -> NoReturn:
    """Refuse a request about an agent that was not found, on a path that is about versions of either kind.

    Raises:
        ApiError: 422, the agent is not there.
        VersionUnknown: 404, the version is not.
    """
    if version is not None and await request.app[DEPENDENCIES].store.agents.any(agent_id) is not None:
        raise VersionUnknown(agent_id, version)
    raise unknown("agent", agent_id)
