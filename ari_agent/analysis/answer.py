"""Reads what a model has answered: each value is checked against its question, and what is wrong is said. Pure.

A model is a stranger, and so is whoever spoke in the conversation that it has read: nothing but the values of the
questions is taken, each of its type and of bounded length. Read leniently is what many models do: a code fence or words
around the object, thoughts before it, `"true"` and `"7"` for true and 7, and choices in another case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ari_agent.analysis.questions import CUSTOM, Kind, Question, Questions
from ari_agent.contract.parsing.json_text import MalformedJson, parse_json
from ari_agent.contract.parsing.model import SAFE_INTEGER

LONGEST_VALUE: Final = 8_000
"""The most characters of a text that the model answers; what is beyond is cut off."""
WHOLE: Final = "answer"
"""Names, among the problems, an answer of which nothing can be used."""
_SHOWN: Final = 80

_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Answer:
    """What could be used of a model's answer.

    built_in, custom: values by the name of their question. problems: why others are missing; those of custom fields
    begin with `custom_analysis_data.`.
    """

    built_in: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def completed_by(self, second: Answer) -> Answer:
        """Return this answer with the values of a second one, which win; what neither has is still a problem."""
        if WHOLE in second.problems:
            return self if self.built_in or self.custom else second
        built_in, custom = {**self.built_in, **second.built_in}, {**self.custom, **second.custom}
        found = {*built_in, *(f"{CUSTOM}.{name}" for name in custom)}
        return Answer(built_in, custom, {name: why for name, why in second.problems.items() if name not in found})


class _Wrong(Exception):
    """Raised for a value that does not answer its question; the message says what is wrong and what would be right."""


def read_answer(text: str, questions: Questions) -> Answer:
    """Return what can be used of the text that a model has answered."""
    try:
        given = _object(text)
    except _Wrong as wrong:
        return Answer(problems={WHOLE: str(wrong)})
    inner = given.get(CUSTOM)
    own = inner if isinstance(inner, dict) else {}
    names = {question.name for question in questions.built_in}
    problems: dict[str, str] = {}
    built_in = {question.name: _value(question, given, question.name, problems) for question in questions.built_in}
    custom = {}
    for question in questions.custom:
        # A model that was held to no schema may leave the inner object out.
        holder = own if question.name in own or question.name in names else given
        custom[question.name] = _value(question, holder, f"{CUSTOM}.{question.name}", problems)
    return Answer(_known(built_in), _known(custom), problems)


def _known(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _object(text: str) -> dict[str, Any]:
    """Find the JSON object in an answer."""
    spoken = text.rpartition("</think>")[2].strip()
    fenced = spoken.partition("```")[2].rpartition("```")[0]
    why = "it is empty"
    for candidate in (spoken, _braced(fenced), _braced(spoken)):
        if not candidate:
            continue
        try:
            found = parse_json(candidate.encode("utf-8", "surrogatepass"))
        except MalformedJson as error:
            why = str(error)
            continue
        if isinstance(found, dict):
            return found
        why = "it is no JSON object"
    raise _Wrong(f"expected one JSON object: {why}")


def _braced(text: str) -> str:
    """Return what is between the first and the last brace, with them; empty where there are none."""
    return text[text.find("{") : text.rfind("}") + 1] if "{" in text else ""


def _value(question: Question, given: Mapping[str, Any], path: str, problems: dict[str, str]) -> Any:
    """Return the answer to a question; None where there is none. What is wrong with it is added to the problems."""
    value = given.get(question.name)
    if value is None:
        if question.required:
            problems[path] = f"is {'null' if question.name in given else 'missing'}; expected {_expected(question)}"
        return None
    try:
        return _READERS[question.kind](question, value)
    except _Wrong as wrong:
        problems[path] = str(wrong)
        return None


def _text(question: Question, value: Any) -> str:
    if not isinstance(value, str) or (question.required and not value.strip()):
        raise _wrong(question, value)
    return value.strip()[:LONGEST_VALUE]


def _choice(question: Question, value: Any) -> str:
    if value in question.choices:
        return str(value)
    alike = [choice for choice in question.choices if choice.casefold().strip() == str(value).casefold().strip()]
    if not isinstance(value, str) or len(alike) != 1:
        raise _wrong(question, value)
    return alike[0]


def _flag(question: Question, value: Any) -> bool:
    found = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise _wrong(question, value)
    return found


def _number(question: Question, value: Any) -> float | int:
    found = value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        found = float(value)
    if isinstance(found, bool) or not isinstance(found, int | float) or abs(found) > SAFE_INTEGER:
        raise _wrong(question, value)
    return int(found) if isinstance(found, float) and found.is_integer() else found


_READERS: Final[Mapping[Kind, Callable[[Question, Any], Any]]] = {
    Kind.STRING: _text,
    Kind.ENUM: _choice,
    Kind.BOOLEAN: _flag,
    Kind.NUMBER: _number,
}


def _wrong(question: Question, value: Any) -> _Wrong:
    shown = repr(value)
    return _Wrong(f"is {shown[:_SHOWN]}{'...' * (len(shown) > _SHOWN)}; expected {_expected(question)}")


def _expected(question: Question) -> str:
    expected = {
        Kind.STRING: "a text",
        Kind.BOOLEAN: "true or false",
        Kind.NUMBER: "a number of at most 16 digits",
    }
    if question.kind is Kind.ENUM:
        shown = ", ".join(question.choices[:20])
        return f"one of {shown[:500]}"
    return expected[question.kind]
