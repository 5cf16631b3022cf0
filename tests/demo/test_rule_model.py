"""What stands in for a model: what is said for, or called upon, what a user said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.demo.rule_model import FUNCTIONS, RULES, Completion, complete, intent

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("press_digit", *(rule.tool for rule in RULES))]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize(
    ("heard", "tool"),
    [
        ("What are your opening hours?", "opening_hours"),
        ("I'd like to book a table for four at seven.", "book_appointment"),
        ("Cancel my appointment.", "cancel_appointment"),
        ("Where is my order?", "order_status"),
        ("Can I talk to a person?", "transfer_call"),
        ("Yes, that's right.", "confirm"),
        ("I don\N{RIGHT SINGLE QUOTATION MARK}t want that.", "decline"),
        ("Say that again, please.", "repeat_that"),
        ("No, thank you. Goodbye.", "end_call"),
        ("My number is 4 2 7 1.", "press_digit"),
        ("Lovely weather.", None),
        ("", None),
    ],
)
def test_a_sentence_calls_the_tool_of_its_kind(heard: str, tool: str | None) -> None:
    assert intent(heard)[0] == tool


@pytest.mark.parametrize(
    ("heard", "digits"),
    [
        ("It is four two seven one.", "4271"),
        ("5 5 5, 0 1 oh 2", "5550102"),
        ("I am 42, and my pin is 8-1-0-6.", "8106"),
        ("double five nine", "559"),
    ],
)
def test_digits_are_pressed_in_any_spelling(heard: str, digits: str) -> None:
    said = complete([user(heard)], TOOLS)
    assert (said.tool, said.arguments) == ("press_digit", {"digit": digits})


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "How can I help you?"),
        ([{"role": "system", "content": "Be kind."}], "How can I help you?"),
        ([user("(The conversation begins. Say your first words.)")], "Hello, how can I help you?"),
        ([user("(The user has been silent for a while.)")], "Are you still there?"),
        ([user("When do you open?")], FUNCTIONS["opening_hours"]),
        ([user("Get me a human.")], "One moment, I am transferring you."),
        ([user("Lovely weather.")], "I understood: Lovely weather."),
        ([user("Repeat that.")], "I have not said anything yet."),
        ([{"role": "assistant", "content": "We are open."}, user("Repeat that.")], "We are open."),
        ([{"role": "tool", "content": "We are closed."}], "We are closed."),
        ([{"role": "tool", "content": "Error: no answer"}], "Sorry, that did not work."),
        ([{"role": "user", "content": None}], "How can I help you?"),
    ],
)
def test_without_tools_it_says_something(messages: list[dict[str, Any]], said: str) -> None:
    assert complete(messages, [{"function": {"name": "another"}}, {"type": "function"}]) == Completion(said)


def test_a_tool_that_is_offered_is_called_with_what_is_said_before_it() -> None:
    assert complete([user("Goodbye.")], TOOLS) == Completion("Goodbye, and thank you for calling.", "end_call")


@given(st.text())
def test_no_text_is_too_strange(heard: str) -> None:
    assert complete([user(heard)], TOOLS).text is not None
