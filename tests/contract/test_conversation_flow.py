"""What a flow of nodes may hold, and what is said of one that does not fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.conversation_flow import ConversationFlow, FlowCreate, FlowUpdate
from ari_agent.contract.parsing.explain import explain
from tests.contract.flows import END, EVERYTHING, TOOL, TRANSFER, edge, equation, prompt, talk

EDGE_FIELDS = ("edges", "else_edge", "always_edge", "skip_response_edge")


def a_flow(*nodes: Any, **settings: Any) -> ConversationFlow:
    wanted = FlowCreate.model_validate({"nodes": nodes, **settings})
    return ConversationFlow.made(wanted, "conversation_flow_1", now_ms=1)


def test_everything_that_a_client_can_set_is_kept_as_it_came() -> None:
    flow = ConversationFlow.made(FlowCreate.model_validate(EVERYTHING), "conversation_flow_1", now_ms=1)
    assert flow.as_record().items() >= EVERYTHING.items()
    assert ConversationFlow.model_validate(flow.as_record()) == flow
    assert (flow.engine_id, flow.version, flow.is_published) == ("conversation_flow_1", 0, False)
    assert (flow.model, flow.nodes[0].model, flow.nodes[1].model) == ("gpt-5", "gpt-5-mini", None)
    assert [[way.id for way in node.ways()] for node in flow.nodes] == [
        ["wants", "adult", "else"],
        ["a"],
        ["s"],
        ["else"],
        ["known", "else"],
        ["e"],
        ["failed"],
        ["e"],
        [],
    ]


def test_a_flow_begins_with_the_node_that_it_names_and_else_with_the_first() -> None:
    assert a_flow(talk("a"), talk("b"), start_node_id="b").start_node.id == "b"
    flow = a_flow(talk("a"), talk("b"), tools=[TOOL])
    assert (flow.start_node.id, flow.model) == ("a", None)
    assert (flow.node("b"), flow.node("c")) == (flow.nodes[1], None)
    assert flow.tools
    assert (flow.tool("tool_1"), flow.tool("tool_2")) == (flow.tools[0], None)


def test_newer_and_shorter_ways_to_write_a_flow_are_read() -> None:
    node = talk(model_config={"primary": {"model": "m", "tier": "fast"}}, global_node_setting={"condition": "asks"})
    flow = a_flow(node, {**END, "model_config": {}}, model_config={"primary": {"model": "q"}, "temperature": 1})
    assert (flow.model, flow.model_temperature, flow.nodes[0].model, flow.nodes[1].model) == ("q", 1, "m", None)
    setting = flow.nodes[0].global_node_setting
    assert setting
    assert setting.condition.as_json() == prompt("asks")
    asked = {**equation("{{age}}", "exists"), "type": "equation_prompt", "prompt_condition": prompt("asks")}
    setting = a_flow(talk(global_node_setting={"condition": asked})).nodes[0].global_node_setting
    assert setting
    assert setting.condition.as_json() == asked


def test_a_transfer_that_a_node_wants_is_read_as_that_of_a_tool() -> None:
    (node, _) = a_flow({**TRANSFER, "edge": edge("end")}, END).nodes
    assert node.type == "transfer_call"
    assert (node.inferred, node.request("+1").to, node.request("+1").mode) == (None, "+14155550100", "sip_invite")
    found = {"type": "inferred", "prompt": "the branch that is near"}
    (node, _) = a_flow({**TRANSFER, "edge": edge("end"), "transfer_destination": found}, END).nodes
    assert node.type == "transfer_call"
    assert node.inferred
    assert node.request("+14155550111").to == "+14155550111"


def test_changes_are_checked_with_what_stays() -> None:
    flow = a_flow(talk("a", edges=[edge("end")]), END)
    changed = flow.changed(FlowUpdate.model_validate({"global_prompt": "New."}), now_ms=2)
    assert (changed.global_prompt, changed.nodes, changed.last_modification_timestamp) == ("New.", flow.nodes, 2)
    with pytest.raises(ValidationError, match="leads to end, which is none"):
        flow.changed(FlowUpdate.model_validate({"nodes": [talk("a", edges=[edge("end")])]}), now_ms=2)


@pytest.mark.parametrize("field", EDGE_FIELDS)
def test_every_kind_of_edge_leads_to_a_node_that_is_there_or_nowhere_yet(field: str) -> None:
    def ways(to: str | None) -> dict[str, Any]:
        return {field: [edge(to)] if field == "edges" else edge(to)}

    assert [way.destination_node_id for way in a_flow(talk(**ways(None))).nodes[0].ways()] == [None]
    with pytest.raises(ValidationError, match="edge e of a leads to lost, which is none"):
        a_flow(talk(**ways("lost")))


def when(condition: Any) -> dict[str, Any]:
    return talk(edges=[edge("a", when=condition)])


@pytest.mark.parametrize(
    ("nodes", "settings", "why"),
    [
        ([], {}, "a flow needs at least one"),
        ([talk(), talk()], {}, "nodes: two have the id a"),
        ([talk()], {"start_node_id": "b"}, "start_node_id: there is no node b; expected the id of one of nodes"),
        ([talk(edges=[edge("a"), edge("a")])], {}, "two edges of a have the id e"),
        ([talk()], {"tools": [TOOL, {**TOOL, "name": "other"}]}, "tools: two have the tool_id tool_1"),
        ([talk()], {"tools": [TOOL, {**TOOL, "tool_id": "b"}]}, "tools: two have the name stock"),
        (
            [{"id": "f", "type": "function", "tool_id": "tool_2"}],
            {"tools": [TOOL]},
            "nodes: f runs tool_2, which is the tool_id of none of tools",
        ),
        (
            [{"id": "f", "type": "function", "tool_id": "x", "tool_type": "shared"}],
            {},
            "no tools that flows share here",
        ),
        (
            [when(equation("{{a}}", "=~", "1"))],
            {},
            "nodes[0].edges[0].transition_condition.equations[0].operator: must be '==', '!=', '>', '>=', '<', '<=', "
            "'contains', 'not_contains', 'exists' or 'not_exist', not \"=~\"",
        ),
        ([when(equation("{{a}}", ">"))], {}, "> compares left with right: right is missing"),
        ([when({**equation("a", "exists"), "operator": "and"})], {}, "operator: must be '||' or '&&', not \"and\""),
        ([when({**equation("a", "exists"), "equations": []})], {}, "equations: must have at least 1 item"),
        ([when(prompt(""))], {}, "prompt: must have at least 1 character"),
        ([when({"type": "always"})], {}, "transition_condition: type must be one of 'prompt', 'equation'"),
        ([{**TRANSFER, "transfer_destination": None}], {}, "transfer_destination: must be an object"),
        ([{"id": "t", "type": "transfer_call", "edge": edge("t")}], {}, "nodes[0].transfer_destination: required"),
        (
            [{**TRANSFER, "transfer_destination": {"type": "predefined"}}],
            {},
            "transfer_destination: number is missing, which is where the call goes",
        ),
        ([{"id": "b", "type": "branch"}], {}, "nodes[0].else_edge: required"),
        ([{**END, "custom_sip_headers": {"Via": "x"}}], {}, "'Via' is not carried"),
        ([talk(knowledge_base_ids=["kb"])], {}, "there are no knowledge bases here"),
        ([talk(voice_speed=0.1)], {}, "nodes[0].voice_speed: must be greater than or equal to 0.5"),
        ([talk(finetune_conversation_examples=[{"transcript": [{"role": "user"}]}])], {}, "content is missing"),
        (
            [talk(finetune_conversation_examples=[{"transcript": [{"role": "tool_call_invocation", "name": "x"}]}])],
            {},
            "arguments is missing, which a line of role tool_call_invocation has",
        ),
        ([{"id": "x", "type": "sms"}], {}, "nodes of type 'sms' are not served here; let a function node ask"),
        ([{"id": "x", "type": "agent_swap"}], {}, "put the other agent's nodes into this flow"),
        ([{"id": "x", "type": "subagent"}], {}, "make a conversation node of its instruction"),
        ([{"id": "x", "type": "dance"}], {}, "nodes[0]: type must be one of 'conversation', 'function'"),
        ([talk()], {"components": [{"name": "x"}]}, "components: not served here; put their nodes into nodes"),
        ([talk()], {"flex_mode": True}, "flex_mode: not served here; make a retell-llm"),
        ([talk()], {"mcps": [{"name": "x"}]}, "mcps: not served here"),
        ([talk()], {"model_choice": {"type": "s2s", "model": "x"}}, "model_choice.type: must be 'cascading'"),
        ([talk(model_config={"type": "s2s", "primary": {"model": "x"}})], {}, "model_config of type s2s is not served"),
    ],
)
def test_what_does_not_fit_is_refused(nodes: list[Any], settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        a_flow(*nodes, **settings)
    assert why in explain(refused.value, {"nodes": nodes, **settings}, root="body")


def test_the_flow_of_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "conversation-flows.md").read_text()
    (written,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    flow = FlowCreate.model_validate_json(written)
    reached, left = set[str](), [flow.start_node]
    while left:
        node = left.pop()
        reached.add(node.id)
        ways = [flow.node(way.destination_node_id) for way in node.ways()]
        left += [to for to in ways if to and to.id not in reached]
    assert reached == {node.id for node in flow.nodes}
