"""Speech to text by the OpenAI API, or by any server that speaks it: speaches, LocalAI, vLLM and others.

POST {base_url}/audio/transcriptions, one request for an utterance (OpenAI's API reference, "Create transcription",
2026-11). The server sees an utterance when it has ended: there are no partial texts, and the answer comes a request's
time after the caller paused. Speech of more than 30 s is sent in parts while the caller still speaks, cut where it is
quiet.

These models write something for any sound at all ("Thank you." for a cough). So an utterance with less than 200 ms of
voice is "", without asking; and where a Whisper says that a part is no speech, that part is left out.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import wave
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ari_agent.endpoint import Endpoint
from ari_agent.errors import SpeechFailed, SpeechUnavailable
from ari_agent.provider_api import ProviderApi, RequestFailed, failure_of, is_passing
from ari_agent.speech.network_recognizer import NetworkRecognizer, Provider
from ari_agent.speech.recognizer import (
    BYTES_PER_MS,
    FINAL_TIMEOUT_S,
    RATE_HZ,
    ListeningOptions,
)
from ari_agent.speech.utterance import Utterance, quietest_cut, voice_ms
from ari_agent.speech.utterances import ListeningCall, Utterances, words_at

log = logging.getLogger(__name__)

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "gpt-4o-mini-transcribe"
REQUEST_TIMEOUT_S: Final = 10.0
MAX_PART_MS: Final = 30_000
"""The most audio that is sent in one request: Whisper cuts longer audio without looking for a pause."""
MIN_VOICE_MS: Final = 200
MAX_PROMPT_CHARACTERS: Final = 800
"""How long a prompt may be: Whisper reads only its last 224 tokens."""

_CUT_WITHIN_MS: Final = 3_000
_MAX_PARTS: Final = 40  # twenty minutes: nobody; a voice activity that is stuck
_START_TIMEOUT_S: Final = 5.0
_RETRY_AFTER_S: Final = 0.25
_LONGEST_RETRY_AFTER_S: Final = 4.0
_REQUEST_REFUSED: Final = frozenset({400, 422})
_NO_SPEECH: Final = 0.6  # Whisper's own threshold, with the next one
_UNLIKELY: Final = -1.0


@dataclass(frozen=True, slots=True)
class OpenAiListening:
    """Which server and model.

    base_url: without /audio/transcriptions. api_key: "" for a server that asks for none.
    """

    api_key: str = field(default="", repr=False)
    base_url: str = DEFAULT_BASE_URL
    model: str = DEFAULT_MODEL
    request_timeout_s: float = REQUEST_TIMEOUT_S
    final_timeout_s: float = FINAL_TIMEOUT_S


class OpenAiRecognizer(NetworkRecognizer):
    """See Recognizer.

    Raises:
        SpeechUnavailable: base_url is no URL.
    """

    def __init__(self, settings: OpenAiListening) -> None:
        endpoint = Endpoint.of(settings.base_url, setting="ARI_AGENT_OPENAI_STT_URL", error=SpeechUnavailable)
        provider = Provider("OpenAI", "openai.com", "Bearer", "ARI_AGENT_OPENAI_API_KEY", settings.api_key)
        super().__init__(endpoint, provider)
        self._api = ProviderApi(endpoint, provider.key, provider.key_setting, self._session)
        self._settings = settings
        self.word_times = "whisper" in settings.model.lower()
        """Only Whispers tell them; off once a server has refused to."""

    async def transcribe(self, pcm: bytes, options: ListeningOptions) -> Transcription:
        """Return the text of some audio. The server is asked a second time where that may help.

        Raises:
            SpeechFailed: no text to be had.
        """
        retrying = AsyncRetrying(
            stop=stop_after_attempt(2),
            retry=retry_if_exception(is_passing),
            wait=_wait_s,
            before_sleep=lambda state: log.info(
                "speech to text is asked again: %s", failure_of(state), extra={"call_id": options.call_id}
            ),
            reraise=True,
        )
        try:
            return await retrying(self._ask, pcm, options)
        except RequestFailed as failure:
            raise SpeechFailed(str(failure)) from None

    def _recognition(self, call: ListeningCall) -> _OpenAiRecognition:
        return _OpenAiRecognition(self, call, self._settings.final_timeout_s)

    async def _key_is_refused(self) -> bool:
        timeout = aiohttp.ClientTimeout(total=_START_TIMEOUT_S)
        url = self.endpoint.url("/models")
        async with self._session().get(url, timeout=timeout, allow_redirects=False) as response:
            return response.status == 401  # 403: a key that may do nothing but transcribe

    async def _ask(self, pcm: bytes, options: ListeningOptions) -> Transcription:
        verbose = self.word_times
        form, timeout_s = self._form(pcm, options, verbose=verbose), self._settings.request_timeout_s
        try:
            return _transcription(await self._api.request("POST", "/audio/transcriptions", form, timeout_s=timeout_s))
        except RequestFailed as failure:
            if not (verbose and failure.status in _REQUEST_REFUSED):
                raise
            self.word_times = False
            why = f"{failure}: it may know no word times"
            raise RequestFailed(why, may_pass=True, status=failure.status) from None

    def _form(self, pcm: bytes, options: ListeningOptions, *, verbose: bool) -> aiohttp.FormData:
        form = aiohttp.FormData()
        form.add_field("file", _wav(pcm), filename="utterance.wav", content_type="audio/wav")
        form.add_field("model", self._settings.model)
        form.add_field("response_format", "verbose_json" if verbose else "json")
        if verbose:
            form.add_field("timestamp_granularities[]", "word")
            form.add_field("timestamp_granularities[]", "segment")
        language = options.language.partition("-")[0].lower()
        if len(language) == 2:  # ISO 639-1; what is not, as `multi`, is for the model to find out
            form.add_field("language", language)
        if options.keywords:
            form.add_field("prompt", ", ".join(options.keywords)[:MAX_PROMPT_CHARACTERS])
        return form


class _OpenAiRecognition(Utterances):
    """The recognition of one call, which sends each utterance in one or more requests."""

    def __init__(self, recognizer: OpenAiRecognizer, call: ListeningCall, final_timeout_s: float) -> None:
        super().__init__(call, piece_bytes=MAX_PART_MS * BYTES_PER_MS, final_timeout_s=final_timeout_s)
        self._recognizer = recognizer
        self._parts: dict[Utterance, list[asyncio.Task[None]]] = {}
        self._texts: dict[Utterance, dict[int, Transcription]] = {}

    def _began(self, utterance: Utterance) -> None:
        self._texts[utterance] = {}
        self._parts[utterance] = []

    def _piece_came(self, utterance: Utterance) -> None:
        part = utterance.forget(quietest_cut(utterance.audio, within_ms=_CUT_WITHIN_MS))
        self._send(utterance, utterance.start_bytes - len(part), part)

    def _stopped(self, utterance: Utterance) -> None:
        start_bytes = utterance.start_bytes
        self._send(utterance, start_bytes, utterance.forget(len(utterance.audio)))
        self._spawn(self._join(utterance), name="speech to text")

    def _send(self, utterance: Utterance, start_bytes: int, pcm: bytes) -> None:
        parts = self._parts[utterance]
        if len(parts) < _MAX_PARTS and voice_ms(pcm) >= MIN_VOICE_MS:
            parts.append(self._spawn(self._transcribe(utterance, start_bytes, pcm), name="part of speech to text"))

    async def _transcribe(self, utterance: Utterance, start_bytes: int, pcm: bytes) -> None:
        self._texts[utterance][start_bytes] = await self._recognizer.transcribe(pcm, self.options)

    async def _join(self, utterance: Utterance) -> None:
        parts = self._parts.pop(utterance)
        if parts:
            await asyncio.wait(parts)
        texts = self._texts.pop(utterance)
        if len(texts) < len(parts):
            return  # a part has failed, and with it all of this
        for start_bytes, heard in sorted(texts.items()):
            utterance.said.append(heard.text)
            utterance.words += words_at(start_bytes, heard.words)
        self._finish(utterance)


@dataclass(frozen=True, slots=True)
class Transcription:
    """An answer. words: with start and end in seconds of the audio that was sent; none where the server tells none."""

    text: str
    words: tuple[tuple[str, float, float], ...] = ()


def _wait_s(state: RetryCallState) -> float:
    failure = failure_of(state)
    if failure.status == 429:
        return _seconds(failure.retry_after)
    return 0.0 if failure.status in _REQUEST_REFUSED else _RETRY_AFTER_S


def _transcription(body: bytes) -> Transcription:
    """What a server answered: at least {"text": "..."}."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestFailed("the server's answer is no JSON", may_pass=True) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
        raise RequestFailed("the server's answer has no text", may_pass=True)
    silent = [
        (segment["start"], segment["end"])
        for segment in _dicts(answer.get("segments"))
        if _times(segment)
        and _number(segment, "no_speech_prob") > _NO_SPEECH
        and _number(segment, "avg_logprob") < _UNLIKELY
    ]
    words = tuple(
        (word["word"].strip(), float(word["start"]), float(word["end"]))
        for word in _dicts(answer.get("words"))
        if isinstance(word.get("word"), str) and _times(word)
    )
    if not silent:
        return Transcription(" ".join(answer["text"].split()), words)
    spoken = (s for s in _dicts(answer["segments"]) if not (_times(s) and (s["start"], s["end"]) in silent))
    text = " ".join(" ".join(str(segment.get("text", "")) for segment in spoken).split())
    return Transcription(text, tuple(w for w in words if not any(start <= w[1] < end for start, end in silent)))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(segment: dict[str, Any], name: str) -> float:
    value = segment.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _times(item: dict[str, Any]) -> bool:
    """Return whether `start` and `end` are numbers of seconds, in order."""
    start, end = item.get("start"), item.get("end")
    return isinstance(start, int | float) and isinstance(end, int | float) and 0 <= start <= end < 1e6


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds (RFC 9110 section 10.2.3); its date form, and what no caller waits for, are as none."""
    return min(float(retry_after), _LONGEST_RETRY_AFTER_S) if retry_after.isascii() and retry_after.isdigit() else 1.0


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes(pcm)
    return file.getvalue()
