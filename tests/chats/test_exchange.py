"""Which of an agent's pieces become a text."""

from __future__ import annotations

import tracemalloc

from ari_agent.agents.llm import EndCall, LlmInterrupt, LlmResponse
from ari_agent.agents.llm_requests import LONGEST_TEXT
from ari_agent.chats import exchange as exchange_module
from ari_agent.chats.exchange import AgentText, Exchange


def piece(response_id: int, content: str, *, last: bool = False, end_call: bool = False) -> LlmResponse:
    return LlmResponse(response_id=response_id, content=content, content_complete=last, end_call=end_call)


def test_pieces_become_one_text() -> None:
    exchange = Exchange()
    assert exchange.requests.ask() == 1
    assert exchange.take(piece(1, "a")) is None
    assert exchange.take(piece(1, "b", last=True)) == AgentText("ab")
    assert exchange.take(piece(1, "late", last=True)) is None
    assert exchange.requests.open_id is None


def test_an_answer_that_does_not_say_whether_more_comes_is_the_whole_text() -> None:
    exchange = Exchange()
    exchange.requests.ask()
    assert exchange.take(LlmResponse(response_id=1, content="All of it.", end_call=True)) == AgentText(
        "All of it.", EndCall()
    )
    assert exchange.requests.open_id is None


def test_a_newer_request_discards_the_older() -> None:
    exchange = Exchange()
    exchange.requests.ask()
    exchange.take(piece(1, "old"))
    assert exchange.requests.ask() == 2
    assert exchange.take(piece(1, "old", last=True)) is None
    assert exchange.take(piece(2, "new", last=True, end_call=True)) == AgentText("new", EndCall())


def test_an_opening_counts_only_where_it_is_awaited() -> None:
    exchange = Exchange()
    assert exchange.take(piece(0, "hi", last=True)) is None
    exchange.requests.await_opening()
    assert exchange.take(piece(0, "hi", last=True)) == AgentText("hi")


def test_an_interruption_cancels_the_answer() -> None:
    exchange = Exchange()
    exchange.requests.ask()
    exchange.take(piece(1, "never"))
    first = LlmInterrupt(interrupt_id=1, content="x", content_complete=False)
    assert exchange.take(first) is None
    assert exchange.take(piece(1, " said", last=True)) is None
    other = LlmInterrupt(interrupt_id=2, content="stop", content_complete=True)
    assert exchange.take(other) == AgentText("stop")


def test_an_endless_answer_is_cut() -> None:
    exchange = Exchange()
    exchange.requests.ask()
    for _ in range(3):
        exchange.take(piece(1, "x" * LONGEST_TEXT))
    said = exchange.take(piece(1, "y", last=True))
    assert said is not None
    assert said.content == "x" * LONGEST_TEXT


def test_an_agent_that_never_completes_an_answer_takes_no_memory() -> None:
    exchange = Exchange()
    exchange.requests.ask()
    exchange.take(piece(1, "x" * LONGEST_TEXT))
    tracemalloc.start()
    try:
        for content in ("y", "") * 10_000:
            exchange.take(piece(1, content))
        # Other threads of the process take memory as well.
        own = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, exchange_module.__file__)])
        assert sum(trace.size for trace in own.traces) < 10_000
    finally:
        tracemalloc.stop()
