"""Values of another JSON type than the protocol's, which are read as meant or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ari_agent.contract.parsing.lenient import LenientFlag, LenientInteger, LenientText, TextOrNull


class Given(BaseModel):
    integer: LenientInteger = 0
    flag: LenientFlag = False
    short: LenientText = ""
    text: TextOrNull = ""


@pytest.mark.parametrize(
    ("field", "written", "meant"),
    [
        ("integer", 5, 5),
        ("integer", "5", 5),
        ("integer", 5.0, 5),
        ("integer", " -5.0 ", -5),
        ("flag", True, True),
        ("flag", "true", True),
        ("flag", " FALSE", False),
        ("flag", 0, False),
        ("flag", 1.0, True),
        ("short", 12, "12"),
        ("short", "12", "12"),
        ("text", None, ""),
        ("text", "None", "None"),
    ],
)
def test_a_value_with_one_reading_is_read_so(field: str, written: object, meant: object) -> None:
    found = getattr(Given.model_validate({field: written}), field)
    assert (type(found), found) == (type(meant), meant)


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("integer", "five"),
        ("integer", "5.5"),
        ("integer", 5.5),
        ("integer", True),
        ("integer", float("inf")),
        ("integer", "9" * 5000),
        ("flag", "yes"),
        ("flag", 2),
        ("flag", []),
        ("short", True),
        ("short", 1.5),
        ("text", 5),
    ],
)
def test_a_value_with_none_or_two_is_refused(field: str, written: object) -> None:
    with pytest.raises(ValidationError):
        Given.model_validate({field: written})


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=8), st.lists, max_leaves=3))
def test_any_value_is_read_or_refused(written: object) -> None:
    for field in Given.model_fields:
        try:
            Given.model_validate({field: written})
        except ValidationError:
            continue
