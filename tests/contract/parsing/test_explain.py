from __future__ import annotations

from datetime import date
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.parsing.explain import MAX_FIELDS, explain
from ari_agent.contract.parsing.model import ContractModel, Count, Many, StringMap


class Door(ContractModel):
    type: Literal["door"]
    width: Count


class House(ContractModel):
    doors: Many[Door] = ()
    names: StringMap | None = None
    owner: str | tuple[str, ...] = ""
    password: Count = 0


def said(document: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        House.model_validate(document)
    return explain(refused.value, document)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"doors": [{"type": "door"}]}, "doors[0].width: required"),
        ({"doors": [{"type": "door", "width": -1}]}, "doors[0].width: must be greater than or equal to 0, not -1"),
        ({"doors": "two"}, 'doors: must be an array, not "two"'),
        ({"names": {"str": 5}}, "names.str: must be a string, not 5"),
        ({"owner": 5}, "owner: must be a string or must be an array, not 5"),
        ({"owner": ["a", 5]}, "owner: must be a string; owner[1]: must be a string, not 5"),
        ({"password": "hunter2"}, "password: must be an integer"),
        ({"owner": {}}, "owner: must be a string or must be an array"),
        (5, "body: must be an object, not 5"),
        (
            {"doors": [{"type": "door", "width": 0}, {"type": "gate", "width": True}]},
            "doors[1].type: must be 'door', not \"gate\"; doors[1].width: must be an integer, not true",
        ),
    ],
)
def test_the_field_what_is_right_and_what_was_given_are_named(document: Any, message: str) -> None:
    assert said(document) == message


def test_long_values_are_not_repeated() -> None:
    assert said({"doors": "x" * 1000}) == "doors: must be an array"


class Street(ContractModel):
    numbers: dict[str, Count]


def test_many_errors_are_cut_short() -> None:
    document = {"numbers": {str(number): "x" for number in range(MAX_FIELDS + 3)}}
    with pytest.raises(ValidationError) as refused:
        Street.model_validate(document)
    message = explain(refused.value, document)
    assert message.endswith("; and 3 more")
    assert message.count("must be an integer") == MAX_FIELDS


def test_errors_beyond_number_are_counted_and_not_looked_at() -> None:
    with pytest.raises(ValidationError) as refused:
        Street.model_validate({"numbers": dict.fromkeys(map(str, range(5000)), "x")})
    assert explain(refused.value) == "body: 5000 values in it are wrong"


def test_a_list_or_map_is_read_up_to_its_first_wrong_value() -> None:
    """Half a million wrong values must not take the time of half a million explanations."""
    assert said({"names": dict.fromkeys(map(str, range(100)), 5)}) == "names.0: must be a string, not 5"
    assert said({"doors": [5] * 100}) == "doors[0]: must be an object, not 5"


def test_a_name_with_line_ends_stays_on_its_line() -> None:
    assert said({"names": {"a\nb": 5}}) == "names.a\\nb: must be a string, not 5"


def test_a_complaint_without_wording_of_ours_begins_in_lower_case() -> None:
    with pytest.raises(ValidationError) as odd:
        TypeAdapter(date).validate_python("tomorrow")
    told = explain(odd.value, "tomorrow", root="day")
    assert told.startswith("day: ") and told.removeprefix("day: ")[0].islower()


def test_a_complaint_says_what_must_be_and_not_what_should() -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(bytes).validate_python(7)
    told = explain(refused.value, 7, root="sound")
    assert "must be" in told and "should" not in told
