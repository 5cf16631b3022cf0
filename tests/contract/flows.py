"""Flows of nodes for tests: the parts, and one flow that has everything a client can set."""

from __future__ import annotations

from typing import Any, Final

JSON = dict[str, Any]


def prompt(text: str) -> JSON:
    """A condition or an instruction in words."""
    return {"type": "prompt", "prompt": text}


def says(text: str) -> JSON:
    """An instruction that is said word for word."""
    return {"type": "static_text", "text": text}


def edge(to: str | None, edge_id: str = "e", when: JSON | str = "wants it") -> JSON:
    """A way to a node."""
    condition = prompt(when) if isinstance(when, str) else when
    return {"id": edge_id, "transition_condition": condition, **({"destination_node_id": to} if to else {})}


def equation(left: str, operator: str, right: str | None = None) -> JSON:
    """A condition on one variable."""
    compared = {"left": left, "operator": operator, **({} if right is None else {"right": right})}
    return {"type": "equation", "operator": "&&", "equations": [compared]}


def talk(node_id: str = "a", **settings: Any) -> JSON:
    """A node that talks."""
    return {"id": node_id, "type": "conversation", "instruction": says("Hello."), **settings}


END: Final[JSON] = {"id": "end", "type": "end"}
TOOL: Final[JSON] = {
    "type": "custom",
    "tool_id": "tool_1",
    "name": "stock",
    "description": "what is left",
    "url": "https://shop.example.com/stock",
    "method": "GET",
    "parameters": {"type": "object", "properties": {"size": {"type": "number"}}, "required": ["size"]},
}
TRANSFER: Final[JSON] = {
    "id": "sales",
    "type": "transfer_call",
    "transfer_destination": {"type": "predefined", "number": "+14155550100"},
    "transfer_option": {"type": "cold_transfer", "show_transferee_as_caller": False},
    "edge": edge("hello", "failed", "Transfer failed"),
    "speak_during_execution": True,
    "instruction": says("One moment."),
}
_TRANSCRIPT: Final = [
    {"role": "user", "content": "how many are left"},
    {"role": "tool_call_invocation", "tool_call_id": "1", "name": "stock", "arguments": "{}"},
    {"role": "tool_call_result", "tool_call_id": "1", "content": "3"},
]
EVERYTHING: Final[JSON] = {
    "start_speaker": "agent",
    "start_node_id": "hello",
    "global_prompt": "You serve {{name}}.",
    "model_choice": {"type": "cascading", "model": "gpt-5"},
    "model_temperature": 0.5,
    "begin_after_user_silence_ms": 4000,
    "default_dynamic_variables": {"name": "Ada"},
    "tools": [TOOL],
    "notes": [{"id": "n", "content": "draft", "display_position": {"x": 1, "y": 2}, "size": {"width": 3, "height": 4}}],
    "begin_tag_display_position": {"x": 1, "y": 2},
    "nodes": [
        talk(
            "hello",
            name="Greeting",
            edges=[edge("ask", "wants"), edge("stock", "adult", equation("{{age}}", ">=", "18"))],
            else_edge=edge("menu", "else", "Else"),
            interruption_sensitivity=0.5,
            model_choice={"type": "cascading", "model": "gpt-5-mini"},
            display_position={"x": 10, "y": 20.5},
            finetune_conversation_examples=[{"id": "f1", "transcript": _TRANSCRIPT}],
            finetune_transition_examples=[{"id": "f2", "transcript": _TRANSCRIPT, "destination_node_id": "ask"}],
        ),
        talk("wait", instruction={"type": "prompt", "text": "Ask again."}, always_edge=edge("ask", "a", "Always")),
        talk("tell", skip_response_edge=edge("end", "s", "Skip response")),
        {
            "id": "ask",
            "type": "extract_dynamic_variables",
            "variables": [{"type": "number", "name": "age", "description": "in years"}],
            "else_edge": edge("branch", "else", "Else"),
        },
        {
            "id": "branch",
            "type": "branch",
            "edges": [edge("sales", "known", equation("{{age}}", "exists"))],
            "else_edge": edge("tell", "else", "Else"),
        },
        {
            "id": "stock",
            "type": "function",
            "tool_id": "tool_1",
            "tool_type": "local",
            "wait_for_result": True,
            "edges": [edge("wait")],
        },
        TRANSFER,
        {
            "id": "menu",
            "type": "press_digit",
            "instruction": {"type": "prompt", "text": "Reach the office."},
            "delay_ms": 500,
            "edges": [edge("hello")],
        },
        {
            **END,
            "speak_during_execution": True,
            "instruction": says("Bye."),
            "custom_sip_headers": {"X-A": "1"},
            "global_node_setting": {
                "condition": prompt("the caller says goodbye"),
                "cool_down": 2,
                "go_back_conditions": [edge(None, "back", "wants more")],
                "positive_finetune_examples": [{"transcript": _TRANSCRIPT[:1]}],
                "negative_finetune_examples": [{"transcript": []}],
            },
        },
    ],
}
"""Every type of node, each kind of edge and condition."""
