"""The demo's agent with a prompt: what it is told, the tools that it has, and the model that it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.demo.bound_number import bound_number
from ari_agent.demo.controller import ControllerApi, ControllerUnavailable
from ari_agent.demo.local_speech import VOICE_ID
from ari_agent.demo.model_server import serve_model
from ari_agent.demo.report import Report
from ari_agent.demo.rule_model import NAME
from ari_agent.demo.settings import DemoSettings

GREETING: Final = "How can I help you?"
EVENTS: Final = ("call_started", "transcript_updated", "call_ended", "call_analyzed")
_PROMPT: Final = (
    "You answer the phone of a small shop. Answer in one short sentence. When you are asked when the shop is open, "
    "call opening_hours and say what it tells. When the user wants to talk to a person, call transfer_call. When the "
    "user says goodbye, say goodbye and call end_call."
)


@dataclass(frozen=True, slots=True)
class DemoModel:
    """The model that the agent with a prompt answers by.

    settings: of the controller, without their prefix. functions: the URL below which the prompt's custom tools are.
    by_rules: it is the demo's own server, and no language model.
    """

    name: str
    settings: Mapping[str, str]
    functions: str
    by_rules: bool


@asynccontextmanager
async def demo_model(settings: DemoSettings, report: Report) -> AsyncIterator[DemoModel]:
    """Have the model that ARI_AGENT_LLM_URL names, else the demo's own rules, for as long as the context is open."""
    async with serve_model() as address:
        if settings.llm_url:
            report.say(f"language model: {settings.llm_model}, by ARI_AGENT_LLM_URL")
            own = (settings.llm_url, settings.llm_model, settings.llm_api_key)
        else:
            report.say(
                f"language model: none; a server of this demo answers by rules of key words ({address}/v1). "
                "ARI_AGENT_LLM_URL and ARI_AGENT_LLM_MODEL name a real one"
            )
            own = (f"{address}/v1", NAME, "")
        yield DemoModel(
            name=own[1],
            settings=dict(zip(("LLM_URL", "LLM_MODEL", "LLM_API_KEY"), own, strict=True)),
            functions=f"{address}/functions",
            by_rules=not settings.llm_url,
        )


@asynccontextmanager
async def prompt_agent(
    api: ControllerApi, model: DemoModel, *, number: str, transfer_to: str, webhooks: str
) -> AsyncIterator[None]:
    """Have the agent, and its number, for as long as the context is open. webhooks: the receiver's URL."""
    body = prompt(functions=model.functions, transfer_to=transfer_to)
    llm_id = (await api.ask("POST", "/create-retell-llm", body))["llm_id"]
    try:
        engine = {"type": "retell-llm", "llm_id": llm_id}
        settings = {"response_engine": engine, "voice_id": VOICE_ID, "webhook_events": EVENTS}
        async with bound_number(api, number, settings, webhooks=webhooks):
            yield
    finally:
        with suppress(ControllerUnavailable):
            await api.ask("DELETE", f"/delete-retell-llm/{llm_id}")


def prompt(*, functions: str, transfer_to: str) -> dict[str, Any]:
    """Return the body of create-retell-llm. functions: the URL below which the custom tool is."""
    destination = {"type": "predefined", "number": transfer_to}
    option = {"type": "cold_transfer", "cold_transfer_mode": "sip_refer"}
    return {
        "general_prompt": _PROMPT,
        "begin_message": f"Hello, I am an agent with a prompt. {GREETING}",
        "general_tools": [
            {"type": "custom", "name": "opening_hours", "url": f"{functions}/opening_hours", "timeout_ms": 5000},
            {
                "type": "transfer_call",
                "name": "transfer_call",
                "transfer_destination": destination,
                "transfer_option": option,
            },
            {"type": "end_call", "name": "end_call", "description": "When the user says goodbye."},
        ],
    }
