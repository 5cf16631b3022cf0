from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.inbound import InboundWebhookBody, InboundWebhookRequest
from ari_agent.contract.parsing.explain import explain

# The sample answer of Retell's page on the inbound webhook.
SAMPLE: dict[str, Any] = {
    "call_inbound": {
        "override_agent_id": "agent_12345",
        "override_agent_version": 1,
        "agent_override": {
            "agent": {
                "voice_id": "11labs-Adrian",
                "voice_temperature": 0.6,
                "interruption_sensitivity": 0.8,
                "max_call_duration_ms": 1800000,
            },
            "retell_llm": {
                "model": "gpt-4o-mini",
                "model_temperature": 0.2,
                "knowledge_base_ids": ["kb_abc123"],
                "start_speaker": "agent",
                "begin_message": "Hi {{customer_name}}, thanks for calling.",
            },
        },
        "dynamic_variables": {"customer_name": "John Doe"},
        "metadata": {"random_id": "12345"},
    }
}


def test_retells_own_sample_is_understood() -> None:
    body = InboundWebhookBody.model_validate(SAMPLE)
    assert body.changes() == SAMPLE
    assert body.call_inbound is not None
    assert not body.call_inbound.rejects


@pytest.mark.parametrize("document", [{}, {"call_inbound": None}, {"call_inbound": {}}, {"chat_inbound": {"x": 1}}])
def test_an_answer_may_say_nothing(document: Any) -> None:
    answer = InboundWebhookBody.model_validate(document).call_inbound
    assert answer is None or answer.as_json() == {}


@pytest.mark.parametrize("reject", [True, False, None])
def test_only_a_literal_true_rejects(reject: bool | None) -> None:
    answer = InboundWebhookBody.model_validate({"call_inbound": {"reject": reject}}).call_inbound
    assert answer is not None
    assert answer.rejects is (reject is True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"reject": "true"}, 'call_inbound.reject: must be true or false, not "true"'),
        ({"reject": 1}, "call_inbound.reject: must be true or false"),
        ({"reject": True, "dynamic_variables": {"a": 1}}, "call_inbound.dynamic_variables.a: must be a string, not 1"),
        ({"override_agent_id": ""}, "call_inbound.override_agent_id: must have at least 1 character"),
        ({"override_agent_id": 5}, "call_inbound.override_agent_id: must be a string"),
        ({"override_agent_version": "Prod"}, "call_inbound.override_agent_version: "),
        ({"metadata": "text"}, "call_inbound.metadata: must be an object"),
        ({"metadata": {"a": float("inf")}}, "call_inbound.metadata.a: must be a finite number"),
        ({"agent_override": {"agent": {"voice_speed": 3}}}, "call_inbound.agent_override.agent.voice_speed: must be"),
        ({"agent_override": {"retell_llm": {"model_temperature": 2}}}, "retell_llm.model_temperature: must be"),
        ({"agent_override": {"retell_llm": {"start_speaker": "both"}}}, "start_speaker: must be 'user' or 'agent'"),
        ("agent_12345", "call_inbound: must be an object"),
    ],
)
def test_an_error_says_which_field_is_not_valid(answer: Any, said: str) -> None:
    document = {"call_inbound": answer}
    with pytest.raises(ValidationError) as refused:
        InboundWebhookBody.model_validate(document)
    assert said in explain(refused.value, document)


def test_the_question_leaves_out_what_is_unknown() -> None:
    question = InboundWebhookRequest.model_validate(
        {"event_timestamp": 1, "call_inbound": {"from_number": "+12137771234", "to_number": "+12137771235"}}
    )
    assert question.as_json() == {
        "event": "call_inbound",
        "event_timestamp": 1,
        "call_inbound": {"from_number": "+12137771234", "to_number": "+12137771235"},
    }
