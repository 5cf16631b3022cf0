"""The step of a call's trace in which a webhook receiver is asked, or told something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from ari_agent.contract.trace import Attribute, Step, Trace, traceparent
from ari_agent.webhooks.signed_post import NO_HEADERS, PostFailed

_CALL_PREFIX: Final = "call_"
"""What the ids of calls begin with; chats have no trace."""


@contextmanager
def traced_post(
    trace: Trace | None, call_id: str, name: str, *, which: str = "", url: str, now_ms: Callable[[], int]
) -> Iterator[Mapping[str, str]]:
    """Give the headers that tell the receiver its place in the call's trace, and trace the step at the block's end.

    trace: None where there are no traces; then there are no headers. name, which: of the step. url: of the receiver;
    its host and port are told, and nothing else of it.
    """
    if trace is None or not call_id.startswith(_CALL_PREFIX):
        yield NO_HEADERS
        return
    began_ms, error = now_ms(), "cancelled"
    try:
        yield traceparent(call_id, name, which)
        error = ""
    except PostFailed:
        error = "not_accepted"
        raise
    finally:
        attributes: dict[str, Attribute] = {"http.request.method": "POST", **_server(url)}
        trace(Step(call_id, name, began_ms, now_ms(), which, "client", attributes, error or None))


def _server(url: str) -> Mapping[str, Attribute]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return {}
    return {"server.address": parts.hostname, **({"server.port": port} if port else {})} if parts.hostname else {}
