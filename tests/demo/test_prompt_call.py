"""What is made of the record of the demo's call with an agent with a prompt; tests/demo/test_run.py has it placed."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.demo.prompt_agent import DemoModel
from ari_agent.demo.prompt_call import described, figures_of
from ari_agent.demo.report import StepFailed

RULES = DemoModel("rules", {}, "http://127.0.0.1:1/functions", by_rules=True)
REAL = DemoModel("qwen3:4b", {}, "http://127.0.0.1:1/functions", by_rules=False)


def record(*tools: str, **changes: Any) -> dict[str, Any]:
    calls = [{"role": "tool_call_invocation", "name": name} for name in tools]
    return {
        "call_id": "call_1",
        "disconnection_reason": "agent_hangup",
        "transcript_object": [{}, {}, {}],
        "transcript_with_tool_calls": [{"role": "user", "content": "Bye."}, *calls],
        "latency": {"e2e": {"p50": 640.4}, "asr": {"p50": 390}, "llm": {"p50": 20}, "tts": {"p50": 60}},
        **changes,
    }


def test_figures_are_told_as_a_sentence() -> None:
    figures = figures_of(record("opening_hours", "end_call"), RULES)
    assert figures == {
        "call_id": "call_1",
        "model": "rules",
        "by_rules": True,
        "tools": ["opening_hours", "end_call"],
        "utterances": 3,
        "latency_p50_ms": {"e2e": 640.4, "asr": 390, "llm": 20, "tts": 60},
    }
    assert described(figures) == (
        "3 utterances are on record; rules in place of a model called opening_hours, end_call; "
        "median latencies in ms: e2e 640, asr 390, llm 20, tts 60"
    )


def test_a_real_model_may_answer_without_the_tool() -> None:
    assert "the model qwen3:4b called end_call;" in described(figures_of(record("end_call"), REAL))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (record("end_call"), "without opening_hours"),
        (record("opening_hours"), "expected agent_hangup by end_call"),
        (record("opening_hours", "end_call", disconnection_reason="user_hangup"), "is user_hangup"),
        (record("opening_hours", "end_call", latency=None), "no answer of the agent's was timed"),
    ],
)
def test_what_is_wrong_with_a_call_is_told(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(StepFailed, match=why):
        figures_of(changed, RULES)
