"""Batches of outbound calls (Retell, Create Batch Call, 2026-08)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer
from ari_agent.api.body import read_body
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import post
from ari_agent.api.without_effect import name_without_effect
from ari_agent.contract.batch_call import BatchCall, BatchCallCreate
from ari_agent.contract.without_effect import override_without_effect
from ari_agent.errors import ApiError


async def create_batch_call(request: web.Request) -> web.Response:
    """Take a batch. Its calls are placed when their time has come, as slots and the calls-per-second limit allow."""
    wanted = await read_body(request, BatchCallCreate)
    batches = request.app[DEPENDENCIES].batches
    if batches is None:
        raise ApiError(501, "this server places no calls")
    batch = await batches.create(wanted)
    found = await asyncio.to_thread(_without_effect, wanted)
    return name_without_effect(answer(batch, status=201), found, batch_call_id=batch.batch_call_id)


def _without_effect(wanted: BatchCallCreate) -> Mapping[str, str]:
    """Of all tasks together. Thousands of them take long enough that calls in progress would hear it: in a thread."""
    found: dict[str, str] = {}
    for task in wanted.tasks:
        found |= override_without_effect(task.agent_override)
    return found


ROUTES: Final = (
    post("/create-batch-call", create_batch_call, 201, takes=BatchCallCreate, answers=BatchCall, refuses=[422]),
)
