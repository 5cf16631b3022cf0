"""Every path of the API: the tables of the resources, of which the router and /openapi.json are both made.

A path stands below its handler, as `grep -rn '"/v2/get-call' ari_agent/api` shows; those of agents stand in
agent_resource. A new resource gets a table of its own and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ari_agent.api import (
    agent_versions,
    agents,
    artefacts,
    audio_websocket,
    batch_calls,
    call_updates,
    calls,
    chat_agents,
    chats,
    costs,
    dead_webhooks,
    health,
    metrics,
    phone_calls,
    phone_numbers,
    recordings,
    registered_calls,
    trunks,
    versioned_engines,
    workspace,
)
from ari_agent.api.route import Route

RESOURCES: Final[Mapping[str, Sequence[Route]]] = {
    "agent": (*agents.ROUTES, *agent_versions.ROUTES),
    "retell llm": versioned_engines.PROMPT_ROUTES,
    "conversation flow": versioned_engines.FLOW_ROUTES,
    "phone number": (*phone_numbers.ROUTES, *trunks.ROUTES),
    "call": (
        *phone_calls.ROUTES,
        *batch_calls.ROUTES,
        *registered_calls.ROUTES,
        *calls.ROUTES,
        *call_updates.ROUTES,
        *costs.ROUTES,
        *recordings.ROUTES,
    ),
    "chat agent": chat_agents.ROUTES,
    "chat": chats.ROUTES,
    "webhook": dead_webhooks.ROUTES,
    "workspace": workspace.ROUTES,
    "service": (*health.ROUTES, *metrics.ROUTES),
}
"""The tables by the name of their resource, which is their tag in /openapi.json."""

ROUTES: Final[Sequence[Route]] = tuple(route for routes in RESOURCES.values() for route in routes)
PUBLIC_PATHS: Final = frozenset(
    {"/openapi.json", "/docs", audio_websocket.PATH, artefacts.PATH} | {route.path for route in ROUTES if route.public}
)
"""Open to whoever reaches the port: by default that is this machine alone (BIND is loopback). Health, metrics and the
description of the API hold no secret and nothing about a single call; where the port is public and they shall not be,
a proxy in front of it keeps them in."""
