"""Call objects as the API answers them: links that expire are made anew, however old the record is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.contract.call import Call

_MAY_EXPIRE: Final = '"opt_in_signed_url":true'


def shown_call(request: web.Request, call: Call) -> dict[str, Any]:
    """Return the JSON of a call object, with links that are good now."""
    return _renew(request)(call.as_json())


def shown_calls(request: web.Request, calls: Sequence[Call]) -> Sequence[Callable[[], object]]:
    """Return what makes the JSON of each call object, with links that are good now."""
    renew = _renew(request)

    def shown(call: Call) -> dict[str, Any]:
        return renew(call.as_json())

    return [partial(shown, call) for call in calls]


def shown_items(request: web.Request, items: Sequence[str]) -> Sequence[str]:
    """Return the JSON of call objects, with links that are good now. items: compact, as the store has them."""
    renew = _renew(request)
    return [json.dumps(renew(json.loads(item))) if _MAY_EXPIRE in item else item for item in items]


def _renew(request: web.Request) -> Callable[[dict[str, Any]], dict[str, Any]]:
    dependencies = request.app[DEPENDENCIES]
    artefacts, now_ms = dependencies.artefacts, dependencies.now_ms()
    return lambda call: artefacts.links.renewed(call, now_ms=now_ms) if artefacts else call
