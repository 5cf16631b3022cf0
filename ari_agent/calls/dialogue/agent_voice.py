"""The voice of a text agent in one call: sentences in, sound out, in order; the next one is made while one plays.

    say ──▶ waiting ──▶ two streams of the synthesizer ──▶ [gate, room] ──▶ on_sound, on_whole
                              └ not a sound of a sentence ─▶ on_failed

The gate is shut while the agent may not speak: what it would say is made meanwhile, so that it begins at once. It waits
for a moment where `waits` says that the caller may just have begun to speak. There is
room while less than AHEAD_MS waits to be heard: what is cut off need not be paid for, and a long answer is no flood.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import SpeechFailed
from ari_agent.speech.synthesizer import BYTES_PER_MS, Spoken, SpokenWord, Synthesizer, Voice

log = logging.getLogger(__name__)

PIECE_MS: Final = 200
"""The longest piece of sound; a mark follows each piece, so that what was heard is known as finely as this."""
AHEAD_MS: Final = 8_000
STREAMS: Final = 2
LOOK_AGAIN_S: Final = 0.02

_Piece: TypeAlias = Spoken | SpeechFailed | None  # None: the end


@dataclass(frozen=True, slots=True)
class _Stream:
    number: int
    pieces: asyncio.Queue[_Piece]
    task: asyncio.Task[None]


@dataclass(slots=True)
class _Synthesized:
    """The sentences that wait to be synthesized, and the streams of those that are being synthesized or played."""

    texts: deque[tuple[int, str, int]] = field(default_factory=deque)
    streams: deque[_Stream] = field(default_factory=deque)


class AgentVoice:
    """Speaks the sentences of the agent in one call. usage: counts what was synthesised for it.

    on_sound: is called with each piece of a sentence, of at most PIECE_MS. on_whole: is called when no more sound of a
    sentence comes. on_failed: is called when neither a sentence nor those after it can be spoken. unheard_ms: tells
    how much sound was handed over and not heard. took_ms: is told how long the first sound of a sentence took. waits:
    tells whether the next piece is to wait for LOOK_AGAIN_S and be asked about again.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        voice: Voice,
        *,
        usage: SpeechUsage,
        on_sound: Callable[[int, bytes, Sequence[SpokenWord]], None],
        on_whole: Callable[[int], None],
        on_failed: Callable[[SpeechFailed], None],
        unheard_ms: Callable[[], float],
        took_ms: Callable[[float], None],
        waits: Callable[[], bool] = lambda: False,
    ) -> None:
        self._synthesizer, self._voice, self._usage = synthesizer, voice, usage
        self._on_sound, self._on_whole, self._on_failed = on_sound, on_whole, on_failed
        self._unheard_ms, self._took_ms, self._waits = unheard_ms, took_ms, waits
        self._loop = asyncio.get_running_loop()
        self._synthesized = _Synthesized()
        self._gate, self._news, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._playing: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def say(self, number: int, text: str, *, pause_ms: int = 0) -> None:
        """Speak a sentence after those before it; nothing happens after `close`.

        pause_ms: the sentence is so much silence, and nobody has to speak it.
        """
        if self._closed:
            return
        self._synthesized.texts.append((number, text, pause_ms))
        self._fill()
        if self._playing is None:
            self._playing = self._loop.create_task(self._play(self._synthesized), name="agent's voice")

    def let(self, speak: bool) -> None:
        """Open the gate, so that sound is handed over, or shut it, so that sound waits."""
        if speak:
            self._gate.set()
        else:
            self._gate.clear()

    def heard(self) -> None:
        """Note that the caller has heard something, so that there may be room for more sound."""
        self._room.set()

    def silence(self) -> None:
        """Drop all sentences and sound that were not handed over yet."""
        said, self._synthesized = self._synthesized, _Synthesized()
        tasks = [stream.task for stream in said.streams]
        if self._playing is not None:
            tasks.append(self._playing)
            self._playing = None
        for task in tasks:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Stop speaking for good, so that no callback is called from then on. Idempotent."""
        self._closed = True
        self.silence()
        if self._ending:
            await asyncio.wait(self._ending)

    def _fill(self) -> None:
        said = self._synthesized
        while said.texts and len(said.streams) < STREAMS:
            number, text, pause_ms = said.texts.popleft()
            pieces: asyncio.Queue[_Piece] = asyncio.Queue()
            making = _pause(pause_ms, pieces) if pause_ms else self._make(text, pieces)
            task = self._loop.create_task(making, name=f"sentence {number}")
            said.streams.append(_Stream(number, pieces, task))
        self._news.set()

    async def _make(self, text: str, pieces: asyncio.Queue[_Piece]) -> None:
        """Synthesize a sentence. The provider has tried what it can, other voices too, before it fails."""
        began_s = self._loop.time()
        came = False
        try:
            async with contextlib.aclosing(self._synthesizer.speak(text, self._voice)) as speaking:
                async for spoken in speaking:
                    if not came and spoken.pcm:
                        came = True
                        self._usage.characters += 0 if spoken.is_from_memory else len(text)
                        self._took_ms((self._loop.time() - began_s) * 1000)
                    pieces.put_nowait(spoken)
        except SpeechFailed as error:
            log.warning("a sentence was not spoken%s: %s", " to its end" if came else "", error)
            pieces.put_nowait(None if came else error)
        except Exception as error:  # a defect must not leave the caller in silence
            log.exception("a sentence was not spoken")
            pieces.put_nowait(SpeechFailed(repr(error), disconnection_reason=DisconnectionReason.ERROR_RETELL))
        else:
            pieces.put_nowait(None)

    async def _play(self, said: _Synthesized) -> None:
        while True:
            while not said.streams:
                self._news.clear()
                await self._news.wait()
            stream = said.streams[0]
            while (piece := await stream.pieces.get()) is not None:
                if isinstance(piece, SpeechFailed):
                    self._on_failed(piece)
                    return
                for pcm, words in _cut(piece):
                    await self._may_play()
                    self._on_sound(stream.number, pcm, words)
            said.streams.popleft()
            self._fill()
            self._on_whole(stream.number)

    async def _may_play(self) -> None:
        while True:
            await self._gate.wait()
            if self._unheard_ms() > AHEAD_MS:
                self._room.clear()
                await self._room.wait()
                continue
            if self._waits():
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            await asyncio.sleep(0)  # other calls have their turn, and whoever cuts in
            if self._gate.is_set():
                return


async def _pause(pause_ms: int, pieces: asyncio.Queue[_Piece]) -> None:
    for piece in (Spoken(bytes(pause_ms * BYTES_PER_MS)), None):
        pieces.put_nowait(piece)


def _cut(piece: Spoken) -> Iterator[tuple[bytes, Sequence[SpokenWord]]]:
    size = PIECE_MS * BYTES_PER_MS
    words = piece.words
    for start in range(0, max(1, len(piece.pcm)), size):
        yield piece.pcm[start : start + size], words
        words = ()
