"""What `ari-agent check` finds out about the server of the model by which prompts are answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ari_agent.check.finding import Finding, Status
from ari_agent.check.models import check_model
from ari_agent.check.stored import Stored
from ari_agent.check.surroundings import ModelsAsked
from ari_agent.prompt_agents.chat_model import ChatModel, ModelServer
from tests.check.test_peers import around, stored
from tests.fakes.chat_model_server import ChatModelServer, Reply

ENGINE = {"type": "retell-llm", "llm_id": "llm_1"}


async def found(url: str, model: str = "small", key: str = "") -> Finding:
    async def ask() -> ModelsAsked:
        made = ChatModel(ModelServer(model, url, key, first_piece_s=5))
        try:
            return ModelsAsked(made.name, made.host, await made.known())
        finally:
            await made.close()

    (finding,) = await check_model(replace(around(Stored()), ask_models=ask))
    return finding


@pytest.mark.parametrize(
    ("model", "known", "status", "what"),
    [
        ("small", ["small"], Status.OK, "127.0.0.1 answers, and has the model small"),
        ("large", ["large:latest"], Status.OK, "has the model large"),
        (
            "tiny",
            ["small", "large"],
            Status.FAILED,
            "has no model tiny: set ARI_AGENT_LLM_MODEL to one that it has: small",
        ),
        ("small", None, Status.WARNING, "tells no list of models"),
    ],
)
async def test_the_server_is_asked_which_models_it_has(
    model: str, known: list[str] | None, status: Status, what: str
) -> None:
    async with ChatModelServer(Reply()) as server:
        server.models = known
        finding = await found(server.url, model)
        assert (finding.status, what in str(finding)) == (status, True), finding
        assert not server.asked, "an answer may cost money"


async def test_a_wrong_key_is_found_and_not_shown() -> None:
    async with ChatModelServer(Reply(), key="sk-right") as server:
        finding = await found(server.url, key="sk-wrong")
        assert finding.status is Status.FAILED
        assert "answered 401" in finding.what
        assert "sk-" not in str(finding)


async def test_a_server_that_is_not_there_is_found() -> None:
    finding = await found("http://127.0.0.1:9/v1")
    assert (finding.status, "127.0.0.1 is not reached" in finding.what) == (Status.FAILED, True)


async def _opens(_model: str) -> None:
    """A realtime server that opens every session."""


async def test_prompts_without_a_model_are_found() -> None:
    for lacks in (around(stored(ENGINE)), replace(around(stored(ENGINE)), try_session=_opens)):
        (finding,) = await check_model(lacks)
        assert finding.status is Status.FAILED
        assert "Weather" in finding.what
    (speaking,) = stored(ENGINE).agents
    speaks = replace(around(Stored([replace(speaking, speaking_model="gpt-realtime")])), try_session=_opens)
    for needs_none in (around(Stored()), speaks):
        (finding,) = await check_model(needs_none)
        assert finding.status is Status.SKIPPED
