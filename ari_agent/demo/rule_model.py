"""What stands in for a language model in the demo: rules of key words, which need no download and no account. Pure.

It takes the messages and tools of a chat completions request and returns what a model would say or call. It understands
ten kinds of sentences, each of which calls the tool of that name where the request offers one:

    press_digit  repeat_that  transfer_call  cancel_appointment  order_status
    opening_hours  book_appointment  end_call  confirm  decline
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ari_agent.pii.spoken_digits import read_digits

NAME: Final = "rules-not-a-model"
"""The model that requests name."""
FUNCTIONS: Final[Mapping[str, str]] = {
    "repeat_that": "I will say it again.",
    "cancel_appointment": "Your appointment is cancelled.",
    "order_status": "Your order is on its way.",
    "opening_hours": "We are open from nine to five, on weekdays.",
    "book_appointment": "I have written that down.",
    "confirm": "That is a yes.",
    "decline": "That is a no.",
}
"""The answers of the custom tools of these names."""

_ROW: Final = re.compile(r"\d+(?:[ ,-]+\d+)*")
_FEWEST_DIGITS: Final = 3
"""Fewer are rather an hour or a number of people."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of sentence. tool: what it calls. words: any of these whole words, as a regular expression.

    says: before the tool is called, or in place of a tool that the request does not offer.
    """

    tool: str
    words: str
    says: str = ""


RULES: Final = (
    Rule("repeat_that", "repeat|again|pardon|did you say|come again|say that"),
    Rule(
        "transfer_call",
        "transfer|person|human|operator|representative|agent|someone|somebody|colleague|connect me|manager",
        "One moment, I am transferring you.",
    ),
    Rule("cancel_appointment", "cancel|cancelled|cancellation|call off|delete"),
    Rule("order_status", "order|ordered|parcel|package|delivery|delivered|shipment|tracking"),
    Rule("opening_hours", "open|opens|opening|close|closes|closing|hours"),
    Rule("book_appointment", "book|booking|appointment|reserve|reservation|schedule|table"),
    Rule(
        "end_call",
        "goodbye|good bye|bye|hang up|that is all|that's all|nothing else|talk to you later|have a nice",
        "Goodbye, and thank you for calling.",
    ),
    Rule("decline", "no|nope|not|don't|never|wrong|incorrect"),
    Rule("confirm", "yes|yeah|yep|sure|right|correct|exactly|absolutely|of course|okay|please do"),
)
"""The first whose words are found counts; digits go before all of them."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What is said, and the tool that is called after it: its name, None for none, and its arguments."""

    text: str
    tool: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


def complete(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Completion:
    """Return the answer to the last message: to what the user said, or to the result of a tool, which is spoken.

    messages and tools: as in a chat completions request; anything else in them is passed over.
    """
    last = messages[-1] if messages else {}
    heard = _content(last)
    if last.get("role") == "tool":
        return Completion("Sorry, that did not work." if heard.startswith("Error") else heard)
    if last.get("role") != "user" or not heard:
        return Completion("How can I help you?")
    if heard.startswith("("):  # told by ari-agent, not said: the user is silent, or the conversation begins
        return Completion("Are you still there?" if "silent" in heard else "Hello, how can I help you?")
    offered = {str(tool["function"].get("name")) for tool in tools if isinstance(tool.get("function"), Mapping)}
    tool, arguments, says = intent(heard)
    if tool in offered:
        return Completion(says, tool, arguments)
    if tool == "repeat_that":
        before = (_content(message) for message in reversed(messages) if message.get("role") == "assistant")
        return Completion(next(filter(None, before), "I have not said anything yet."))
    return Completion(says or FUNCTIONS.get(tool or "") or f"I understood: {heard}")


def intent(heard: str) -> tuple[str | None, Mapping[str, str], str]:
    """Return the tool that a sentence calls, None for none, its arguments, and what is said with it."""
    if digits := spoken_digits(heard):
        return "press_digit", {"digit": digits}, "Thank you."
    words = heard.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for rule in RULES:
        if re.search(rf"\b(?:{rule.words})\b", words):
            return rule.tool, {}, rule.says
    return None, {}, ""


def spoken_digits(heard: str) -> str:
    """Return the digits of the longest row of them that was said; "" where there are fewer than three."""
    rows = (re.sub(r"\D", "", row) for row in _ROW.findall(read_digits([(0, heard)]).text))
    longest = max(rows, key=len, default="")
    return longest if len(longest) >= _FEWEST_DIGITS else ""


def as_json(completion: Completion) -> str:
    """Return the arguments of the tool as a model writes them."""
    return json.dumps(dict(completion.arguments))


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content.strip() if isinstance(content, str) else ""
