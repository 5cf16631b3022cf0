"""The step in which a webhook receiver is asked."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.contract.trace import Attribute, Step, traceparent
from ari_agent.webhooks.signed_post import PostFailed
from ari_agent.webhooks.traced_post import traced_post

URL = "https://me:secret@example.com/hook?key=secret"


def post(steps: list[Step], failure: BaseException | None = None, *, call_id: str = "call_1", url: str = URL) -> object:
    clock = iter([100, 250])
    with traced_post(steps.append, call_id, "webhook", which="7", url=url, now_ms=lambda: next(clock)) as headers:
        if failure:
            raise failure
    return headers


def test_the_receiver_learns_the_step_and_the_step_tells_host_and_port_alone() -> None:
    steps: list[Step] = []
    assert post(steps) == traceparent("call_1", "webhook", "7")
    about: dict[str, Attribute] = {"http.request.method": "POST", "server.address": "example.com", "server.port": 443}
    assert steps == [Step("call_1", "webhook", 100, 250, "7", "client", about)]


@pytest.mark.parametrize(
    ("failure", "error"), [(PostFailed("answered 500"), "not_accepted"), (asyncio.CancelledError(), "cancelled")]
)
def test_what_goes_wrong_is_told_and_goes_on(failure: BaseException, error: str) -> None:
    steps: list[Step] = []
    with pytest.raises(type(failure)):
        post(steps, failure)
    assert [step.error for step in steps] == [error]


@pytest.mark.parametrize("url", ["http://[", "http://x:99999/", "nonsense"])
def test_what_is_no_url_has_no_host(url: str) -> None:
    steps: list[Step] = []
    post(steps, url=url)
    assert steps[0].attributes == {"http.request.method": "POST"}


def test_a_chat_has_no_trace_and_neither_has_anything_where_there_are_none() -> None:
    steps: list[Step] = []
    assert post(steps, call_id="chat_1") == {}
    with traced_post(None, "call_1", "webhook", url=URL, now_ms=lambda: 0) as headers:
        assert headers == {}
    assert steps == []
