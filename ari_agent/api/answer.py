"""Writing answers: objects of the API as JSON."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from aiohttp import web

from ari_agent.contract.parsing.model import ContractModel


class ErrorBody(ContractModel):
    """The body of every error.

    error_message: the same text, under the name that clients of Retell's first version read.
    """

    status: Literal["error"] = "error"
    message: str
    error_message: str


def answer(thing: ContractModel, status: int = 200) -> web.Response:
    """Return an answer that holds one object as JSON."""
    return web.json_response(thing.as_json(), status=status)


async def answer_list(things: Sequence[ContractModel]) -> web.Response:
    """Return an answer that holds a bare JSON array, as the older list paths have it."""
    return await answer_array([thing.as_json for thing in things])


async def answer_array(items: Sequence[Callable[[], object]]) -> web.Response:
    """Return an answer that holds a bare JSON array, made by `json_array`."""
    return web.Response(body=await json_array(items), content_type="application/json")


async def answer_page(
    items: Sequence[Callable[[], object]], *, next_key: str | None, total: int | None = None
) -> web.Response:
    """Return a page of a list, made by `json_array`.

    next_key: the pagination_key of the page after it, None on the last one. total: how many items all pages have.
    """
    return _page(await json_array(items), next_key, total)


def answer_items(items: Sequence[str], *, next_key: str | None, total: int | None = None) -> web.Response:
    """Return a page whose items are JSON already; for the rest see `answer_page`."""
    return _page(f"[{','.join(items)}]".encode(), next_key, total)


def _page(items: bytes, next_key: str | None, total: int | None) -> web.Response:
    found: dict[str, object] = {"has_more": next_key is not None}
    if next_key is not None:
        found["pagination_key"] = next_key
    if total is not None:
        found["total"] = total
    body = b'{"items":' + items + b"," + json.dumps(found).encode()[1:]
    return web.Response(body=body, content_type="application/json")


async def json_array(items: Sequence[Callable[[], object]]) -> bytes:
    """Return a JSON array of what these functions return, made in a thread and item by item.

    A thousand calls with their transcripts take a third of a second: in one piece, and in the event loop, every call
    in progress would hear that.
    """

    def write(item: Callable[[], object]) -> bytes:
        time.sleep(0)  # let the event loop's thread have its turn
        return json.dumps(item()).encode()

    return await asyncio.to_thread(lambda: b"[" + b",".join(map(write, items)) + b"]")


def answer_nothing() -> web.Response:
    """Return an answer without a body: status 204."""
    return web.Response(status=204)


def answer_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error in the form that Retell's clients read."""
    body = ErrorBody(message=message, error_message=message)
    return web.json_response(body.as_json(), status=status, headers=headers)
