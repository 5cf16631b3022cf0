"""What the public log of a call is told of its prompt's model: what was asked, and what has come of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from ari_agent.contract.llm_tools import CustomTool, LlmTool
from ari_agent.contract.model_settings import EngineVersion
from ari_agent.prompt_agents.model import ModelRequest, ModelStep, TokensUsed, ToolCall

_SHOWN_CHARACTERS: Final = 2000
_SHORTEST_SECRET: Final = 8


def engine_read(engine: EngineVersion, tools: Iterable[LlmTool], fill: Callable[[str], str]) -> ModelStep:
    """Return the step that a conversation begins with. Its secrets are the headers and parameters of custom tools.

    tools: of the prompt or flow. fill: replaces the variables in a text.
    """
    known = list(tools)
    custom = [tool for tool in known if isinstance(tool, CustomTool)]
    sent = [sent for tool in custom for sent in (tool.headers, tool.query_params) if sent]
    values = {fill(value) for each in sent for value in each.values()}
    return ModelStep(
        "prompt",
        {"name": engine.engine_id, "version": engine.version, "tools": len({tool.name for tool in known})},
        secrets=tuple(sorted(value for value in values if len(value) >= _SHORTEST_SECRET)),
    )


class RequestSteps:
    """The steps of one request. tell: is told of them; None: nobody wants to know. now_s: a clock, in seconds.

    used: what the request has cost, to be set once that is known.
    """

    def __init__(self, tell: Callable[[ModelStep], None] | None, response_id: int, now_s: Callable[[], float]) -> None:
        self._tell, self._response_id = tell, response_id
        self._now_s, self._began_s = now_s, now_s()
        self.used: TokensUsed | None = None

    def asked(self, request: ModelRequest, *, model: str) -> None:
        """Tell what is asked: its size, and the newest message."""
        characters = sum(len(str(message.get("content") or "")) for message in request.messages)
        newest = request.messages[-1]
        content = {"role": newest["role"], "content": str(newest.get("content") or "")[:_SHOWN_CHARACTERS]}
        facts = {"model": model, "messages": len(request.messages), "tools": len(request.tools)}
        self._add("asked", {**facts, "characters": characters}, content)

    def answered(self, said: str, calls: Sequence[ToolCall]) -> None:
        """Tell the whole answer, the model that gave it, and its tokens."""
        tokens: dict[str, object] = {}
        if used := self.used:
            tokens = {"model": used.model, "prompt_tokens": used.prompt, "completion_tokens": used.completion}
        called = [{"name": call.name, "arguments": call.arguments[:_SHOWN_CHARACTERS]} for call in calls]
        content = {"text": said[:_SHOWN_CHARACTERS], **({"tool_calls": called} if called else {})}
        self._add("answered", {**tokens, "characters": len(said), "tools": len(calls), **self._took()}, content)

    def failed(self, why: str) -> None:
        """Tell the public log why the model has given no answer."""
        self._add("failed", self._took(), why)

    def tool(self, call: ToolCall, result: str, *, successful: bool) -> None:
        """Tell what a custom tool has come to."""
        facts: dict[str, object] = {"name": call.name, "successful": successful, "characters": len(result)}
        self._add("tool", facts, result[:_SHOWN_CHARACTERS])

    def _took(self) -> dict[str, object]:
        return {"took_ms": round((self._now_s() - self._began_s) * 1000)}

    def _add(self, what: Any, facts: dict[str, object], content: object) -> None:
        if self._tell:
            self._tell(ModelStep(what, {"response_id": self._response_id, **facts}, content))
