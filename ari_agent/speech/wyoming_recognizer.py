"""Speech to text by a Wyoming server: wyoming-faster-whisper, and whatever else Home Assistant listens with.

Each utterance has a connection of its own, and is sent while it is spoken: `transcribe`, `audio-start`, `audio-chunk`s,
`audio-stop`; the answer is one `transcript` (https://github.com/OHF-Voice/wyoming, 1.10). A server that works while
it listens sends `transcript-chunk`s before it, which are the partial texts. Long speech is cut into parts where it is
quiet, because a Whisper hears all of a part after its end. A connection that is lost is made once more, with the part's
audio from its beginning. What has less voice than a word is not asked for: a Whisper writes something for a cough.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ari_agent.errors import SpeechFailed
from ari_agent.speech.open_recognitions import OpenRecognitions
from ari_agent.speech.recognizer import BYTES_PER_MS, FINAL_TIMEOUT_S, RATE_HZ, Heard, ListeningOptions
from ari_agent.speech.utterance import Utterance, voice_ms
from ari_agent.speech.utterances import MAX_TEXT_CHARACTERS, ListeningCall, Utterances
from ari_agent.speech.wyoming_connection import WyomingConnection, WyomingFailed, WyomingServer
from ari_agent.speech.wyoming_events import Event

log = logging.getLogger(__name__)

SETTING: Final = "ARI_AGENT_WYOMING_STT_URL"
DEFAULT_URL: Final = "tcp://127.0.0.1:10300"
"""Where wyoming-faster-whisper listens by its own documents."""
PIECE_MS: Final = 100
LONG_PART_MS: Final = 20_000
"""A part that is longer ends at the next pause; at LONGEST_PART_MS it ends without one."""
LONGEST_PART_MS: Final = 30_000
MIN_VOICE_MS: Final = 200
MAX_PARTS: Final = 60

_PAUSE_MS: Final = 160
_CHUNK_BYTES: Final = 1_000 * BYTES_PER_MS
_FORM: Final = {"rate": RATE_HZ, "width": 2, "channels": 1}


@dataclass(frozen=True, slots=True)
class WyomingListening:
    """url: tcp://HOST:PORT of the server."""

    url: str = DEFAULT_URL
    final_timeout_s: float = FINAL_TIMEOUT_S


class WyomingRecognizer:
    """A Recognizer by one server.

    Raises:
        SpeechUnavailable: its URL is none.
    """

    def __init__(self, settings: WyomingListening) -> None:
        self.server = WyomingServer.of(settings.url, setting=SETTING)
        self._final_timeout_s = settings.final_timeout_s
        self._recognitions: OpenRecognitions[_WyomingRecognition] = OpenRecognitions()

    async def start(self) -> None:
        """Ask the server whether it listens; see WyomingServer.check. Raises: SpeechUnavailable."""
        await self.server.check("asr")

    def open(
        self,
        options: ListeningOptions,
        on_heard: Callable[[Heard], None],
        on_failed: Callable[[SpeechFailed], None],
    ) -> Utterances:
        """Begin to listen to a call, as Recognizer.open says."""
        call = ListeningCall(options, on_heard, on_failed)
        return self._recognitions.add(_WyomingRecognition(self.server, call, self._final_timeout_s))

    async def close(self) -> None:
        """Close all recognitions. Idempotent."""
        await self._recognitions.close()


class _Part:
    """Some of an utterance's audio, which one connection hears; another connection, once, if that one is lost."""

    def __init__(self, server: WyomingServer, options: ListeningOptions, on_partial: Callable[[], None]) -> None:
        self.audio = bytearray()
        self.text = ""
        self.answered = False
        self._server = server
        self._options = options
        self._on_partial = on_partial
        self._complete = False
        self._connection: WyomingConnection | None = None

    def feed(self, pcm: bytes) -> None:
        """Send the next audio, or keep it until there is a connection. What was answered hears no more."""
        if self.answered:
            return
        self.audio += pcm
        if self._connection:
            self._connection.send(_chunk(pcm))

    def end(self) -> None:
        """All audio of the part was fed: the server is to answer."""
        self._complete = True
        if self._connection:
            self._connection.send(Event("audio-stop"))

    async def hear(self) -> None:
        """Let the server hear the part, until `text` is its last word.

        Raises:
            SpeechFailed: it was tried twice.
        """
        try:
            await self._once()
        except WyomingFailed as failure:
            log.info("speech to text is asked again: %s", failure, extra={"call_id": self._options.call_id})
            try:
                await self._once()
            except WyomingFailed as again:
                raise SpeechFailed(str(again)) from None

    async def _once(self) -> None:
        self.text = ""
        async with self._server.connected() as connection:
            language = self._options.language.partition("-")[0].lower()
            # two letters are a language; what is not, as `multi`, is for the server to find out
            connection.send(Event("transcribe", {"language": language} if len(language) == 2 else {}))
            connection.send(Event("audio-start", _FORM))
            for start in range(0, len(self.audio), _CHUNK_BYTES):
                connection.send(_chunk(bytes(self.audio[start : start + _CHUNK_BYTES])))
            if self._complete:
                connection.send(Event("audio-stop"))
            self._connection = connection
            try:
                while (event := await connection.receive()).type != "transcript":
                    if event.type == "transcript-chunk" and len(self.text) < MAX_TEXT_CHARACTERS:
                        self.text += event.text("text")
                        self._on_partial()
            finally:
                self._connection = None
            self.text, self.answered = event.text("text"), True
            self.audio.clear()


class _WyomingRecognition(Utterances):
    """The recognition of one call."""

    def __init__(self, server: WyomingServer, call: ListeningCall, final_timeout_s: float) -> None:
        super().__init__(call, piece_bytes=PIECE_MS * BYTES_PER_MS, final_timeout_s=final_timeout_s, named=server.named)
        self._server = server
        self._parts: dict[Utterance, list[_Part]] = {}
        self._hearing: dict[Utterance, list[asyncio.Task[None]]] = {}

    def _began(self, utterance: Utterance) -> None:
        self._parts[utterance] = []
        self._hearing[utterance] = []
        self._piece_came(utterance)

    def _piece_came(self, utterance: Utterance) -> None:
        part = self._part(utterance)
        part.feed(utterance.forget(len(utterance.audio)))
        longest = len(part.audio) >= LONGEST_PART_MS * BYTES_PER_MS
        if longest or (len(part.audio) >= LONG_PART_MS * BYTES_PER_MS and _pauses(part.audio)):
            part.end()
            self._begin_part(utterance)

    def _stopped(self, utterance: Utterance) -> None:
        part = self._part(utterance)
        part.feed(utterance.forget(len(utterance.audio)))
        if not part.answered and voice_ms(part.audio) < MIN_VOICE_MS:
            self._parts[utterance].pop()
            self._hearing[utterance][-1].cancel()
        else:
            part.end()
        self._spawn(self._join(utterance), name="speech to text")

    def _part(self, utterance: Utterance) -> _Part:
        """Return the part that takes audio now; a server that has answered a part hears no more of it."""
        parts = self._parts[utterance]
        return self._begin_part(utterance) if not parts or parts[-1].answered else parts[-1]

    def _begin_part(self, utterance: Utterance) -> _Part:
        parts = self._parts[utterance]
        if len(parts) >= MAX_PARTS:  # half an hour: nobody; a server that answers whatever it is sent
            return parts[-1]
        parts.append(part := _Part(self._server, self.options, lambda: self._understood(utterance)))
        self._hearing[utterance].append(self._spawn(part.hear(), name="part of speech to text"))
        return part

    def _understood(self, utterance: Utterance) -> None:
        if parts := self._parts.get(utterance):
            utterance.draft = _joined(parts)
            self._tell(utterance)

    async def _join(self, utterance: Utterance) -> None:
        if hearing := self._hearing.pop(utterance):
            await asyncio.wait(hearing)
        parts = self._parts.pop(utterance)
        if all(part.answered for part in parts):  # else one has failed, and with it all of this
            utterance.draft = _joined(parts)
            self._finish(utterance)


def _joined(parts: list[_Part]) -> str:
    return " ".join(" ".join(part.text for part in parts).split())


def _pauses(audio: bytearray) -> bool:
    """Return whether the last _PAUSE_MS have no voice in them, by the loudness of the last 3 s."""
    recent = audio[-3_000 * BYTES_PER_MS :]
    return voice_ms(recent) == voice_ms(recent[: -_PAUSE_MS * BYTES_PER_MS])


def _chunk(pcm: bytes) -> Event:
    return Event("audio-chunk", _FORM, pcm)
