"""Speech to text by Deepgram: a websocket for each call, partial texts while the caller speaks.

Only speech is sent: an utterance with its look-back, then Finalize, and KeepAlive until the next. Deepgram charges for
the audio that it gets, silence too, and a caller is silent for more than half of a call. Voice activity is decided here
in any case, and Finalize brings the last words at once, where Deepgram would wait for a silence that it is not sent.
Deepgram's times count the audio that it got, so they are brought back to the audio that was fed.

A lost websocket is dialled again, three times within ten seconds, and gets again what has no final text yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from ari_agent.endpoint import Endpoint, may_pass, refuses_key
from ari_agent.errors import SpeechFailed, SpeechUnavailable
from ari_agent.speech.deepgram_messages import (
    CLOSE_STREAM,
    FINALIZE,
    KEEP_ALIVE,
    Results,
    parse_results,
    stream_query,
)
from ari_agent.speech.network_recognizer import NetworkRecognizer, Provider
from ari_agent.speech.recognizer import (
    BYTES_PER_MS,
    FINAL_TIMEOUT_S,
    RATE_HZ,
    ListeningOptions,
)
from ari_agent.speech.utterance import Utterance
from ari_agent.speech.utterances import ListeningCall, Utterances, words_at
from ari_agent.timed_wait import is_set_within

log = logging.getLogger(__name__)

DEFAULT_URL: Final = "wss://api.deepgram.com"
DEFAULT_MODEL: Final = "nova-3"
PIECE_MS: Final = 100
"""Audio that goes out together; Deepgram advises 20 to 250 ms."""
KEEP_ALIVE_S: Final = 4.0
"""Deepgram closes with NET-0001 after 10 s of nothing, and advises 3 to 5."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024
DIAL_TIMEOUT_S: Final = 3.0
REDIAL_LIMIT: Final = 3
REDIAL_WINDOW_S: Final = 10.0

_SEND_TIMEOUT_S: Final = 3.0
_REDIAL_WAITS_S: Final = (0.0, 0.3, 1.0)
_UNHEARD_PATIENCE_S: Final = 1.0
_HEARD_PATIENCE_S: Final = 0.4
_BYTES_PER_S: Final = RATE_HZ * 2
_PAUSE_BYTES: Final = 600 * BYTES_PER_MS  # an utterance ends with the silence that voice activity waited for
_COVERED_BYTES: Final = 20 * BYTES_PER_MS  # what rounding may make of an end


@dataclass(frozen=True, slots=True)
class DeepgramListening:
    """Which server and model.

    url: without /v1/listen. patience_s: how long after Finalize its answer is waited for, which Deepgram leaves out
    where it has little audio left: while something is outstanding, and when all that was heard is final.
    """

    api_key: str = field(default="", repr=False)
    url: str = DEFAULT_URL
    model: str = DEFAULT_MODEL
    keep_alive_s: float = KEEP_ALIVE_S
    final_timeout_s: float = FINAL_TIMEOUT_S
    patience_s: tuple[float, float] = (_UNHEARD_PATIENCE_S, _HEARD_PATIENCE_S)
    dial_timeout_s: float = DIAL_TIMEOUT_S


class DeepgramRecognizer(NetworkRecognizer):
    """A Recognizer that uses Deepgram.

    Raises:
        SpeechUnavailable: url is no URL.
    """

    def __init__(self, settings: DeepgramListening) -> None:
        endpoint = Endpoint.of(settings.url, setting="ARI_AGENT_DEEPGRAM_URL", error=SpeechUnavailable)
        super().__init__(
            endpoint, Provider("Deepgram", "deepgram.com", "Token", "ARI_AGENT_DEEPGRAM_API_KEY", settings.api_key)
        )
        self.settings = settings

    def _recognition(self, call: ListeningCall) -> _DeepgramRecognition:
        return _DeepgramRecognition(self, call)

    async def _key_is_refused(self) -> bool:
        """Dial once, as only that tells whether a key is good for this; a second is charged at most."""
        try:
            await _say_goodbye(await self.dial(ListeningOptions("start")))
        except _Refused as refused:
            if refuses_key(refused.status):
                return True
            log.warning("speech to text: %s", refused)
        except _Lost as lost:
            log.warning("speech to text: %s does not answer yet: %s", self.endpoint.host, lost)
        return False

    async def dial(self, options: ListeningOptions) -> aiohttp.ClientWebSocketResponse:
        """Open a websocket to Deepgram. Raises: _Refused, _Lost, SpeechFailed."""
        http = self._session()
        try:
            async with asyncio.timeout(self.settings.dial_timeout_s):
                return await http.ws_connect(
                    self.endpoint.url("/v1/listen", stream_query(self.settings.model, options)),
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=0.3),
                )
        except aiohttp.WSServerHandshakeError as error:
            status = error.status
            if may_pass(status):
                raise _Lost(f"Deepgram answered {status}") from None
            if refuses_key(status):
                raise _Refused(
                    f"Deepgram refuses the key ({status}): check ARI_AGENT_DEEPGRAM_API_KEY", status
                ) from None
            why = error.headers.get("dg-error", "")[:200] if error.headers else ""
            raise _Refused(f"Deepgram answered {status}{f': {why}' if why else ''}", status) from None
        except TimeoutError:
            raise _Lost(f"no answer within {self.settings.dial_timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _Lost(f"the connection failed: {type(error).__name__}") from None


@dataclass(slots=True, eq=False)
class _Sent:
    """Which bytes of a connection's stream are which utterance's: fed_bytes is where in all that was fed they begin."""

    utterance: Utterance
    fed_bytes: int
    stream_bytes: int
    end_bytes: int = 0
    finalized: bool = False


class _DeepgramRecognition(Utterances):
    """The recognition of one call, with a websocket of its own to Deepgram."""

    def __init__(self, recognizer: DeepgramRecognizer, call: ListeningCall) -> None:
        settings = recognizer.settings
        super().__init__(call, piece_bytes=PIECE_MS * BYTES_PER_MS, final_timeout_s=settings.final_timeout_s)
        self._recognizer = recognizer
        self._settings = settings
        self._wake = asyncio.Event()
        self._sent: deque[_Sent] = deque()
        self._stream_bytes = 0  # sent on this connection
        self._patience: asyncio.TimerHandle | None = None
        self._spawn(self._run(), name="Deepgram")

    def _stir(self, utterance: Utterance) -> None:  # noqa: ARG002 - all utterances go out by one task
        self._wake.set()

    _began = _piece_came = _stopped = _stir

    def _ended(self) -> None:
        if self._patience:
            self._patience.cancel()

    async def _run(self) -> None:
        """Dial and talk, and do so again when the connection is lost. Raises: SpeechFailed."""
        losses: deque[float] = deque(maxlen=REDIAL_LIMIT + 1)
        while True:
            try:
                socket = await self._recognizer.dial(self.options)
                try:
                    await self._talk(socket)
                finally:
                    await _say_goodbye(socket)
            except _Refused as refused:
                raise SpeechFailed(str(refused)) from None
            except _Lost as lost:
                now = self._loop.time()
                losses.append(now)
                recent = sum(now - each < REDIAL_WINDOW_S for each in losses)
                if recent > REDIAL_LIMIT:
                    raise SpeechFailed(
                        f"Deepgram was lost {recent} times within {REDIAL_WINDOW_S:g} s: {lost}"
                    ) from None
                log.info("Deepgram is dialled again: %s", lost, extra={"call_id": self.options.call_id})
                await asyncio.sleep(_REDIAL_WAITS_S[recent - 1])

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Send audio and take results until the connection is lost. Raises: _Lost."""
        self._sent.clear()
        self._stream_bytes = 0
        for utterance in self._waiting:  # their words are unknown to this connection, but for those that are final
            utterance.sent_bytes = 0
            utterance.draft = ""
        self._wake.set()
        speaking = asyncio.ensure_future(self._speak(socket))
        listening = asyncio.ensure_future(self._listen(socket))
        try:
            await asyncio.wait((speaking, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            speaking.cancel()
            listening.cancel()
            results = await asyncio.gather(speaking, listening, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            if not await is_set_within(self._wake, self._settings.keep_alive_s):
                await self._send(socket.send_str(KEEP_ALIVE))
                continue
            self._wake.clear()
            for utterance in tuple(self._waiting):
                await self._send_utterance(socket, utterance)

    async def _send_utterance(self, socket: aiohttp.ClientWebSocketResponse, utterance: Utterance) -> None:
        """Send the unsent audio of an utterance, and Finalize if the utterance has stopped."""
        sent = next((each for each in self._sent if each.utterance is utterance), None)
        if sent is None:
            sent = _Sent(utterance, utterance.start_bytes, self._stream_bytes, self._stream_bytes)
            self._sent.append(sent)
        if sent.finalized:
            return
        stopped = utterance.stopped
        if piece := utterance.unsent():
            self._stream_bytes += len(piece)
            sent.end_bytes = self._stream_bytes
            await self._send(socket.send_bytes(piece))
        if stopped:
            sent.finalized = True
            await self._send(socket.send_str(FINALIZE))
            self._await_finalized()

    async def _send(self, sending: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await sending
        except TimeoutError:
            raise _Lost("the server reads nothing") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Lost(f"the connection broke: {type(error).__name__}") from None

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            frame = await socket.receive()
            if frame.type is aiohttp.WSMsgType.TEXT:
                try:
                    results = parse_results(frame.data)
                except SpeechFailed as error:
                    raise _Lost(str(error)) from None
                if results:
                    self._take(results)
            elif frame.type is not aiohttp.WSMsgType.BINARY:
                why = f" ({str(frame.extra)[:100]})" if frame.type is aiohttp.WSMsgType.CLOSE and frame.extra else ""
                raise _Lost(f"close code {socket.close_code or 1006}{why}")

    def _take(self, results: Results) -> None:
        """Assign results to the utterance whose audio they are about, and complete utterances that they cover."""
        end_bytes = int(results.end_s * _BYTES_PER_S)
        inside_s = results.words[0][1] if results.words else (results.start_s + results.end_s) / 2
        sent = next((each for each in reversed(self._sent) if each.stream_bytes <= inside_s * _BYTES_PER_S), None)
        if sent:
            self._understand(sent, results)
        for each in tuple(self._sent):
            covered = end_bytes >= each.end_bytes - _COVERED_BYTES
            answered = results.from_finalize and each is self._sent[0] and end_bytes > each.stream_bytes
            if each.finalized and results.final and (covered or answered):
                self._complete(each, end_of_turn=results.speech_final)
        self._await_finalized()

    def _understand(self, sent: _Sent, results: Results) -> None:
        utterance = sent.utterance
        if not results.final:
            if utterance.draft != results.text:
                utterance.draft = results.text
                self._tell(utterance)
            return
        utterance.draft = ""
        if results.text:
            utterance.said.append(results.text)
            utterance.words += words_at(
                sent.fed_bytes,
                [
                    (
                        word,
                        max(0.0, start_s - sent.stream_bytes / _BYTES_PER_S),
                        max(0.0, end_s - sent.stream_bytes / _BYTES_PER_S),
                    )
                    for word, start_s, end_s in results.words
                ],
            )
        # What is final is not sent again on another connection
        done_bytes = sent.fed_bytes + int(results.end_s * _BYTES_PER_S) - sent.stream_bytes - utterance.start_bytes
        utterance.forget(min(max(0, done_bytes) // 2 * 2, utterance.sent_bytes))
        if results.text:
            self._tell(utterance, end_of_turn=results.speech_final)

    def _complete(self, sent: _Sent, *, end_of_turn: bool = False) -> None:
        self._sent.remove(sent)
        self._finish(sent.utterance, end_of_turn=end_of_turn)

    def _await_finalized(self) -> None:
        """Complete the first utterance after a while even if Deepgram, with little audio left, answers no Finalize."""
        if self._patience:
            self._patience.cancel()
            self._patience = None
        if self._sent and self._sent[0].finalized:
            utterance = self._sent[0].utterance
            heard_all = bool(utterance.said) and not utterance.draft and len(utterance.audio) <= _PAUSE_BYTES
            self._patience = self._loop.call_later(self._settings.patience_s[heard_all], self._out_of_patience)

    def _out_of_patience(self) -> None:
        self._patience = None
        if self._sent and self._sent[0].finalized:
            self._complete(self._sent[0])
            self._await_finalized()


class _Lost(Exception):
    """The connection to Deepgram is gone, but a new one may succeed."""


class _Refused(Exception):
    """Deepgram answered the handshake with an error that will not pass."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


async def _say_goodbye(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Send CloseStream and close the websocket, within half a second."""
    try:
        async with asyncio.timeout(0.5):
            if not socket.closed:
                await socket.send_str(CLOSE_STREAM)
            await socket.close()
    except (aiohttp.ClientError, OSError, TimeoutError):
        log.debug("Deepgram did not hear the goodbye")
