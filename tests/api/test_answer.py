"""Answers as bytes: objects, lists and pages as JSON."""

from __future__ import annotations

import json

from aiohttp import web

from ari_agent.api.answer import (
    ErrorBody,
    answer,
    answer_error,
    answer_items,
    answer_list,
    answer_nothing,
    answer_page,
    json_array,
)


def body(response: web.Response) -> object:
    assert response.content_type == "application/json"
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


def test_an_object_has_the_status_that_it_is_given() -> None:
    response = answer(ErrorBody(message="no", error_message="no"), 201)
    assert (response.status, body(response)) == (201, {"status": "error", "message": "no", "error_message": "no"})


def test_an_error_is_told_under_both_names() -> None:
    response = answer_error(404, "not found", {"x-should-retry": "false"})
    assert (response.status, response.headers["x-should-retry"]) == (404, "false")
    assert body(response) == {"status": "error", "message": "not found", "error_message": "not found"}


def test_done_has_no_body() -> None:
    response = answer_nothing()
    assert (response.status, response.body) == (204, None)


async def test_a_list_is_a_bare_array_in_order() -> None:
    things = [ErrorBody(message=text, error_message="") for text in ("ä", '"', "\\")]
    assert [thing["message"] for thing in body(await answer_list(things))] == ["ä", '"', "\\"]  # type: ignore[attr-defined]
    assert await json_array([]) == b"[]"


async def test_a_page_says_where_the_next_one_begins_and_counts_only_if_asked() -> None:
    items = [lambda: {"call_id": "call_1"}, lambda: {"call_id": "call_2"}]
    found = [{"call_id": "call_1"}, {"call_id": "call_2"}]
    assert body(await answer_page(items, next_key="call_2", total=7)) == {
        "items": found,
        "has_more": True,
        "pagination_key": "call_2",
        "total": 7,
    }
    assert body(await answer_page([], next_key=None)) == {"items": [], "has_more": False}
    stored = [json.dumps(item) for item in found]
    assert body(answer_items(stored, next_key=None, total=0)) == {"items": found, "has_more": False, "total": 0}
