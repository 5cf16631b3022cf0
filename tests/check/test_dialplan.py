from __future__ import annotations

import pytest

from ari_agent.check.dialplan import enters, leads_to, other_app


@pytest.mark.parametrize(
    "line", ["n,Stasis(ari_agent)", "_X!,1,Stasis( ari_agent , agent_id=x)", "n,ExecIf($[1]?Stasis(ari_agent))"]
)
def test_a_line_that_enters_the_application_is_known_by_its_name(line: str) -> None:
    assert enters(line, "ari_agent")
    assert not enters(line, "ari")
    assert other_app(line) == "ari_agent"


def test_a_line_with_a_variable_enters_those_among_whom_calls_are_shared() -> None:
    line = "n,Stasis(${ARI_AGENT_APP},${ARG1})"
    assert enters(line, "ari_agent_2", shared=["ari_agent_1", "ari_agent_2"])
    assert not enters(line, "ari_agent_3", shared=["ari_agent_1", "ari_agent_2"])
    assert not enters("n,Goto(next)", "ari_agent_1", shared=["ari_agent_1"])
    assert other_app(line) is None


def test_a_line_that_enters_none_is_told() -> None:
    assert not enters("n,Dial(PJSIP/100)", "ari_agent")
    assert other_app("n,NoOp(${STASISSTATUS})") is None


@pytest.mark.parametrize(
    ("line", "contexts"),
    [
        ("n,Goto(from-ai-agent,s,1)", ["from-ai-agent"]),
        ("n,GotoIf($[${X}=1]?a,s,1:b,s,1)", ["a", "b"]),
        ("n,Gosub(sub-x,s,1)", ["sub-x"]),
        ("n,Goto(ari-agent-after,${STASISSTATUS},1)", ["ari-agent-after"]),
        ("n,Goto(s,1)", []),
        ("n,Goto(${CONTEXT},s,1)", []),
        ("n,Dial(PJSIP/100)", []),
    ],
)
def test_a_line_that_leads_on_names_the_context(line: str, contexts: list[str]) -> None:
    assert list(leads_to(line)) == contexts
