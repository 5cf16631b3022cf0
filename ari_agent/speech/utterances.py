"""What the recognitions of all providers do alike: a caller's audio becomes utterances, whose texts come out in order.

A recognition derives from `Utterances` and fills in three things: what to do as an utterance begins, as a piece of it
has come, and as it stops. It answers with `_tell` and `_finish`. Here lives what the contract promises of every
provider: the audio before an utterance, one final text for each, in order, in time; one failure at most; silence after
`close`.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.errors import SpeechFailed
from ari_agent.speech.recognizer import (
    BYTES_PER_MS,
    FINAL_TIMEOUT_S,
    RATE_HZ,
    Heard,
    HeardWord,
    ListeningOptions,
)
from ari_agent.speech.utterance import LookBack, Utterance

log = logging.getLogger(__name__)

MAX_WAITING: Final = 16
"""How many utterances may wait for their final text; no talking person makes more within the timeout."""
MAX_AUDIO_BYTES: Final = 60_000 * BYTES_PER_MS
"""The most audio of one utterance that is kept for a provider that does not take it; the oldest goes first."""
MAX_TEXT_CHARACTERS: Final = 20_000
"""The most characters of one utterance's text: twenty minutes of quick talk."""
_CLOSE_TIMEOUT_S: Final = 0.8


@dataclass(frozen=True, slots=True)
class ListeningCall:
    """A call as its recognizer is told of it; see Recognizer.open."""

    options: ListeningOptions
    on_heard: Callable[[Heard], None]
    on_failed: Callable[[SpeechFailed], None]


class Utterances(ABC):
    """A Recognition without its provider's part, which a subclass adds."""

    def __init__(
        self,
        call: ListeningCall,
        *,
        piece_bytes: int,
        final_timeout_s: float = FINAL_TIMEOUT_S,
        named: str = "speech to text",
    ) -> None:
        """piece_bytes: how much unsent audio of an utterance there is when `_piece_came` is called.

        named: who gave no text in time, for the message.
        """
        self._named = named
        self.options = call.options
        self._on_heard = call.on_heard
        self._on_failed = call.on_failed
        self._piece_bytes = piece_bytes
        self._final_timeout_s = final_timeout_s
        self._loop = asyncio.get_running_loop()
        self._look_back = LookBack()
        self._current: Utterance | None = None  # the one being spoken
        self._waiting: deque[Utterance] = deque()  # all without their final text, in order; the last may be current
        self._ready: dict[Utterance, Heard] = {}  # final texts that wait for an earlier one
        self._deadlines: dict[Utterance, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False  # closed or failed
        self.on_end: Callable[[], None] = lambda: None
        """Called once, as the recognition is closed or has failed."""

    def __repr__(self) -> str:
        state = "over" if self._over else "speaking" if self._current else "quiet"
        return f"<{type(self).__name__} {self.options.call_id} {state}, {len(self._waiting)} waiting>"

    def feed(self, pcm: bytes) -> None:
        """Take 20 ms of the caller's audio; see Recognition.feed."""
        if self._over:
            return
        if not (utterance := self._current):
            self._look_back.feed(pcm)
            return
        self._look_back.fed_bytes += len(pcm)
        utterance.audio += pcm
        if len(utterance.audio) - utterance.sent_bytes >= self._piece_bytes:
            self._piece_came(utterance)
            if (surplus := len(utterance.audio) - MAX_AUDIO_BYTES) > 0:
                utterance.forget(surplus)

    def speech_started(self) -> None:
        """Begin an utterance with the look-back audio; see Recognition.speech_started."""
        if self._over or self._current:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._fail(SpeechFailed(f"{MAX_WAITING} utterances wait for their text"))
            return
        audio = self._look_back.take()
        self._current = utterance = Utterance(self._look_back.fed_bytes - len(audio), audio)
        self._waiting.append(utterance)
        self._began(utterance)

    def speech_stopped(self) -> None:
        """End the current utterance, whose final text is due from now on; see Recognition.speech_stopped."""
        if self._over or not (utterance := self._current):
            return
        self._current = None
        utterance.stopped = True
        self._deadlines[utterance] = self._loop.call_later(self._final_timeout_s, self._expired, utterance)
        self._stopped(utterance)

    async def close(self) -> None:
        """End the recognition and its tasks within a second; see Recognition.close."""
        self._end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_CLOSE_TIMEOUT_S)
            for task in late:
                log.warning("%s: %s does not end", self.options.call_id, task.get_name())

    @abstractmethod
    def _began(self, utterance: Utterance) -> None:
        """Called when an utterance has begun; its audio holds the look-back already."""

    @abstractmethod
    def _piece_came(self, utterance: Utterance) -> None:
        """Called when at least piece_bytes of the utterance's audio are unsent."""

    @abstractmethod
    def _stopped(self, utterance: Utterance) -> None:
        """Called when the utterance is over: a subclass must see to it that `_finish` follows."""

    def _ended(self) -> None:
        """Give up what is held: the recognition is closed or has failed."""
        return

    def _tell(self, utterance: Utterance, *, end_of_turn: bool = False) -> None:
        """Report the utterance's text so far, unless an earlier utterance still waits for its final text."""
        if self._over or not self._waiting or self._waiting[0] is not utterance or utterance in self._ready:
            return
        self._on_heard(
            Heard(
                utterance.text[:MAX_TEXT_CHARACTERS], final=False, words=tuple(utterance.words), end_of_turn=end_of_turn
            )
        )

    def _finish(self, utterance: Utterance, *, end_of_turn: bool = False) -> None:
        """Report the utterance's text as final, in its turn; a second time for the same utterance does nothing."""
        if self._over or utterance not in self._waiting or utterance in self._ready:
            return
        if deadline := self._deadlines.pop(utterance, None):
            deadline.cancel()
        utterance.audio.clear()
        self._ready[utterance] = Heard(
            utterance.text[:MAX_TEXT_CHARACTERS],
            final=True,
            words=tuple(utterance.words),
            end_of_turn=end_of_turn,
            is_unfinished=utterance.is_unfinished,
        )
        while self._waiting and not self._over and (heard := self._ready.pop(self._waiting[0], None)):
            self._waiting.popleft()
            self._on_heard(heard)

    def _fail(self, error: SpeechFailed) -> None:
        """End the recognition with this error; does nothing if it has ended already."""
        if self._over:
            return
        log.warning("speech to text failed: %s", error, extra={"call_id": self.options.call_id})
        self._end()
        self._on_failed(error)

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start a task that is cancelled when the recognition ends, and that fails the recognition if it fails."""
        task = self._loop.create_task(work, name=f"{name} of {self.options.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or not (error := task.exception()):
            return
        if not isinstance(error, SpeechFailed):
            log.error("a defect in %s", task.get_name(), exc_info=error, extra={"call_id": self.options.call_id})
            error = SpeechFailed("speech to text failed by a defect; the log has it")
        self._fail(error)

    def _expired(self, utterance: Utterance) -> None:
        self._deadlines.pop(utterance, None)
        self._fail(SpeechFailed(f"{self._named} gave no text within {self._final_timeout_s:g} s"))

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        for deadline in self._deadlines.values():
            deadline.cancel()
        self._deadlines.clear()
        self._waiting.clear()
        self._ready.clear()
        self._current = None
        self._look_back.take()
        self._ended()
        self.on_end()
        for task in self._tasks:
            task.cancel()


def words_at(start_bytes: int, words: Sequence[tuple[str, float, float]]) -> list[HeardWord]:
    """Words whose times are seconds from a place in what was fed."""
    start_ms = start_bytes * 1000 // (RATE_HZ * 2)
    return [
        HeardWord(word, start_ms + round(start_s * 1000), start_ms + round(end_s * 1000))
        for word, start_s, end_s in words
    ]
