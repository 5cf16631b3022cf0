"""Asks a model over the OpenAI API, or any server that speaks it: Ollama, vLLM, LocalAI, llama.cpp and others.

POST {url}/chat/completions (OpenAI's API reference, "Create chat completion", 2026-11), without streaming. The form of
the answer is asked for in three ways, the strictest first: a JSON Schema (`json_schema`), any JSON (`json_object`),
nothing. A server that answers 400 or 422 to one is asked in the next way, and from then on in the one that it took.

What may pass, a refused connection, no answer in time, 408, 429 and 5xx, is tried again after a growing pause, or when
the server's Retry-After says. A model that the server does not know gives way to the one of the settings: the answer is
404 (OpenAI, Ollama, vLLM), or 400 in whatever form it is asked (LiteLLM, "Invalid model name").
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ari_agent.analysis.prompt import Message
from ari_agent.contract.analysis_report import AnalysisUsage
from ari_agent.contract.parsing.json_text import MalformedJson, compact_json, parse_json
from ari_agent.contract.parsing.retry_after import parse_retry_after
from ari_agent.endpoint import Endpoint, http_session
from ari_agent.errors import ConfigurationError
from ari_agent.provider_api import ProviderApi, RequestFailed, failure_of, is_passing

log = logging.getLogger(__name__)

DEFAULT_URL: Final = "https://api.openai.com/v1"
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 20.0
LONGEST_RETRY_AFTER_S: Final = 600.0
"""A server that wants to be left alone for longer than this is not asked again."""
_JITTER: Final = 0.2
_MOST_TOKENS: Final = 10_000_000
"""What a server counts beyond that, for one request, is none of it: costs and their limits depend on the count."""

Schema = Mapping[str, Any]
_FORMATS: Final[Sequence[Callable[[Schema], dict[str, Any]]]] = (
    lambda schema: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "analysis", "strict": True, "schema": schema},
        }
    },
    lambda _: {"response_format": {"type": "json_object"}},
    lambda _: {},
)
"""What a request holds to have its answer in JSON, the strictest first."""
_FORM_REFUSED: Final = frozenset({400, 422})
_UNKNOWN_MODEL: Final = 404


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which server and model, and how patiently.

    url: without /chat/completions. api_key: "" for a server that asks for none. request_timeout_s: of one attempt.
    attempts: how often one request is tried in all. first_pause_s: before the second attempt; it doubles each time.
    """

    model: str
    url: str = DEFAULT_URL
    api_key: str = field(default="", repr=False)
    request_timeout_s: float = 30.0
    attempts: int = 3
    first_pause_s: float = FIRST_PAUSE_S


class CompletionFailed(Exception):
    """Raised when a model has not answered, and asking again does not help; the message holds no secret."""


class Tally:
    """Counts what the requests of one analysis use, and keeps the model that was asked last, and its last failure.

    model: None while none was asked. trouble: why a request is tried again; None where none was.
    """

    def __init__(self) -> None:
        self.model: str | None = None
        self.trouble: str | None = None
        self._requests = self._prompt_tokens = self._completion_tokens = 0

    def asked(self, model: str) -> None:
        """Count a request that is sent."""
        self.model = model
        self._requests += 1

    def failed(self, why: str) -> None:
        """Take note of a request that is tried again in a while."""
        self.trouble = why
        log.info("the model is asked again: %s", why)

    def answered(self, usage: object) -> None:
        """Count the tokens of an answer, as far as its `usage` tells them."""
        self._prompt_tokens += _tokens(usage, "prompt_tokens")
        self._completion_tokens += _tokens(usage, "completion_tokens")

    def usage(self) -> AnalysisUsage:
        """Return what was used so far."""
        return AnalysisUsage(
            requests=self._requests,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
        )


class ChatCompletions:
    """Asks one server for completions. now_ms: milliseconds since 1970. dice: uniform in [0, 1).

    Raises:
        ConfigurationError: the URL is none, or is OpenAI's own and there is no key.
    """

    def __init__(self, settings: ModelSettings, *, now_ms: Callable[[], int], dice: Callable[[], float]) -> None:
        self._settings = settings
        endpoint = Endpoint.of(settings.url, setting="ARI_AGENT_ANALYSIS_URL")
        self._api = ProviderApi(endpoint, settings.api_key, "ARI_AGENT_ANALYSIS_API_KEY", self._session)
        if endpoint.is_of("openai.com") and not settings.api_key:
            raise ConfigurationError("ARI_AGENT_ANALYSIS_API_KEY: not set; analysis by OpenAI needs a key")
        self._now_ms = now_ms
        self._dice = dice
        self._first_format: dict[str, int] = {}
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        if self._http:
            await self._http.close()

    async def ask(self, messages: Sequence[Message], schema: Schema, *, model: str | None, tally: Tally) -> str:
        """Return the text that the model answers. model: None for the one of the settings. tally: counts the requests.

        Raises:
            CompletionFailed: there is no answer.
        """
        wanted = model or self._settings.model
        try:
            return await self._ask_model_or_own(messages, schema, wanted, tally)
        except RequestFailed as failure:
            raise _told(failure) from None

    async def models(self) -> Sequence[str] | None:
        """Return the names of the models that the server has (GET {url}/models); None where it does not tell.

        Raises:
            CompletionFailed: it is out of reach, refuses the key, or is no such server.
        """
        try:
            body = await self._api.request("GET", "/models", timeout_s=self._settings.request_timeout_s)
        except RequestFailed as failure:
            raise _told(failure) from None
        try:
            answer = parse_json(body)
        except MalformedJson:
            return None
        listed = answer.get("data") if isinstance(answer, dict) else None
        named = [each.get("id") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        return [name for name in named if isinstance(name, str)] or None

    async def _ask_model_or_own(self, messages: Sequence[Message], schema: Schema, wanted: str, tally: Tally) -> str:
        own = self._settings.model
        try:
            return await self._ask_model(messages, schema, wanted, tally)
        except RequestFailed as failure:
            if failure.status not in {_UNKNOWN_MODEL, *_FORM_REFUSED} or wanted == own:
                raise
            log.warning("the model %r is not to be had, and %s is asked: %s", wanted, own, failure)
        return await self._ask_model(messages, schema, own, tally)

    async def _ask_model(self, messages: Sequence[Message], schema: Schema, model: str, tally: Tally) -> str:
        refusal: RequestFailed | None = None
        for place in range(self._first_format.get(model, 0), len(_FORMATS)):
            body = compact_json({"model": model, "messages": messages, "stream": False, **_FORMATS[place](schema)})
            try:
                text = await self._patiently(body, model, tally)
            except RequestFailed as failure:
                if failure.status not in _FORM_REFUSED:
                    raise
                refusal = refusal or failure
            else:
                self._first_format[model] = place
                return text
        raise refusal or RequestFailed("no form of answer is left to ask for", may_pass=False)

    async def _patiently(self, body: bytes, model: str, tally: Tally) -> str:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            retry=retry_if_exception(is_passing),
            wait=self._pause_s,
            before_sleep=lambda state: tally.failed(str(failure_of(state))),
            reraise=True,
        )
        text: str = await retrying(self._request, body, model, tally)
        return text

    def _pause_s(self, state: RetryCallState) -> float:
        grown_s = grown_pause_s(self._settings.first_pause_s, state.attempt_number, self._dice())
        return max(grown_s, self._wanted_pause_s(failure_of(state)))

    def _wanted_pause_s(self, failure: RequestFailed) -> float:
        return parse_retry_after(failure.retry_after, self._now_ms()) or 0.0

    async def _request(self, body: bytes, model: str, tally: Tally) -> str:
        tally.asked(model)
        timeout_s = self._settings.request_timeout_s
        try:
            answer = await self._api.request("POST", "/chat/completions", body, timeout_s=timeout_s)
        except RequestFailed as failure:
            if failure.may_pass and self._wanted_pause_s(failure) > LONGEST_RETRY_AFTER_S:
                why = f"{failure}, and wants to be left alone for more than {LONGEST_RETRY_AFTER_S:g} s"
                raise RequestFailed(why, may_pass=False, status=failure.status) from None
            raise
        return _text(answer, tally)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            key = self._settings.api_key
            self._http = http_session(self._api.endpoint.headers({"Authorization": f"Bearer {key}"} if key else {}))
        return self._http


def grown_pause_s(first_s: float, failed: int, drawn: float) -> float:
    """Return how long to wait after so many failed attempts, in seconds: twice as long each time, varied by a fifth.

    drawn: uniform in [0, 1).
    """
    return min(first_s * 2.0 ** (failed - 1), LONGEST_PAUSE_S) * (1 - _JITTER + 2 * _JITTER * drawn)


def _told(failure: RequestFailed) -> CompletionFailed:
    """Return what is told of a request that has failed for good."""
    is_unknown = failure.status == _UNKNOWN_MODEL
    hint = ": it has no such model, or ARI_AGENT_ANALYSIS_URL does not end with its /v1" if is_unknown else ""
    return CompletionFailed(f"{failure}{hint}")


def _text(body: bytes, tally: Tally) -> str:
    """Return the text of an answer, and count its tokens. What is no answer at all may be one the next time."""
    try:
        answer = parse_json(body)
    except MalformedJson as error:
        raise RequestFailed(f"the server's answer is {error}", may_pass=True) from None
    if not isinstance(answer, dict):
        raise RequestFailed("the server's answer is no JSON object", may_pass=True)
    tally.answered(answer.get("usage"))
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    content = _joined(message.get("content")) if isinstance(message, dict) else None
    if content is None:
        raise RequestFailed("the server's answer has no text at choices[0].message.content", may_pass=True)
    return content


def _joined(content: object) -> str | None:
    """Return a message's text, also where it comes in parts, as that of Mistral's models which think first."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(part for part in parts if isinstance(part, str)) or None


def _tokens(usage: object, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    known = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS
    return count if known and isinstance(count, int) else 0
