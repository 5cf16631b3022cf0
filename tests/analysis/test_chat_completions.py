"""One request to a model, with all that servers do: refuse a form, be busy, be slow, hang up, answer nonsense."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ari_agent.analysis.chat_completions import (
    ChatCompletions,
    CompletionFailed,
    ModelSettings,
    Tally,
    grown_pause_s,
)
from ari_agent.analysis.questions import OF_CALLS, Questions
from ari_agent.errors import ConfigurationError
from ari_agent.provider_api import MAX_ANSWER_BYTES
from tests.analysis.conftest import MakeCompletions
from tests.fakes.model_server import TRUTH, ModelServer, Says

SCHEMA = Questions(tuple(OF_CALLS)).schema()
QUESTION = ({"role": "user", "content": "What of it? Zoë \ud800"},)


async def ask(asker: ChatCompletions, *, model: str | None = None, tally: Tally | None = None) -> Any:
    """The object that the model answers."""
    return json.loads(await asker.ask(QUESTION, SCHEMA, model=model, tally=tally or Tally()))


async def test_a_model_is_asked_for_the_schema_without_streaming(
    models: ModelServer, completions: MakeCompletions
) -> None:
    tally = Tally()
    assert await ask(completions(), tally=tally) == TRUTH
    [body] = models.asked
    assert (body["model"], body["stream"], body["messages"][0]["content"]) == ("small", False, "What of it? Zoë ?")
    assert body["response_format"]["json_schema"] == {"name": "analysis", "strict": True, "schema": SCHEMA}
    assert tally.model == "small"
    assert tally.usage().as_json() == {"requests": 1, "prompt_tokens": 100, "completion_tokens": 20}


@pytest.mark.parametrize(
    ("formats", "tried"),
    [
        (("json_object", "text"), ["json_schema", "json_object", "json_object"]),
        (("text",), ["json_schema", "json_object", None, None]),
    ],
)
async def test_a_server_that_knows_no_schema_is_asked_in_the_way_that_it_takes(
    models: ModelServer, completions: MakeCompletions, formats: tuple[str, ...], tried: list[str | None]
) -> None:
    models.formats = formats
    asker = completions()
    assert [await ask(asker), await ask(asker)] == [TRUTH, TRUTH]
    assert [body.get("response_format", {}).get("type") for body in models.asked] == tried


async def test_what_a_server_refuses_in_every_form_is_told_in_its_words(
    models: ModelServer, completions: MakeCompletions
) -> None:
    models.always = Says(status=400, body=b'{"error": {"message": "the context is too long"}}')
    with pytest.raises(CompletionFailed, match="answered 400: the context is too long"):
        await ask(completions())
    assert len(models.asked) == 3


async def test_an_answer_in_parts_is_read_without_the_thoughts(
    models: ModelServer, completions: MakeCompletions
) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "text": "Hm."}
    halves = [{"type": "text", "text": text} for text in ('{"a":', ' "b"}')]
    body = json.dumps({"choices": [{"message": {"content": [thought, *halves, {"type": "text", "text": 5}, None]}}]})
    models.always = Says(body=body.encode())
    assert await ask(completions()) == {"a": "b"}


@pytest.mark.parametrize("trouble", [Says(status=429), Says(status=503), Says(drop=True), Says(body=b"<html>")])
async def test_what_may_pass_is_tried_again(models: ModelServer, completions: MakeCompletions, trouble: Says) -> None:
    models.says.extend([trouble, trouble])
    tally = Tally()
    assert await ask(completions(), tally=tally) == TRUTH
    assert tally.usage().requests == len(models.asked) == 3


@pytest.mark.parametrize(
    ("always", "why"),
    [
        (Says(status=500), "answered 500: not now"),
        (Says(status=429), "answered 429: not now"),
        (Says(drop=True), "failed: ServerDisconnectedError"),
        (Says(body=b"[]"), "no JSON object"),
        (Says(body=b'{"choices": []}'), "no text at choices"),
        (Says(body=b'{"choices": [{"message": {"content": null}}]}'), "no text at choices"),
        (Says(body=b'{"choices": [{"message": {"content": [5, {"type": "thinking"}]}}]}'), "no text at choices"),
    ],
)
async def test_after_its_attempts_a_request_has_failed(
    models: ModelServer, completions: MakeCompletions, always: Says, why: str
) -> None:
    models.always = always
    with pytest.raises(CompletionFailed, match=why):
        await ask(completions(attempts=2))
    assert len(models.asked) == 2


async def test_a_server_is_left_alone_for_as_long_as_it_says(models: ModelServer, completions: MakeCompletions) -> None:
    models.says.append(Says(status=429, headers={"Retry-After": "1"}))
    before_s = time.monotonic()
    assert await ask(completions()) == TRUTH
    assert time.monotonic() - before_s >= 1


@pytest.mark.parametrize("wait", ["3600", "9" * 40])
async def test_a_server_that_wants_to_be_left_alone_for_long_is_not_asked_again(
    models: ModelServer, completions: MakeCompletions, wait: str
) -> None:
    models.always = Says(status=429, headers={"Retry-After": wait})
    with pytest.raises(CompletionFailed, match="left alone for more than 600 s"):
        await ask(completions())
    assert len(models.asked) == 1


async def test_no_answer_in_time_is_tried_again(models: ModelServer, completions: MakeCompletions) -> None:
    models.says.append(Says(TRUTH, delay_s=60))
    assert await ask(completions(request_timeout_s=1.0)) == TRUTH
    assert len(models.asked) == 2


async def test_an_endless_answer_is_refused(models: ModelServer, completions: MakeCompletions) -> None:
    models.always = Says(body=b" " * (MAX_ANSWER_BYTES + 1))
    with pytest.raises(CompletionFailed, match="more than 1048576 bytes"):
        await ask(completions())
    assert len(models.asked) == 1


async def test_a_key_is_sent_and_never_told(models: ModelServer, completions: MakeCompletions) -> None:
    models.key = "s3cret"
    settings = ModelSettings("small", api_key="s3cret")
    assert "s3cret" not in repr(settings)
    assert await ask(completions(api_key="s3cret")) == TRUTH
    with pytest.raises(CompletionFailed, match="refuses the key") as refused:
        await ask(completions(api_key="wr0ng"))
    assert "wr0ng" not in str(refused.value)
    models.always = Says(status=418, body=b'{"error": {"message": "no s3cret here"}}')
    with pytest.raises(CompletionFailed, match=r"answered 418: no \*\*\* here"):
        await ask(completions(api_key="s3cret"))


async def test_a_model_that_the_server_has_not_gives_way_to_the_set_up_one(
    models: ModelServer, completions: MakeCompletions
) -> None:
    models.models = ("small", "large")
    tally = Tally()
    asker = completions()
    assert await ask(asker, model="large", tally=tally) == await ask(asker, model="gpt-9", tally=tally) == TRUTH
    assert [body["model"] for body in models.asked] == ["large", "gpt-9", "small"]
    assert tally.model == "small"
    with pytest.raises(CompletionFailed, match="The model `none` does not exist"):
        await ask(completions(model="none"))


async def test_a_model_that_is_refused_in_every_form_gives_way_too(
    models: ModelServer, completions: MakeCompletions
) -> None:
    models.models, models.unknown = ("small",), 400
    assert await ask(completions(), model="gpt-9") == TRUTH
    assert [body["model"] for body in models.asked] == ["gpt-9", "gpt-9", "gpt-9", "small"]
    with pytest.raises(CompletionFailed, match="400: The model `none` does not exist"):
        await ask(completions(model="none"))


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"prompt_tokens": -1}, {"prompt_tokens": True}, {"prompt_tokens": 10_000_001}, {"x": 1}]
)
def test_what_a_server_does_not_count_counts_nothing(usage: object) -> None:
    tally = Tally()
    tally.answered(usage)
    assert tally.usage().prompt_tokens == 0


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (ModelSettings("m"), "ARI_AGENT_ANALYSIS_API_KEY: not set"),
        (ModelSettings("m", url="ftp://x"), "ARI_AGENT_ANALYSIS_URL must be a URL"),
    ],
)
async def test_what_cannot_work_is_told_at_the_start(settings: ModelSettings, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        ChatCompletions(settings, now_ms=lambda: 0, dice=lambda: 0.5)


@pytest.mark.parametrize(
    ("failed", "drawn", "pause_s"), [(1, 0.5, 0.5), (2, 0.5, 1.0), (3, 0.0, 1.6), (3, 1.0, 2.4), (500, 0.5, 20.0)]
)
def test_pauses_grow_and_vary_up_to_a_limit(failed: int, drawn: float, pause_s: float) -> None:
    assert grown_pause_s(0.5, failed, drawn) == pytest.approx(pause_s)


@pytest.mark.parametrize(
    ("listing", "names"),
    [
        (b'{"data": [{"id": "small"}, {"id": 5}, {}, null]}', ["small"]),
        (b'{"data": []}', None),
        (b'{"data": "small"}', None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
async def test_what_a_server_tells_of_its_models_is_read_as_far_as_it_can_be(
    models: ModelServer, completions: MakeCompletions, listing: bytes, names: list[str] | None
) -> None:
    models.listing = listing
    assert await completions().models() == names
    models.listing = b" " * (1024 * 1024 + 1)
    with pytest.raises(CompletionFailed, match="more than 1048576 bytes"):
        await completions().models()
