"""Speech to text in processes of our own, whatever the engine: an utterance goes to the one that has the least to do.

All calls share the processes. Each hears the utterances that end one after the other, the oldest first; one that dies
or stands still is replaced, and what it heard goes to another, once. Of an utterance the first 30 s are heard.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from ari_agent.errors import SpeechFailed, SpeechUnavailable
from ari_agent.speech.open_recognitions import OpenRecognitions
from ari_agent.speech.recognition_pool import EngineSpec, RecognitionPool, Worker
from ari_agent.speech.recognizer import BYTES_PER_MS, FINAL_TIMEOUT_S, Heard, ListeningOptions
from ari_agent.speech.utterance import Utterance
from ari_agent.speech.utterances import ListeningCall, Utterances, words_at
from ari_agent.speech.worker_wire import Order

log = logging.getLogger(__name__)

PIECE_MS: Final = 100
MAX_UTTERANCE_MS: Final = 30_000
STUCK_S: Final = 2.5
"""A worker that owes a text and reports nothing for so long is killed, which leaves as long for another worker."""
MAX_DUE: Final = 16
"""How many texts a worker may owe: with more, the last ones would come too late for a caller who waits."""


_NOT_HEARD: Final[Mapping[str, Any]] = {"text": "", "words": []}


class WorkerRecognizer(ABC):
    """A Recognizer whose engine runs in worker processes.

    workers: how many; None for one less than there are cores, and four at most.
    """

    def __init__(
        self, *, workers: int | None = None, final_timeout_s: float = FINAL_TIMEOUT_S, stuck_s: float = STUCK_S
    ) -> None:
        self._workers = workers or min(4, max(1, (os.cpu_count() or 1) - 1))
        self.final_timeout_s, self.stuck_s = final_timeout_s, stuck_s
        self._recognitions: OpenRecognitions[_WorkerRecognition] = OpenRecognitions()
        self._pool: RecognitionPool | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that are ready."""
        return tuple(worker.pid for worker in self._pool.workers) if self._pool else ()

    async def start(self) -> None:
        """See Recognizer.

        Raises:
            SpeechUnavailable: what the engine needs is not there, or cannot be used.
        """
        pool = RecognitionPool(self._engine(), self._workers, self._worker_ready)
        try:
            await pool.start()
        except SpeechUnavailable as error:
            await pool.close()
            raise SpeechUnavailable(f"{self._whose()}{error}") from None
        self._pool = pool

    def open(
        self,
        options: ListeningOptions,
        on_heard: Callable[[Heard], None],
        on_failed: Callable[[SpeechFailed], None],
    ) -> Utterances:
        """Begin to listen to a call, as Recognizer.open says."""
        return self._recognitions.add(_WorkerRecognition(self, ListeningCall(options, on_heard, on_failed)))

    async def close(self) -> None:
        """Close all recognitions, and end all worker processes. Idempotent."""
        await self._recognitions.close()
        if self._pool:
            await self._pool.close()

    def pick(self) -> Worker | None:
        """Return the worker that has the least to do, or None if none is ready."""
        return self._pool.pick() if self._pool else None

    @abstractmethod
    def _engine(self) -> EngineSpec:
        """Return what the workers are told to begin with.

        Raises:
            SpeechUnavailable: what the engine needs is not there.
        """

    def _whose(self) -> str:
        """Return the setting that is to blame where the engine cannot be used, as the beginning of a sentence."""
        return ""

    def _worker_ready(self) -> None:
        for recognition in self._recognitions:
            recognition.on_worker_ready()


class _InWorker:
    """One utterance and the worker that hears it; another worker, once, if that one dies."""

    def __init__(self, recognition: _WorkerRecognition, utterance: Utterance) -> None:
        self._recognition = recognition
        self._utterance = utterance
        self._worker: Worker | None = None
        self._id = 0
        self._chances = 2
        self._ended = False
        self._watch: asyncio.TimerHandle | None = None
        self.assign()

    def assign(self) -> None:
        """Hand the utterance from its beginning to a ready worker; where there is none, wait for the next one."""
        if self._worker or not (worker := self._recognition.recognizer.pick()):
            return
        self._chances -= 1
        self._worker = worker
        self._id = worker.begin(self)
        self._utterance.sent_bytes = 0
        self.on()

    def on(self) -> None:
        """Send what is there, and END where the utterance has stopped."""
        worker, utterance = self._worker, self._utterance
        if not worker or self._ended:
            return
        if utterance.sent_bytes < MAX_UTTERANCE_MS * BYTES_PER_MS and (piece := utterance.unsent()):
            worker.send(Order.AUDIO, self._id, piece)
        if not utterance.stopped:
            return
        if worker.due >= MAX_DUE:
            log.warning(
                "speech is not understood, because too many callers have spoken at once",
                extra={"call_id": self._recognition.options.call_id},
            )
            self.drop()
            self._recognition.finish(utterance, {"text": utterance.draft, "words": []})
            return
        self._ended = True
        worker.send(Order.END, self._id)
        self._watch_over(worker, asyncio.get_running_loop().time())

    def drop(self) -> None:
        """Stop listening to the utterance, because its text is not wanted any more."""
        self._unwatch()
        if self._worker:
            self._worker.send(Order.DROP, self._id)

    def on_so_far(self, text: str) -> None:
        """Take the worker's text of the utterance so far, which may still change."""
        self._utterance.draft = text
        self._recognition.tell(self._utterance)

    def on_heard(self, heard: bytes) -> None:
        """Take the worker's last report, which has the words of the utterance."""
        self._unwatch()
        self._recognition.finish(self._utterance, json.loads(heard))

    def on_worker_lost(self) -> None:
        """Try another worker, once; if that one dies too, finish the utterance without a word."""
        self._unwatch()
        self._worker, self._ended = None, False
        if self._chances:
            self.assign()
        else:  # it may be what kills them
            self._recognition.finish(self._utterance, _NOT_HEARD)

    def _watch_over(self, worker: Worker, since_s: float) -> None:
        """Kill a worker that has reported nothing for too long, about this utterance or any other, since then."""
        loop = asyncio.get_running_loop()
        stuck_at_s = max(since_s, worker.reported_s) + self._recognition.recognizer.stuck_s
        if loop.time() >= stuck_at_s:
            worker.kill()
        else:
            self._watch = loop.call_at(stuck_at_s, self._watch_over, worker, since_s)

    def _unwatch(self) -> None:
        if self._watch:
            self._watch.cancel()
            self._watch = None


class _WorkerRecognition(Utterances):
    """The recognition of one call, whose utterances worker processes hear."""

    def __init__(self, recognizer: WorkerRecognizer, call: ListeningCall) -> None:
        super().__init__(call, piece_bytes=PIECE_MS * BYTES_PER_MS, final_timeout_s=recognizer.final_timeout_s)
        self.recognizer = recognizer
        self._in_worker: dict[Utterance, _InWorker] = {}

    def on_worker_ready(self) -> None:
        """Assign the utterances that wait for a worker, because one is ready again."""
        for each in tuple(self._in_worker.values()):
            each.assign()

    def tell(self, utterance: Utterance) -> None:
        """Report the utterance's text so far, which may still change."""
        self._tell(utterance)

    def finish(self, utterance: Utterance, heard: Mapping[str, Any]) -> None:
        """Take what a worker heard of an utterance: see Report.HEARD."""
        self._in_worker.pop(utterance, None)
        utterance.draft = ""
        utterance.said = [heard["text"]]
        utterance.is_unfinished = heard.get("is_unfinished", False)
        timed = [(word, start_ms / 1000, end_ms / 1000) for word, start_ms, end_ms in heard["words"]]
        utterance.words = words_at(utterance.start_bytes, timed)
        if utterance.stopped:
            self._finish(utterance)

    def _began(self, utterance: Utterance) -> None:
        self._in_worker[utterance] = _InWorker(self, utterance)

    def _piece_came(self, utterance: Utterance) -> None:
        if in_worker := self._in_worker.get(utterance):
            in_worker.on()

    def _stopped(self, utterance: Utterance) -> None:
        if in_worker := self._in_worker.get(utterance):
            in_worker.on()
        else:
            self._finish(utterance)  # given up while it was spoken

    def _ended(self) -> None:
        for each in self._in_worker.values():
            each.drop()
        self._in_worker.clear()
