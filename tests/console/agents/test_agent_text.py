"""What an agent answers by, as text: states, nodes and their ways, tools, and nothing that is a secret."""

from __future__ import annotations

from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.console.agents.agent_text import TextPart, text_parts
from ari_agent.contract.conversation_flow import ConversationFlow
from ari_agent.contract.retell_llm import RetellLlm

IDENTITY = {"last_modification_timestamp": 1}
ORDER = {"type": "custom", "name": "order", "description": "Orders bread.", "url": "https://u:hunter22@shop.example/o"}
TRANSFER = {
    "type": "transfer_call",
    "name": "boss",
    "transfer_destination": {"type": "predefined", "number": "+14155550100"},
}


def told(engine: RetellLlm | ConversationFlow, *secrets: str) -> dict[str, str]:
    return {part.heading: part.text for part in text_parts(engine, Redaction(secrets))}


def test_a_prompt_is_told_with_its_states_and_tools() -> None:
    states = [
        {"name": "order", "tools": [TRANSFER], "edges": [{"description": "done", "destination_state_name": "end"}]},
        {"name": "end", "state_prompt": "Say goodbye to hunter22."},
    ]
    fields = {"general_prompt": "Sell bread.", "general_tools": [ORDER], "states": states, "starting_state": "order"}
    prompt = RetellLlm.model_validate({"llm_id": "llm_1", **IDENTITY, **fields, "begin_message": ""})
    assert told(prompt, "hunter22") == {
        "First words": "The user speaks first.",
        "Prompt": "Sell bread.",
        "Tools": "order (custom): Orders bread.: POST https://***@shop.example/o",
        "From order": "to end: done",
        "Tools in order": 'boss (transfer call): {"type": "predefined", "number": "+14155550100"}',
        "State end": "Say goodbye to ***.",
    }


def test_a_flow_is_told_node_by_node() -> None:
    paid = {"left": "{{paid}}", "operator": "==", "right": "yes"}
    there = {"left": "{{name}}", "operator": "exists"}
    nodes = [
        {
            "id": "n1",
            "name": "Greet",
            "type": "conversation",
            "instruction": {"type": "static_text", "text": "Good morning."},
            "edges": [
                {"id": "e1", "transition_condition": {"type": "prompt", "prompt": "wants bread"}},
                {
                    "id": "e2",
                    "destination_node_id": "n2",
                    "transition_condition": {"type": "equation", "operator": "&&", "equations": [paid, there]},
                },
            ],
        },
        {"id": "n2", "type": "function", "tool_id": "t1", "wait_for_result": True},
        {"id": "n3", "type": "end"},
    ]
    fields = {"nodes": nodes, "start_node_id": "n1", "global_prompt": "Be kind.", "tools": [{**ORDER, "tool_id": "t1"}]}
    flow = ConversationFlow.model_validate({"conversation_flow_id": "conversation_flow_1", **IDENTITY, **fields})
    parts = told(flow)
    assert parts["In every node"] == "Be kind."
    assert parts["Greet (conversation, where it begins)"] == (
        "Good morning.\nto nowhere yet: wants bread\nto n2: {{paid}} == yes && {{name}} exists"
    )
    assert parts["n2 (function)"] == "runs t1"
    assert "First words" not in parts and "n3 (end)" not in parts
    again = flow.model_copy(update={"begin_message": "Hello."})
    assert told(again)["First words"] == "Hello."


def test_half_a_secret_is_not_left_over_where_a_text_is_cut() -> None:
    text = "x" * 99_990 + "hunter22-and-more" + "y" * 10_000
    prompt = RetellLlm.model_validate({"llm_id": "llm_1", **IDENTITY, "general_prompt": text, "begin_message": "Hi"})
    assert text_parts(prompt, Redaction(["hunter22-and-more"]))[1] == TextPart(
        "Prompt", "x" * 99_990 + "***yyyyy", 10_009
    )
