"""Equations on the variables of a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from ari_agent.contract.flow_edges import EquationCondition, PromptCondition
from ari_agent.prompt_agents.flow_equations import decides, holds, prompt_of
from tests.prompt_agents.test_flow_state import condition

VARIABLES = {
    "age": "18",
    "plan": "gold",
    "code": "007",
    "none": "",
    "yes": "true",
    "big": "9" * 40,
    "odd": "{{age}}",
    "itself": "{{itself}}",
    "limit_gold": "9",
    "hidden": "\0plan\1",
    "x-agent": "Ada",
    "space": " gold ",
}


def is_true(*equations: tuple[str, str, str | None], operator: str = "&&") -> bool:
    given: Any = condition(*equations, operator=operator)
    return holds(TypeAdapter(EquationCondition).validate_python(given), VARIABLES)


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        ("{{plan}}", "==", "gold", True),
        ("{{plan}}", "==", "Gold", False),
        ("{{space}}", "==", "gold", True),
        ("{{plan}} {{age}}", "==", "gold 18", True),
        ("{{yes}}", "==", "true", True),
        ("{{age}}", "==", "18.0", True),
        ("{{age}}", "!=", "18.0", False),
        ("{{code}}", "==", "7", False),
        ("{{code}}", "==", "007", True),
        ("{{age}}", ">", "9", True),
        ("{{age}}", ">", "18", False),
        ("{{age}}", ">=", "18", True),
        ("{{age}}", "<", "1e9", False),
        ("{{age}}", "<", "18.5", True),
        ("{{age}}", "<=", "-1", False),
        ("{{code}}", "<=", "7", True),
        ("{{big}}", ">", "1", False),
        ("{{plan}}", ">", "1", False),
        ("1", "<", "{{age}}", True),
        ("{{plan}}", "contains", "ol", True),
        ("{{plan}}", "contains", "x", False),
        ("{{plan}}", "not_contains", "x", True),
        ("{{plan}}", "not_contains", "ol", False),
        ("{{plan}}", "exists", None, True),
        ("{{plan}}", "not_exist", None, False),
        ("plan", "exists", None, True),
        ("nobody", "exists", None, False),
        ("{{none}}", "exists", None, False),
        ("{{none}}", "==", "", True),
        ("{{nobody}}", "exists", None, False),
        ("{{nobody}}", "not_exist", None, True),
        ("{{nobody}}", "==", "", False),
        ("{{nobody}}", "!=", "gold", True),
        ("{{nobody}}", "contains", "", False),
        ("{{nobody}}", "not_contains", "a", True),
        ("{{nobody}}", ">", "0", False),
        ("{{plan}}", "==", "{{nobody}}", False),
        ("{{odd}}", "exists", None, True),
        ("{{odd}}", "==", "18", False),
        ("{{itself}}", "==", "{{itself}}", True),
        ("{{itself}}", "exists", None, True),
        ("{{price_{{plan}}}}", "exists", None, False),
        ("{{price_{{plan}}}}", "!=", "1", True),
        ("{{limit_{{plan}}}}", ">", "5", True),
        ("{{hidden}}", "==", "plan", True),
        ("agent", "exists", None, True),
        ("{{" * 512, "exists", None, True),
    ],
)
def test_an_equation(left: str, operator: str, right: str | None, expected: bool) -> None:
    assert is_true((left, operator, right)) is expected


@pytest.mark.parametrize(("operator", "expected"), [("&&", False), ("||", True)])
def test_equations_hold_together_or_one_of_them(operator: str, expected: bool) -> None:
    assert is_true(("{{age}}", "==", "18"), ("{{age}}", "==", "19"), operator=operator) is expected


def test_a_prompt_is_the_models_to_judge() -> None:
    prompt = PromptCondition(type="prompt", prompt="is {{plan}}")
    assert not holds(prompt, VARIABLES)
    assert not decides(prompt, VARIABLES)
    assert prompt_of(prompt, VARIABLES) == "is gold"
    equations: Any = condition(("{{age}}", "==", "18"))
    assert prompt_of(TypeAdapter(EquationCondition).validate_python(equations), VARIABLES) is None
