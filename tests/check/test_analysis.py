"""What is said of the server that analyses conversations."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ari_agent.analysis.chat_completions import ModelSettings
from ari_agent.check.analysis import check_analysis
from ari_agent.check.finding import Finding, Status
from ari_agent.config import Settings
from ari_agent.conversation_analyses import listed_models
from tests.check.test_peers import around
from tests.fakes.controller import free_tcp_port
from tests.fakes.model_server import ModelServer, model_server

pytestmark = pytest.mark.slow


async def found(models: ModelServer | None = None, **settings: Any) -> Finding:
    given = {"model": "small", "url": models.url if models else "", "api_key": "k-secret", **settings}
    asked = partial(listed_models, ModelSettings(**given), timeout_s=2.0)
    [finding] = await check_analysis(around(settings=Settings(analysis_model=given["model"]), list_models=asked))
    assert "secret" not in str(finding)
    return finding


@pytest.mark.parametrize(
    ("listed", "status", "what"),
    [
        (("small", "large"), Status.OK, "the server of the model small has it"),
        (("small:latest",), Status.OK, "the server of the model small has it"),
        (
            None,
            Status.WARNING,
            "answered 404: no such page: it has no such model, or ARI_AGENT_ANALYSIS_URL does",
        ),
        ((), Status.OK, "answers, and does not tell which models it has"),
        (
            ("large", "no\x1b[31m"),
            Status.WARNING,
            r"small among its 2: large, no\x1b[31m: set ARI_AGENT_ANALYSIS_MODEL to",
        ),
    ],
)
async def test_the_server_is_asked_for_its_models(listed: tuple[str, ...] | None, status: Status, what: str) -> None:
    async with model_server() as models:
        models.models = listed
        models.key = "k-secret"
        finding = await found(models)
        assert models.asked == []
    assert finding.status is status
    assert what in str(finding)


async def test_a_key_that_is_refused_and_a_server_that_is_not_there_are_warnings() -> None:
    async with model_server() as models:
        models.key = "another"
        finding = await found(models)
    assert finding.status is Status.WARNING
    assert "127.0.0.1 refuses the key (401)" in str(finding)
    finding = await found(url=f"http://127.0.0.1:{free_tcp_port()}/v1")
    assert finding.status is Status.WARNING
    assert "the connection to 127.0.0.1 failed" in str(finding)
    finding = await found(url="https://api.openai.com/v1", api_key="")
    assert "ARI_AGENT_ANALYSIS_API_KEY: not set" in str(finding)


async def test_without_a_model_nobody_is_asked() -> None:
    [finding] = await check_analysis(around())
    assert finding.status is Status.SKIPPED
