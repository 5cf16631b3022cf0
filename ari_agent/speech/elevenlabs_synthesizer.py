"""Text to speech by ElevenLabs, over its websocket that also tells the times of the words.

WS /v1/text-to-speech/{voice}/stream-input (ElevenLabs' API reference, Text to Speech WebSocket, 2026-08). A socket
speaks one text: after the empty text that ends it the server closes, and `flush` alone does not say where one
sentence's audio ends and the next one's begins. What costs the caller time is the dialling: three round trips for TCP,
TLS and the handshake. So as soon as a sentence is under way, a socket for the next one with that voice is dialled, and
waits. It costs nothing: only sockets that generate count towards ElevenLabs' limit of concurrency.
A wrong key or voice is not the handshake's matter: {"error", "message", "code": 1008} comes, and then a close.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from ari_agent.endpoint import CONNECT_TIMEOUT_S, Endpoint, printable
from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.alignment import Alignment
from ari_agent.speech.attempts import AttemptFailed, Patience
from ari_agent.speech.network_synthesizer import NetworkSynthesizer
from ari_agent.speech.pcm_stream import PcmStream
from ari_agent.speech.pronunciation import Pronunciation, marked
from ari_agent.speech.request_failures import decoded, failures
from ari_agent.speech.synthesizer import BYTES_PER_MS, SAMPLE_RATE_HZ, Spoken, Voice
from ari_agent.speech.voice_name import VoiceRefused, split

log = logging.getLogger(__name__)

DEFAULT_URL: Final = "https://api.elevenlabs.io"
DEFAULT_MODEL: Final = "eleven_flash_v2_5"
DEFAULT_VOICE: Final = "EXAVITQu4vr4xnSDxMaL"
"""The id of "Sarah", a voice that every ElevenLabs account has."""

_VOICE_ID: Final = re.compile(r"[A-Za-z0-9]{15,40}")
_WITH_LANGUAGE: Final = frozenset({"eleven_flash_v2_5", "eleven_turbo_v2_5"})
"""The models that take language_code; others answer with an error."""
_WITH_PHONEMES: Final = frozenset({"eleven_flash_v2", "eleven_turbo_v2", "eleven_monolingual_v1"})
"""The models that speak SSML's phoneme elements, in English (Using pronunciation dictionaries, 2026-11); others skip
the word."""
_ALPHABETS: Final = {"ipa": "ipa", "cmu": "cmu-arpabet"}
_SLOWEST, _FASTEST = 0.7, 1.2  # what ElevenLabs' voice_settings.speed may be
_LARGEST_MESSAGE_BYTES: Final = 4 * 1024 * 1024
_INACTIVITY_TIMEOUT_S: Final = 180  # their longest
_SPARE_FOR_S: Final = 60.0
_MOST_SPARES: Final = 32
_CLOSE_TIMEOUT_S: Final = 0.5

_WRONG_VOICE: Final = frozenset({"voice_id_does_not_exist", "voice_not_found", "voice_access_denied"})
_WRONG_KEY: Final = frozenset({"invalid_api_key", "missing_api_key", "authentication_required", "unauthorized"})
_HOPELESS: Final = frozenset({"quota_exceeded", "invalid_input_message", "model_not_found", "missing_permissions"})

_Socket = aiohttp.ClientWebSocketResponse


class _Closed(AttemptFailed):
    """The server closed the websocket before it had spoken the text."""


@dataclass(eq=False, slots=True)
class _Spare:
    url: str
    socket: _Socket
    timer: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        if self.timer:
            self.timer.cancel()


class ElevenLabsSynthesizer(NetworkSynthesizer):
    """A synthesizer by one account. Speeds beyond 0.7 and 1.2 are spoken at these."""

    def __init__(
        self,
        *,
        api_key: str | None,
        url: str = DEFAULT_URL,
        model: str = DEFAULT_MODEL,
        patience: Patience | None = None,
    ) -> None:
        """model: for voices without a model of ElevenLabs'.

        Raises:
            SpeechUnavailable: there is no key, or url is no URL.
        """
        if not api_key:
            raise SpeechUnavailable("ARI_AGENT_ELEVENLABS_API_KEY is missing: text to speech by elevenlabs needs it")
        endpoint = Endpoint.of(url, setting="ARI_AGENT_ELEVENLABS_URL", error=SpeechUnavailable)
        super().__init__(endpoint, api_key=api_key, model=model, patience=patience)
        self._key = {"xi-api-key": api_key}
        self._spares: list[_Spare] = []  # the oldest first
        self._dialling: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def _hang_up(self) -> None:
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        self._drop()
        await asyncio.gather(*self._closing)

    async def _attempt(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        model = _model(voice, self._model)
        is_ssml = bool(voice.pronunciations) and model in _WITH_PHONEMES
        url = self._url(voice_name(voice.voice_id), model, voice.language, is_ssml=is_ssml)
        if is_ssml:
            text = marked(text, voice.pronunciations, _phoneme)
        with failures(self._endpoint.base):
            socket, told = await self._begun(url, text, voice)
            try:
                _start(self._dial_spare(url), self._dialling)
                stream, alignment = PcmStream(SAMPLE_RATE_HZ), Alignment()
                given_bytes = 0
                while told is not None:
                    audio = told.get("audio")
                    pcm = stream.feed(decoded(audio)) if isinstance(audio, str) else b""
                    # The characters of markup have times too, and are no words.
                    timed = None if is_ssml else told.get("alignment")
                    words = alignment.words(timed, given_bytes // BYTES_PER_MS)
                    given_bytes += len(pcm)
                    if pcm or words:
                        yield Spoken(pcm, words)
                    told = await self._receive(socket)
                if words := alignment.finish():
                    yield Spoken(b"", words)
            finally:
                self._release(socket)

    async def _begun(self, url: str, text: str, voice: Voice) -> tuple[_Socket, dict[str, Any] | None]:
        """A socket that speaks the text, and its first message. A spare that is dead is not the caller's concern."""
        spare = self._take(url)
        if spare is not None:
            try:
                return spare, await self._ask(spare, text, voice)
            except (_Closed, aiohttp.ClientError, OSError):
                log.debug("a spare websocket for text to speech was dead")
            except asyncio.CancelledError:  # nobody waits for it any more, which may be because it is silent
                self._drop(url)
                raise
            self._drop(url)
        socket = await self._dial(url)
        return socket, await self._ask(socket, text, voice)

    async def _ask(self, socket: _Socket, text: str, voice: Voice) -> dict[str, Any] | None:
        try:
            await socket.send_json({"text": " ", "voice_settings": _settings(voice)})
            await socket.send_json({"text": f"{text} ", "flush": True})
            await socket.send_json({"text": ""})
            return await self._receive(socket)
        except BaseException:
            self._release(socket)
            raise

    def _url(self, voice_id: str, model: str, language: str, *, is_ssml: bool) -> str:
        query: dict[str, str | int] = {
            "model_id": model,
            "output_format": f"pcm_{SAMPLE_RATE_HZ}",
            "auto_mode": "true",
            "sync_alignment": "true",
            "inactivity_timeout": _INACTIVITY_TIMEOUT_S,
        }
        if is_ssml:
            query["enable_ssml_parsing"] = "true"
        code = language.partition("-")[0].lower()
        if model in _WITH_LANGUAGE and len(code) == 2:
            query["language_code"] = code
        return self._endpoint.url(f"/v1/text-to-speech/{voice_id}/stream-input", urlencode(query))

    async def _receive(self, socket: _Socket) -> dict[str, Any] | None:
        """Return the next message, or None when the text is spoken. Raises: AttemptFailed."""
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            why = f" with code {socket.close_code}" if socket.close_code else ""
            raise _Closed(f"{self._endpoint.base} closed before the text was spoken{why}")
        try:
            told = json.loads(message.data)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise AttemptFailed(f"{self._endpoint.base} sent a message that is no JSON object", again=False)
        if told.get("error"):
            raise self._refusal(str(told["error"]), str(told.get("message", "")))
        return None if told.get("isFinal") is True else told

    def _refusal(self, code: str, message: str) -> Exception:
        if code in _WRONG_KEY:  # no word of the message: it may hold the key
            return AttemptFailed(f"{self._endpoint.base}: {code}: check ARI_AGENT_ELEVENLABS_API_KEY", again=False)
        said = printable(f"{code}: {message}", secret=self._api_key)
        if code in _WRONG_VOICE:
            return VoiceRefused(f"ElevenLabs refused the agent's voice_id: {said}")
        return AttemptFailed(f"{self._endpoint.base}: {said}", again=code not in _HOPELESS)

    # Sockets: dialled, kept for the next sentence, hung up.

    async def _dial(self, url: str) -> _Socket:
        return await self._session().ws_connect(
            url,
            headers=self._endpoint.headers(self._key),
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
            max_msg_size=_LARGEST_MESSAGE_BYTES,
        )

    async def _dial_spare(self, url: str) -> None:
        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT_S):
                socket = await self._dial(url)
        except (aiohttp.ClientError, OSError, AttemptFailed) as error:
            log.debug("no spare websocket for text to speech: %s", type(error).__name__)
            return
        if self._http is None:
            self._release(socket)
            return
        spare = _Spare(url, socket)
        self._spares.append(spare)
        spare.timer = asyncio.get_running_loop().call_later(_SPARE_FOR_S, self._expire, spare)
        if len(self._spares) > _MOST_SPARES:
            self._expire(self._spares[0])

    def _take(self, url: str) -> _Socket | None:
        """The youngest: as many as there are sentences at a time stay in use, the others expire."""
        for spare in reversed(self._spares):
            if spare.url == url:
                self._spares.remove(spare)
                spare.cancel()
                return spare.socket
        return None

    def _drop(self, url: str | None = None) -> None:
        """Close the spare sockets of this URL, or all of them: where one is dead the others are too."""
        for spare in [spare for spare in self._spares if url in {None, spare.url}]:
            self._expire(spare)

    def _expire(self, spare: _Spare) -> None:
        self._spares.remove(spare)
        spare.cancel()
        self._release(spare.socket)

    def _release(self, socket: _Socket) -> None:
        """Within _CLOSE_TIMEOUT_S; whoever is done with it does not wait so long."""
        _start(_closed(socket), self._closing)


def _start(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    among.add(task)
    task.add_done_callback(among.discard)


async def _closed(socket: _Socket) -> None:
    with suppress(aiohttp.ClientError, OSError):
        await socket.close()


def voice_name(voice_id: str | None) -> str:
    """Return the voice's id as ElevenLabs knows it. Raises: VoiceRefused, if it cannot be one of theirs."""
    if voice_id is None:
        return DEFAULT_VOICE
    provider, name = split(voice_id)
    if provider in {None, "11labs"} and _VOICE_ID.fullmatch(name):
        return name
    raise VoiceRefused(
        f"ElevenLabs knows voices by their ids, not {voice_id!r}: set the agent's voice_id to one of its voice "
        f"library, 20 letters and digits like {DEFAULT_VOICE}"
    )


def unpronounceable(voice: Voice, *, model: str) -> str | None:
    """Return why ElevenLabs cannot pronounce the words of a voice's dictionary as it says, or None.

    model: for voices without a model of ElevenLabs'.
    """
    used = _model(voice, model)
    if used not in _WITH_PHONEMES:
        return (
            f"pronunciation_dictionary: ElevenLabs' model {used} speaks no phonemes: set the agent's voice_model to "
            "eleven_flash_v2 or eleven_turbo_v2"
        )
    if not voice.language.lower().startswith("en"):
        return f"pronunciation_dictionary: ElevenLabs speaks phonemes in English alone; the agent's is {voice.language}"
    refused = next((entry for entry in voice.pronunciations if _phoneme(entry) is None), None)
    if refused is None:
        return None
    return (
        f"pronunciation_dictionary: ElevenLabs speaks phonemes in ipa and cmu, without < > & and quotes; the entry of "
        f"{refused.word!r} is in {refused.alphabet}: {refused.phoneme!r}"
    )


def _phoneme(entry: Pronunciation) -> str | None:
    alphabet = _ALPHABETS.get(entry.alphabet)
    if alphabet is None or not entry.phoneme.strip() or set(entry.phoneme) & set('<>&"'):
        return None
    return f'alphabet="{alphabet}" ph="{entry.phoneme.strip()}"'


def _model(voice: Voice, usual: str) -> str:
    return voice.model if voice.model and voice.model.startswith("eleven_") else usual


def _settings(voice: Voice) -> dict[str, float]:
    """voice_settings. Retell's temperature: 0 is the most stable, 2 the least, 1 the default of both."""
    temperature = 1.0 if voice.temperature is None else min(max(voice.temperature, 0.0), 2.0)
    speed = min(max(voice.speed, _SLOWEST), _FASTEST)
    return {"stability": 1 - temperature / 2, "similarity_boost": 0.75, "speed": speed}
