"""Text to speech by OpenAI, or by a server that speaks its API: Kokoro, speaches, LocalAI, vLLM, piper and more.

POST {base_url}/audio/speech with response_format "pcm", whose answer streams (OpenAI's API reference, Create speech,
2026-08): 24 kHz, s16le, mono, without a header. A server that answers with WAV instead is understood too.
The connections stay open for the next sentence, so that it does not wait for TCP and TLS.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import aiohttp

from ari_agent.endpoint import Endpoint, may_pass, reason, refuses_key
from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import AttemptFailed, Patience
from ari_agent.speech.network_synthesizer import NetworkSynthesizer
from ari_agent.speech.pcm_stream import PcmStream
from ari_agent.speech.request_failures import failures
from ari_agent.speech.synthesizer import Spoken, Voice
from ari_agent.speech.voice_name import VoiceRefused, split

DEFAULT_URL: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "gpt-4o-mini-tts"
DEFAULT_VOICE: Final = "alloy"
RATE_HZ: Final = 24000

_LONGEST_CHARS: Final = 4096
"""The most characters that OpenAI takes in `input`."""
_ERROR_BYTES: Final = 16 * 1024
_OTHER_FORMATS: Final = (
    "application/json",
    "text/",
    "audio/mpeg",
    "audio/mp3",
    "audio/ogg",
    "audio/opus",
    "audio/aac",
    "audio/flac",
)


class OpenAiSynthesizer(NetworkSynthesizer):
    """A synthesizer by one server. The provider tells no words' times."""

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str = DEFAULT_URL,
        model: str = DEFAULT_MODEL,
        patience: Patience | None = None,
    ) -> None:
        """api_key: None for a server of one's own that asks for none. model: for voices without a model of OpenAI's.

        Raises:
            SpeechUnavailable: base_url is no URL, or OpenAI's own and there is no key.
        """
        endpoint = Endpoint.of(base_url, setting="ARI_AGENT_OPENAI_TTS_URL", error=SpeechUnavailable)
        if not api_key and endpoint.is_of("openai.com"):
            raise SpeechUnavailable(
                "ARI_AGENT_OPENAI_API_KEY is missing: set it, or ARI_AGENT_OPENAI_TTS_URL to a server that needs none"
            )
        super().__init__(endpoint, api_key=api_key, model=model, longest_chars=_LONGEST_CHARS, patience=patience)

    async def _attempt(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        http = self._session()
        name = voice_name(voice.voice_id)
        body: dict[str, object] = {
            "model": self._model_for(voice),
            "voice": name,
            "input": text,
            "response_format": "pcm",
        }
        if voice.speed != 1.0:
            body["speed"] = voice.speed
        key = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        url = self._endpoint.url("/audio/speech")
        with failures(self._endpoint.base):
            # Redirects are not followed: they would carry the key to where nobody configured it to go.
            async with http.post(
                url, json=body, headers=self._endpoint.headers(key), allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise await self._refusal(response, name)
                stream = self._stream(response)
                async for chunk in response.content.iter_any():
                    if pcm := stream.feed(chunk):
                        yield Spoken(pcm)
                if pcm := stream.finish():
                    yield Spoken(pcm)

    def _model_for(self, voice: Voice) -> str:
        """voice_model may name one of another provider, where the voice is a fallback for it."""
        theirs = voice.model is not None and voice.model.startswith(("tts-", "gpt-"))
        return voice.model if theirs and voice.model else self._model

    def _stream(self, response: aiohttp.ClientResponse) -> PcmStream:
        kind = response.headers.get("Content-Type", "").lower()
        if kind.startswith(_OTHER_FORMATS):
            raise AttemptFailed(
                f"{self._endpoint.base} answered {kind[:40]}; expected audio as pcm or wav: it must know "
                "response_format pcm",
                again=False,
            )
        # "audio/pcm;rate=22050": some servers say so
        rate = kind.partition("rate=")[2].partition(";")[0].strip()
        try:
            return PcmStream(int(rate) if rate.isdecimal() and len(rate) < 7 else RATE_HZ)
        except ValueError as error:
            raise AttemptFailed(f"{self._endpoint.base} answered with {error}", again=False) from None

    async def _refusal(self, response: aiohttp.ClientResponse, name: str) -> Exception:
        """Return the exception that an answer with a status other than 200 stands for."""
        status, shown = response.status, self._endpoint.base
        if refuses_key(status):
            return AttemptFailed(f"{shown} answered {status}: check ARI_AGENT_OPENAI_API_KEY", again=False)
        why = reason(await response.content.read(_ERROR_BYTES), secret=self._api_key)
        said = f": {why}" if why else ""
        if status in {400, 404, 422} and "voice" in why.lower():
            return VoiceRefused(f"{shown} has no voice {name!r}{said}")
        if status == 404:
            said = f"{said}; check ARI_AGENT_OPENAI_TTS_URL and ARI_AGENT_OPENAI_TTS_MODEL"
        return AttemptFailed(f"{shown} answered {status}{said}", again=may_pass(status))


def unpronounceable(_voice: Voice) -> str | None:
    """Return why no pronunciation can be asked for: OpenAI's API has no place for one."""
    return (
        "pronunciation_dictionary: OpenAI's API of speech takes no phonemes: leave the dictionary out, and have the "
        "agent write the word as it sounds"
    )


def voice_name(voice_id: str | None) -> str:
    """Return the voice's name as the server knows it. Raises: VoiceRefused, if it is another provider's voice."""
    if voice_id is None:
        return DEFAULT_VOICE
    provider, name = split(voice_id)
    if provider is None:
        return voice_id
    if provider != "openai":
        raise VoiceRefused(
            f"voice {voice_id!r} is not OpenAI's: set the agent's voice_id to one like openai-Alloy, or to a name that "
            "the server of ARI_AGENT_OPENAI_TTS_URL knows"
        )
    return name.lower()
