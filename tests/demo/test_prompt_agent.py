"""The model of the demo's agent with a prompt, and what the API makes of its prompt."""

from __future__ import annotations

import io

import aiohttp
from rich.console import Console

from ari_agent.contract.retell_llm import LlmUpdate
from ari_agent.demo.prompt_agent import demo_model, prompt
from ari_agent.demo.report import Report
from ari_agent.demo.rule_model import NAME
from ari_agent.demo.settings import DemoSettings


async def test_rules_answer_where_no_model_is_named_and_that_is_said() -> None:
    out = io.StringIO()
    async with (
        demo_model(DemoSettings.from_environment({}), Report(Console(file=out, width=300))) as model,
        aiohttp.ClientSession() as http,
        http.get(f"{model.settings['LLM_URL']}/models") as response,
    ):
        assert (await response.json())["data"][0]["id"] == model.settings["LLM_MODEL"] == NAME
    assert model.by_rules
    assert "language model: none; a server of this demo answers by rules" in out.getvalue()


async def test_a_model_that_is_named_answers_and_its_key_is_not_printed() -> None:
    url = "http://127.0.0.1:11434/v1"
    given = {"LLM_URL": url, "LLM_MODEL": "qwen3:4b", "LLM_API_KEY": "sk-1"}
    settings = DemoSettings.from_environment({f"ARI_AGENT_{name}": value for name, value in given.items()})
    out = io.StringIO()
    async with demo_model(settings, Report(Console(file=out, width=300))) as model:
        assert (model.settings, model.by_rules) == (given, False)
        function = f"{model.functions}/opening_hours"
        async with aiohttp.ClientSession() as http, http.post(function, json={}) as response:
            assert response.status == 200
    assert "language model: qwen3:4b" in out.getvalue()
    assert "sk-1" not in out.getvalue()


def test_the_api_takes_the_prompt() -> None:
    LlmUpdate.model_validate(prompt(functions="http://127.0.0.1:1/functions", transfer_to="+12025550101"))
