"""Text to speech by a Wyoming server: wyoming-piper, and whatever else Home Assistant speaks with.

Each text has a connection of its own: texts are spoken at the same time, and to hang up is to cancel. The event
`synthesize` asks, `audio-start`, `audio-chunk`s and `audio-stop` answer (https://github.com/OHF-Voice/wyoming, 1.10).
The protocol has no speed and no times of words.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from ari_agent.speech.attempts import AttemptFailed, Attempts, Patience
from ari_agent.speech.pcm_stream import PcmStream
from ari_agent.speech.synthesizer import Spoken, Voice
from ari_agent.speech.voice_name import VoiceRefused, split
from ari_agent.speech.wyoming_connection import WyomingConnection, WyomingFailed, WyomingServer
from ari_agent.speech.wyoming_events import Event

SETTING: Final = "ARI_AGENT_WYOMING_TTS_URL"
DEFAULT_URL: Final = "tcp://127.0.0.1:10200"
"""Where wyoming-piper listens by its own documents."""
DEFAULT_VOICE: Final = "default"
"""Stands for the voice that the server has of itself."""


class WyomingSynthesizer:
    """A Synthesizer by one server."""

    def __init__(self, *, url: str = DEFAULT_URL, patience: Patience | None = None) -> None:
        """url: tcp://HOST:PORT.

        Raises:
            SpeechUnavailable: it is no such URL.
        """
        self._server = WyomingServer.of(url, setting=SETTING)
        self._attempts = Attempts(self._attempt, patience=patience, named=self._server.named)
        self._open: set[WyomingConnection] = set()
        self._closed = False

    async def start(self) -> None:
        """Ask the server whether it speaks; see WyomingServer.check. Raises: SpeechUnavailable."""
        await self._server.check("tts")
        self._closed = False

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Speak a text, with another attempt where one fails; see Synthesizer.speak."""
        return self._attempts.speak(text, voice)

    async def close(self) -> None:
        """Hang up; streams that are still open fail. Idempotent."""
        self._closed = True
        for connection in tuple(self._open):
            connection.hang_up()

    async def _attempt(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        name = voice_name(voice.voice_id)
        if self._closed:
            raise AttemptFailed("text to speech is closed", again=False)
        try:
            async with self._server.connected() as connection:
                self._open.add(connection)
                try:
                    connection.send(_request(text, name))
                    stream, form = None, None
                    while (event := await connection.receive()).type != "audio-stop":
                        if event.type != "audio-chunk":
                            continue
                        if form != (form := [event.data.get(name) for name in ("rate", "width", "channels")]):
                            stream = self._stream(*form)
                        if stream and (pcm := stream.feed(event.payload)):
                            yield Spoken(pcm)
                    if stream and (pcm := stream.finish()):
                        yield Spoken(pcm)
                finally:
                    self._open.discard(connection)
        except WyomingFailed as failure:
            if "voice" in failure.said.lower():
                raise VoiceRefused(f"{failure}; the agent's voice_id is {voice.voice_id!r}") from None
            raise AttemptFailed(str(failure)) from None

    def _stream(self, rate_hz: object, width: object, channels: object) -> PcmStream:
        """Return what turns audio of this form into ours. Raises: AttemptFailed."""
        try:
            if not isinstance(rate_hz, int) or (width, channels) != (2, 1):
                raise ValueError(f"audio of rate {rate_hz!r}, width {width!r}, channels {channels!r}")
            return PcmStream(rate_hz)
        except ValueError as error:
            why = f"the server sent {str(error)[:200]}; expected 8000 to 48000 Hz, 2 bytes, 1 channel"
            raise AttemptFailed(str(self._server.failed(why)), again=False) from None


def unpronounceable(_voice: Voice) -> str | None:
    """Return why no pronunciation can be asked for: the Wyoming protocol is told texts alone."""
    return (
        "pronunciation_dictionary: the Wyoming protocol takes no phonemes: leave the dictionary out, and have the "
        "agent write the word as it sounds"
    )


def voice_name(voice_id: str | None) -> str | None:
    """Return the voice's name as the server knows it; None for the server's own choice.

    Raises:
        VoiceRefused: it is another provider's voice.
    """
    if voice_id is None:
        return None
    provider, name = split(voice_id)
    if provider not in {None, "wyoming"}:
        raise VoiceRefused(
            f"voice {voice_id!r} is not of the Wyoming server: set the agent's voice_id to wyoming-{DEFAULT_VOICE}, or "
            f"to a name that the server of {SETTING} knows, as wyoming-en_US-lessac-medium"
        )
    return None if name == DEFAULT_VOICE else name


def _request(text: str, name: str | None) -> Event:
    return Event("synthesize", {"text": text, **({"voice": {"name": name}} if name else {})})
