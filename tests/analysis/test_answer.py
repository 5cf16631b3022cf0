"""What is taken of a model's answer, and what is said of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.analysis.answer import LONGEST_VALUE, WHOLE, Answer, read_answer
from ari_agent.analysis.questions import IN_VOICEMAIL, OF_CALLS, Kind, Question, Questions

GOOD: dict[str, Any] = {"call_summary": "Sold.", "user_sentiment": "Positive", "call_successful": True}
OWN = (
    Question("order", Kind.STRING, "?"),
    Question("mood", Kind.ENUM, "?", choices=("Good", "Bad")),
    Question("new", Kind.BOOLEAN, "?"),
    Question("items", Kind.NUMBER, "?"),
    Question("note", Kind.STRING, "?", required=False),
)
OWN_GOOD: dict[str, Any] = {"order": "A-1", "mood": "Good", "new": False, "items": 3}
CALLS = Questions(tuple(OF_CALLS))
WITH_OWN = Questions(tuple(OF_CALLS), OWN)


def own(**values: Any) -> Answer:
    """What is read of these fields of the agent's own, the others being right."""
    given = {name: value for name, value in {**OWN_GOOD, **values}.items() if value is not ...}
    return read_answer(json.dumps({**GOOD, "custom_analysis_data": given}), WITH_OWN)


def test_a_good_answer_is_taken_whole() -> None:
    assert own() == Answer(GOOD, OWN_GOOD, {})


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "```json\n{}\n```",
        "Here it is:\n```\n{}\n```\nAnything else?",
        "Sure! {} I hope this helps.",
        "As {you} asked:\n```json\n{}\n```\nIs {this} right?",
        "<think>The answer is {{1}}, no.</think>{}",
        "  {}\n",
    ],
)
def test_an_object_is_found_in_what_models_put_around_it(form: str) -> None:
    text = form.replace("{{1}}", "{1}").replace("{}", json.dumps(GOOD), 1)
    assert read_answer(text, CALLS) == Answer(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot help with that.",
        "[1]",
        "7",
        "{",
        '{"call_summary": ',
        "{" * 10_000,
        "```{" * 100_000,
        '{"a": NaN}',
        "\ud800",
    ],
)
def test_what_is_no_object_is_told_as_a_whole(text: str) -> None:
    found = read_answer(text, CALLS)
    assert list(found.problems) == [WHOLE] and "expected one JSON object" in found.problems[WHOLE]
    assert (found.built_in, found.custom) == ({}, {})


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("order", " A-1 ", "A-1"),
        ("order", "x" * 20_000, "x" * LONGEST_VALUE),
        ("mood", "bad ", "Bad"),
        ("new", "True", True),
        ("items", "7", 7),
        ("items", "-2.5", -2.5),
        ("items", 4.0, 4),
        ("items", 2.25, 2.25),
    ],
)
def test_values_are_read_as_models_write_them(name: str, value: Any, taken: Any) -> None:
    found = own(**{name: value})
    assert found.custom[name] == taken and type(found.custom[name]) is type(taken)
    assert not found.problems


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("order", 7, "is 7; expected a text"),
        ("order", " ", "is ' '; expected a text"),
        ("order", None, "is null; expected a text"),
        ("order", ..., "is missing; expected a text"),
        ("mood", "great", "is 'great'; expected one of Good, Bad"),
        ("mood", ["Good"], "is ['Good']; expected one of Good, Bad"),
        ("mood", 1, "is 1; expected one of Good, Bad"),
        ("new", "maybe", "is 'maybe'; expected true or false"),
        ("new", 1, "is 1; expected true or false"),
        ("items", True, "is True; expected a number of at most 16 digits"),
        ("items", "many", "is 'many'; expected a number of at most 16 digits"),
        ("items", 1e300, "is 1e+300; expected a number of at most 16 digits"),
        ("items", 10**40, f"is {10**40}; expected a number of at most 16 digits"),
        ("items", {"a": "x" * 500}, "..."),
    ],
)
def test_a_wrong_value_is_left_out_with_the_reason(name: str, value: Any, why: str) -> None:
    found = own(**{name: value})
    assert list(found.problems) == [f"custom_analysis_data.{name}"]
    [told] = found.problems.values()
    assert told.startswith(why) or why in told
    assert len(told) < 200
    assert found.custom == {key: known for key, known in OWN_GOOD.items() if key != name}
    assert found.built_in == GOOD


def test_a_field_that_is_not_required_may_be_missing_or_null() -> None:
    assert own(note=None) == own(note=...) == own()
    assert own(note="").custom["note"] == ""


def test_nothing_but_the_values_that_were_asked_for_is_taken() -> None:
    given = {**GOOD, "in_voicemail": True, "call_id": "call_evil", "custom_analysis_data": {"evil": 1}}
    assert read_answer(json.dumps(given), CALLS) == Answer(GOOD)


def test_fields_are_found_where_a_model_has_left_the_inner_object_out() -> None:
    assert read_answer(json.dumps({**GOOD, **OWN_GOOD}), WITH_OWN) == Answer(GOOD, OWN_GOOD, {})
    assert read_answer(json.dumps({**GOOD, **OWN_GOOD, "custom_analysis_data": []}), WITH_OWN).custom == OWN_GOOD
    twice = Questions(tuple(OF_CALLS), (Question("call_summary", Kind.STRING, "?"),))
    found = read_answer(json.dumps(GOOD), twice)
    assert found.custom == {} and list(found.problems) == ["custom_analysis_data.call_summary"]


def test_a_second_answer_wins_and_leaves_what_only_the_first_had() -> None:
    first = own(mood="great", items="many")
    second = own(order=7, mood="bad", items="many")
    found = first.completed_by(second)
    assert found.custom == {"order": "A-1", "mood": "Bad", "new": False}
    assert list(found.problems) == ["custom_analysis_data.items"]


def test_a_second_answer_that_is_none_leaves_the_first() -> None:
    none = read_answer("no", CALLS)
    assert own(new=1).completed_by(none) == own(new=1)
    assert none.completed_by(none).problems == none.problems
    assert none.completed_by(own()) == own()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*GOOD, *OWN_GOOD, "note", "in_voicemail", "custom_analysis_data"])


@given(st.text(max_size=200) | st.dictionaries(NAMES, JSON, max_size=8).map(json.dumps))
def test_whatever_a_model_says_is_read_and_every_value_fits_its_question(text: str) -> None:
    asked = Questions((*OF_CALLS, IN_VOICEMAIL), OWN)
    found = read_answer(text, asked)
    types: dict[Kind, tuple[type, ...]] = {
        Kind.STRING: (str,),
        Kind.ENUM: (str,),
        Kind.BOOLEAN: (bool,),
        Kind.NUMBER: (int, float),
    }
    for values, several in ((found.built_in, asked.built_in), (found.custom, asked.custom)):
        by_name = {question.name: question for question in several}
        for name, value in values.items():
            assert type(value) in types[by_name[name].kind]
            assert not by_name[name].choices or value in by_name[name].choices
    json.dumps([found.built_in, found.custom]).encode()
