from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.routing.agent_choice import AgentChoice
from ari_agent.routing.stasis_arguments import parse_arguments


def test_stasis_arguments_name_agent_and_variables() -> None:
    arguments = parse_arguments(["agent_id=agent_x", " customer = Bob = Ltd ", "agent_version=2", "noise", ""])
    assert arguments.agent == AgentChoice("agent_x", 2)
    assert arguments.variables == {"customer": " Bob = Ltd "}
    assert arguments.ignored == ["noise"]


def test_the_dialplan_says_what_was_dialled() -> None:
    arguments = parse_arguments(["to_number= +12025550100", "plan=gold"])
    assert (arguments.to_number, arguments.variables) == ("+12025550100", {"plan": "gold"})
    assert parse_arguments(["to_number="]).to_number is None


@given(st.lists(st.text()))
def test_no_stasis_argument_crashes(arguments: list[str]) -> None:
    parse_arguments(arguments)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True), st.text(), max_size=8))
def test_variables_read_back_from_stasis_arguments(variables: dict[str, str]) -> None:
    variables.pop("agent_id", None)
    variables.pop("agent_version", None)
    assert parse_arguments([f"{name}={value}" for name, value in variables.items()]).variables == variables


@pytest.mark.parametrize(
    ("argument", "sticky", "ignored"),
    [
        ("agent_draw=caller", True, []),
        ("agent_draw= caller ", True, []),
        ("agent_draw=random", False, []),
        ("agent_draw=moon", False, ["agent_draw=moon"]),
    ],
)
def test_the_dialplan_asks_for_a_caller_sticky_draw(argument: str, sticky: bool, ignored: list[str]) -> None:
    arguments = parse_arguments([argument, "plan=gold"])
    assert (arguments.sticky, arguments.ignored, arguments.variables) == (sticky, ignored, {"plan": "gold"})
