"""Where a conversation is in its flow: which ways out there are, and which are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ari_agent.contract.conversation_flow import ConversationFlow, FlowCreate
from ari_agent.prompt_agents.flow_state import MAX_TRANSITIONS, FlowLoops, FlowState


def say(node_id: str, *edges: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A conversation node that says its id."""
    instruction = {"type": "static_text", "text": node_id}
    return {"id": node_id, "type": "conversation", "instruction": instruction, "edges": list(edges), **more}


def branch(node_id: str, *edges: Mapping[str, Any], otherwise: str) -> dict[str, Any]:
    """A node that says nothing."""
    return {"id": node_id, "type": "branch", "edges": list(edges), "else_edge": edge(otherwise, "Else")}


def edge(to: str | None, prompt: str) -> dict[str, Any]:
    """A way that the model judges."""
    return {
        "id": f"to_{to}_{prompt}",
        "destination_node_id": to,
        "transition_condition": {"type": "prompt", "prompt": prompt},
    }


def equals(to: str, *equations: tuple[str, str, str | None], operator: str = "&&") -> dict[str, Any]:
    """A way that variables decide."""
    return {
        "id": f"to_{to}_{equations}",
        "destination_node_id": to,
        "transition_condition": condition(*equations, operator=operator),
    }


def condition(*equations: tuple[str, str, str | None], operator: str = "&&", kind: str = "equation") -> dict[str, Any]:
    sides = [{"left": left, "operator": each, "right": right} for left, each, right in equations]
    return {"type": kind, "operator": operator, "equations": sides}


def state(*nodes: Mapping[str, Any], variables: Mapping[str, str] | None = None, **more: Any) -> FlowState:
    flow = ConversationFlow.made(FlowCreate.model_validate({"nodes": nodes, **more}), "flow_1", now_ms=1)
    return FlowState(flow, lambda: variables or {}, is_spoken=True)


def test_equations_are_tried_in_order_and_prompts_are_left_to_the_model() -> None:
    at = state(
        say(
            "ask",
            edge("c", "the user wants {{thing}}"),
            edge(None, "leads nowhere"),
            equals("a", ("{{plan}}", "==", "gold")),
            equals("b", ("{{age}}", ">", "17")),
        ),
        say("a"),
        say("b"),
        say("c", name="Über Sales & Co"),
        variables={"plan": "free", "age": "18", "thing": "help"},
    )
    at.user_spoke()
    way = at.decided()
    assert way
    assert way.destination.id == "b"
    ((name, open_way),) = at.open_ways().items()
    assert (name, open_way.destination.id) == ("transition_1_to_ber_Sales_Co", "c")
    tool = at.request([], at.task, ways=at.open_ways()).tools[0]["function"]
    assert tool["description"] == "Call this when the following is so: the user wants help"
    moved = at.take(way)
    assert moved.as_json() == {
        "role": "node_transition",
        "former_node_id": "ask",
        "former_node_name": "ask",
        "new_node_id": "b",
        "new_node_name": "b",
        "transition_type": "normal",
    }
    assert at.decided() is None
    assert not at.has_spoken


GLOBAL = {
    "condition": "the user is angry",
    "cool_down": 2,
    "go_back_conditions": [{"id": "calm", "transition_condition": {"type": "prompt", "prompt": "calm again"}}],
}


def test_a_global_node_is_reached_from_everywhere_cools_down_and_leads_back() -> None:
    at = state(say("a", edge("b", "next")), say("b"), say("angry", edge("b", "go on"), global_node_setting=GLOBAL))
    assert list(at.open_ways()) == ["transition_1_to_b"], "nobody has said anything that would lead there"
    at.user_spoke()
    assert at.take(at.open_ways()["transition_2_to_angry"]).transition_type == "global"
    at.user_spoke()
    assert list(at.open_ways()) == ["transition_1_to_b", "transition_2_to_a"], "not to itself"
    moved = at.take(at.open_ways()["transition_2_to_a"])
    assert (moved.new_node_id, moved.transition_type, at.has_spoken) == ("a", "global_go_back", True)
    at.user_spoke()
    assert list(at.open_ways()) == ["transition_1_to_b"], "one transition after it"
    at.take(at.open_ways()["transition_1_to_b"])
    at.user_spoke()
    assert list(at.open_ways()) == ["transition_1_to_angry"]
    at.take(at.open_ways()["transition_1_to_angry"])
    at.user_spoke()
    assert at.open_ways()["transition_2_to_b"].kind == "global_go_back", "where it came from this time"


def test_a_node_that_is_reached_by_an_edge_leads_back_to_nowhere() -> None:
    at = state(say("a", edge("angry", "next")), say("angry", edge("a", "go on"), global_node_setting=GLOBAL))
    at.user_spoke()
    at.take(at.open_ways()["transition_1_to_angry"])
    assert [way.kind for way in at.ways()] == ["normal"]


def test_a_global_node_may_want_an_equation_and_a_prompt() -> None:
    vip = ("{{plan}}", "==", "gold")
    both = {**condition(vip, kind="equation_prompt"), "prompt_condition": {"type": "prompt", "prompt": "wants out"}}
    one = condition(vip, kind="equation_prompt")
    nodes = say("a"), say("both", global_node_setting={"condition": both})
    at = state(*nodes, variables={"plan": "gold"})
    at.user_spoke()
    assert at.decided() is None
    assert list(at.open_ways()) == ["transition_1_to_both"]
    at = state(*nodes, variables={"plan": "free"})
    at.user_spoke()
    assert at.open_ways() == {}
    decided = state(say("a"), say("one", global_node_setting={"condition": one}), variables={"plan": "gold"}).decided()
    assert decided
    assert decided.kind == "global"


def test_what_nobody_heard_has_not_happened() -> None:
    at = state(say("a", edge("b", "next")), say("b"))
    at.has_spoken = True
    at.begin_answer()
    way = at.way(at.node.edges[0])  # type: ignore[union-attr,index]
    assert way
    at.take(way)
    back = at.go_back()
    assert back
    assert (back.former_node_id, back.new_node_id, back.transition_type) == ("b", "a", "interrupt_go_back")
    assert at.has_spoken
    assert at.go_back() is None


def test_a_global_node_whose_words_nobody_heard_cools_not_down_and_leads_back_to_nowhere() -> None:
    at = state(say("a"), say("angry", global_node_setting=GLOBAL))
    at.has_spoken = True
    at.begin_answer()
    at.user_spoke()
    (way,) = at.open_ways().values()
    at.take(way)
    assert at.go_back()
    at.user_spoke()
    assert list(at.open_ways()) == ["transition_1_to_angry"]
    at.take(at.open_ways()["transition_1_to_angry"])
    at.begin_answer()
    at.user_spoke()
    assert [way.kind for way in at.open_ways().values()] == ["global_go_back"], "it was heard this time"


def test_a_conversation_that_another_process_began_goes_on_where_it_was() -> None:
    """Also in its first node, and in a global node, which leads back to where it was reached from."""
    nodes = say("a", edge("b", "next")), say("b"), say("angry", global_node_setting=GLOBAL)
    at = state(*nodes)
    at.resume(None, agent_spoke=True)
    assert (at.node.id, at.has_spoken) == ("a", True)
    at = state(*nodes)
    at.resume(None, agent_spoke=False)
    assert not at.has_spoken
    at = state(branch("a", otherwise="b"), say("b"))
    at.resume(None, agent_spoke=True)
    assert not at.has_spoken, "what the agent said is its begin message"
    at = state(*nodes)
    at.resume({"former_node_id": "b", "new_node_id": "angry", "transition_type": "global"}, agent_spoke=True)
    at.user_spoke()
    assert [(way.destination.id, way.kind) for way in at.ways()] == [("b", "global_go_back")]
    at = state(*nodes)
    at.resume({"former_node_id": "gone", "new_node_id": "angry", "transition_type": "global"}, agent_spoke=True)
    assert list(at.ways()) == [], "where it came from is there no more"


def test_a_circle_without_a_word_of_the_user_ends_with_its_path() -> None:
    at = state(branch("a", otherwise="b"), branch("b", otherwise="a"))
    ways = {node.id: at.way(node.else_edge) for node in at.flow.nodes}  # type: ignore[union-attr]

    def go() -> None:
        way = ways[at.node.id]
        assert way
        at.take(way)

    for _ in range(MAX_TRANSITIONS):
        go()
    with pytest.raises(FlowLoops, match="without a word of the user, lastly a -> b -> a -> b -> a -> b") as loop:
        go()
    assert len(loop.value.nodes) == MAX_TRANSITIONS + 1
    at.user_spoke()
    go()


def test_what_the_model_is_asked_is_of_the_flow_and_of_the_node() -> None:
    at = state(
        {
            "id": "a",
            "type": "conversation",
            "instruction": {"type": "prompt", "text": "Ask {{name}}."},
            "model_choice": {"model": "large"},
        },
        say("b"),
        variables={"name": "Ada"},
        global_prompt="Be kind to {{name}}.",
        model_choice={"model": "small"},
        model_temperature=0.4,
        backup_model={"model": "other"},
    )
    asked = at.request([{"role": "user", "content": "hi"}], at.task)
    assert asked.messages[0]["content"].startswith("Be kind to Ada.\n\nAsk Ada.\n\nYour words are spoken")
    assert (asked.model, asked.temperature, asked.backup and asked.backup.model) == ("large", 0.4, "other")
    silent = at.request([], at.task, speaks=False).messages[0]["content"]
    assert silent.endswith("Say nothing. Call the one tool whose description fits the conversation.")
    at.resume({"new_node_id": "b"}, agent_spoke=True)
    assert (at.node.id, at.has_spoken, at.request([], "").model) == ("b", True, "small")
    assert at.task == "You have said this, and now talk about it with the user: b"
    at.resume({"new_node_id": "gone"}, agent_spoke=True)
    assert at.node.id == "b"


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        ({}, None),
        ({"begin_message": "Hi {{name}}."}, "Hi Ada."),
        ({"begin_message": ""}, ""),
        ({"start_speaker": "user", "begin_message": "never"}, ""),
    ],
)
def test_who_begins(settings: dict[str, Any], begins: str | None) -> None:
    assert state(say("a"), variables={"name": "Ada"}, **settings).begin_message == begins
