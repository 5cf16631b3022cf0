from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.variables import merge, render


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Hi {{name}}!", "Hi Ann!"),
        ("Hi {{ name }}!", "Hi Ann!"),
        ("{{nobody}} stays", "{{nobody}} stays"),
        ("[{{empty}}]", "[]"),
        ("{{time_{{zone}} }}", "noon"),
        ("{{time_{{nowhere}}}}", "{{time_{{nowhere}}}}"),
        ("{{caller}}", "+1555"),
        ("{{x-caller}}", "+1555"),
        ("{{braces}}", "{{name}}"),
        ("{ {name} } {{}}", "{ {name} } {{}}"),
    ],
)
def test_templates(template: str, rendered: str) -> None:
    variables = {
        "name": "Ann",
        "empty": "",
        "zone": "utc",
        "time_utc": "noon",
        "x-caller": "+1555",
        "braces": "{{name}}",
    }
    assert render(template, variables) == rendered


@given(st.text(alphabet=st.characters(exclude_characters="{}\0\1\2\3")), st.dictionaries(st.text(), st.text()))
def test_text_without_braces_is_untouched(text: str, variables: dict[str, str]) -> None:
    assert render(text, variables) == text


@given(st.text(alphabet="{}ab \0"), st.dictionaries(st.text(alphabet="ab"), st.text(alphabet="{}ab")))
def test_no_template_crashes(template: str, variables: dict[str, str]) -> None:
    render(template, variables)


def test_what_is_set_more_explicitly_wins() -> None:
    merged = merge(
        headers={"x-account": "header", "x-a": "1"},
        dialplan={"x-account": "dialplan", "b": "2"},
        arguments={"b": "argument", "c": "3"},
        webhook={"c": "webhook"},
    )
    assert merged == {"x-account": "dialplan", "x-a": "1", "b": "argument", "c": "webhook"}
