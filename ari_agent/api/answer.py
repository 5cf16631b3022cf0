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
    """Every error. error_message: the same text under the name that clients of Retell's first version read."""

    status: Literal["error"] = "error"
    message: str
    error_message: str


def answer(thing: ContractModel, status: int = 200) -> web.Response:
    """One object."""
    return web.json_response(thing.as_json(), status=status)


async def answer_list(things: Sequence[ContractModel]) -> web.Response:
    """A bare array, as the older list paths answer."""
    return web.Response(body=await json_array([thing.as_json for thing in things]), content_type="application/json")


async def answer_page(
    items: Sequence[Callable[[], object]], *, next_key: str | None, total: int | None = None
) -> web.Response:
    """A page of a list, made as json_array does. next_key: of the page after it; None on the last one."""
    return _page(await json_array(items), next_key, total)


def answer_items(items: Sequence[str], *, next_key: str | None, total: int | None = None) -> web.Response:
    """A page whose items are JSON already."""
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
    """A JSON array of what these functions return, made in a thread and item by item.

    A thousand calls with their transcripts take a third of a second: in one piece, and in the event loop, every call
    in progress would hear that.
    """

    def write(item: Callable[[], object]) -> bytes:
        time.sleep(0)  # let the event loop's thread have its turn
        return json.dumps(item()).encode()

    return await asyncio.to_thread(lambda: b"[" + b",".join(map(write, items)) + b"]")


def answer_nothing() -> web.Response:
    """204: done."""
    return web.Response(status=204)


def answer_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as clients know it."""
    body = ErrorBody(message=message, error_message=message)
    return web.json_response(body.as_json(), status=status, headers=headers)
