"""Whether the equations of a flow hold for the variables of a conversation. Pure.

Source: Retell, "Transition condition" (2026-11). Variables are texts. Two texts that are numbers are compared as
numbers, so that 18 is 18.0 and 9 less than 10; `007`, a code, is equal to itself alone. A variable that there is not is
equal to nothing, contains nothing, and is neither more nor less than anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from ari_agent.contract.flow_edges import (
    Equation,
    EquationCondition,
    EquationPromptCondition,
    Operator,
    PromptCondition,
)
from ari_agent.routing.variables import render, render_known

Condition = PromptCondition | EquationCondition | EquationPromptCondition

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_PLAIN_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,29})(\.[0-9]{1,30})?")


def holds(condition: Condition, variables: Mapping[str, str]) -> bool:
    """Return whether the equations of a condition hold; a prompt has none, which hold never."""
    if isinstance(condition, PromptCondition):
        return False
    combined = all if condition.operator == "&&" else any
    return combined(_is_true(equation, variables) for equation in condition.equations)


def prompt_of(condition: Condition, variables: Mapping[str, str]) -> str | None:
    """Return what of a condition the model has to judge, its variables filled in; None where equations decide."""
    if isinstance(condition, EquationPromptCondition):
        prompt = condition.prompt_condition if holds(condition, variables) else None
        return render(prompt.prompt, variables) if prompt else None
    return render(condition.prompt, variables) if isinstance(condition, PromptCondition) else None


def decides(condition: Condition, variables: Mapping[str, str]) -> bool:
    """Return whether a condition holds without asking the model."""
    needs_model = isinstance(condition, EquationPromptCondition) and condition.prompt_condition is not None
    return not needs_model and holds(condition, variables)


def _is_true(equation: Equation, variables: Mapping[str, str]) -> bool:
    if equation.operator in {"exists", "not_exist"}:
        # Without braces it is the bare name of a variable: no other text could be missing.
        left = _value(equation.left if "{{" in equation.left else f"{{{{{equation.left}}}}}", variables)
        return bool(left) is (equation.operator == "exists")
    left, right = _value(equation.left, variables), _value(equation.right or "", variables)
    if left is None or right is None:
        return equation.operator in {"!=", "not_contains"}
    return _COMPARISONS[equation.operator](left, right)


def _value(side: str, variables: Mapping[str, str]) -> str | None:
    """Return a side with its variables filled in; None where one of them is unknown."""
    value = render_known(side, variables)
    return None if value is None else value.strip()


def _are_equal(left: str, right: str) -> bool:
    if _PLAIN_NUMBER.fullmatch(left) and _PLAIN_NUMBER.fullmatch(right):
        return Decimal(left) == Decimal(right)
    return left == right


def _ordered(comparison: Callable[[Decimal, Decimal], bool]) -> Callable[[str, str], bool]:
    def compare(left: str, right: str) -> bool:
        if not (_NUMBER.fullmatch(left) and _NUMBER.fullmatch(right)):
            return False
        return comparison(Decimal(left), Decimal(right))

    return compare


_COMPARISONS: Final[Mapping[Operator, Callable[[str, str], bool]]] = {
    "==": _are_equal,
    "!=": lambda left, right: not _are_equal(left, right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    "contains": lambda left, right: right in left,
    "not_contains": lambda left, right: right not in left,
}
