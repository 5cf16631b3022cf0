"""Speech to text without a provider: pocketsphinx, for what a grammar foresees. For development and IVR only.

It understands whom it was given the words of ("yes", "transfer me to an agent") and hears other speech as one of them
or as nothing, half and half: ask one thing at a time, and confirm what matters. It costs 2 to 3 % of a core while a
caller speaks, in processes of its own, and its answer is there within milliseconds. Of an utterance it hears the first
30 s.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from ari_agent.errors import SpeechFailed, SpeechUnavailable
from ari_agent.speech.grammar_pool import GrammarPool, Worker
from ari_agent.speech.grammar_wire import Order
from ari_agent.speech.open_recognitions import OpenRecognitions
from ari_agent.speech.recognizer import BYTES_PER_MS, FINAL_TIMEOUT_S, Heard, ListeningOptions
from ari_agent.speech.utterance import Utterance
from ari_agent.speech.utterances import ListeningCall, Utterances, words_at

log = logging.getLogger(__name__)

PIECE_MS: Final = 100
MAX_UTTERANCE_MS: Final = 30_000
MAX_GRAMMAR_BYTES: Final = 256 * 1024

_STUCK_S: Final = 2.5
"""After so long without its last report, a worker is killed, which leaves as long for another worker."""


@dataclass(frozen=True, slots=True)
class GrammarListening:
    """grammar: a file, JSGF or one phrase on a line; None for some intents of every menu. workers: processes; a core
    has room for some 20 callers who speak; None for one less than there are cores, and four at most."""

    grammar: Path | None = None
    workers: int | None = None
    final_timeout_s: float = FINAL_TIMEOUT_S
    stuck_s: float = _STUCK_S


class GrammarRecognizer:
    """A Recognizer that runs pocketsphinx with a grammar, in worker processes."""

    def __init__(self, settings: GrammarListening) -> None:
        self.settings = settings
        self._recognitions: OpenRecognitions[_GrammarRecognition] = OpenRecognitions()
        self._pool: GrammarPool | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that are ready."""
        return tuple(worker.pid for worker in self._pool.workers) if self._pool else ()

    async def start(self) -> None:
        """See Recognizer.

        Raises:
            SpeechUnavailable: pocketsphinx is not installed, or the grammar cannot be used.
        """
        if importlib.util.find_spec("pocketsphinx") is None:
            raise SpeechUnavailable("speech to text by grammar needs pocketsphinx: pip install 'ari-agent[grammar]'")
        workers = self.settings.workers or min(4, max(1, (os.cpu_count() or 1) - 1))
        pool = GrammarPool(self._grammar(), workers, self._worker_ready)
        try:
            await pool.start()
        except SpeechUnavailable as error:
            await pool.close()
            where = f"ARI_AGENT_GRAMMAR={self.settings.grammar}: " if self.settings.grammar else ""
            raise SpeechUnavailable(f"{where}{error}") from None
        self._pool = pool
        log.warning("speech to text is by grammar: it understands a few phrases, for development and IVR only")

    def open(
        self,
        options: ListeningOptions,
        on_heard: Callable[[Heard], None],
        on_failed: Callable[[SpeechFailed], None],
    ) -> _GrammarRecognition:
        """Begin to listen to a call, as Recognizer.open says."""
        return self._recognitions.add(_GrammarRecognition(self, ListeningCall(options, on_heard, on_failed)))

    async def close(self) -> None:
        """Close all recognitions, and end all worker processes. Idempotent."""
        await self._recognitions.close()
        if self._pool:
            await self._pool.close()

    def pick(self) -> Worker | None:
        """Return the worker that has the least to do, or None if none is ready."""
        return self._pool.pick() if self._pool else None

    def _worker_ready(self) -> None:
        for recognition in self._recognitions:
            recognition.on_worker_ready()

    def _grammar(self) -> str:
        if not (path := self.settings.grammar):
            return resources.files("ari_agent.speech").joinpath("intents.gram").read_text(encoding="utf-8")
        try:
            with path.open("rb") as file:
                text = file.read(MAX_GRAMMAR_BYTES + 1)
            if len(text) > MAX_GRAMMAR_BYTES:
                raise SpeechUnavailable(f"ARI_AGENT_GRAMMAR={path}: more than {MAX_GRAMMAR_BYTES} bytes")
            return text.decode()
        except OSError as error:
            raise SpeechUnavailable(f"ARI_AGENT_GRAMMAR={path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SpeechUnavailable(f"ARI_AGENT_GRAMMAR={path}: no text in UTF-8") from None


class _InWorker:
    """One utterance and the worker that hears it; another worker, once, if that one dies."""

    def __init__(self, recognition: _GrammarRecognition, utterance: Utterance) -> None:
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
        if utterance.stopped:
            self._ended = True
            worker.send(Order.END, self._id)
            stuck_s = self._recognition.recognizer.settings.stuck_s
            self._watch = asyncio.get_running_loop().call_later(stuck_s, worker.kill)

    def drop(self) -> None:
        """Stop listening to the utterance, because its text is not wanted any more."""
        self._unwatch()
        if self._worker:
            self._worker.send(Order.DROP, self._id)

    def on_so_far(self, text: str) -> None:
        """Take the worker's text of the utterance so far, which may still change."""
        self._utterance.draft = text
        self._recognition.tell(self._utterance)

    def on_heard(self, words: bytes) -> None:
        """Take the worker's last report, which has the words of the utterance."""
        self._unwatch()
        self._recognition.finish(self._utterance, json.loads(words))

    def on_worker_lost(self) -> None:
        """Try another worker, once; if that one dies too, finish the utterance without a word."""
        self._unwatch()
        self._worker, self._ended = None, False
        if self._chances:
            self.assign()
        else:  # it may be what kills them
            self._recognition.finish(self._utterance, [])

    def _unwatch(self) -> None:
        if self._watch:
            self._watch.cancel()
            self._watch = None


class _GrammarRecognition(Utterances):
    """The recognition of one call, whose utterances worker processes hear."""

    def __init__(self, recognizer: GrammarRecognizer, call: ListeningCall) -> None:
        super().__init__(call, piece_bytes=PIECE_MS * BYTES_PER_MS, final_timeout_s=recognizer.settings.final_timeout_s)
        self.recognizer = recognizer
        self._in_worker: dict[Utterance, _InWorker] = {}

    def on_worker_ready(self) -> None:
        """Assign the utterances that wait for a worker, because one is ready again."""
        for each in tuple(self._in_worker.values()):
            each.assign()

    def tell(self, utterance: Utterance) -> None:
        """Report the utterance's text so far, which may still change."""
        self._tell(utterance)

    def finish(self, utterance: Utterance, words: list[tuple[str, int, int]]) -> None:
        """Take an utterance's words, with ms from its beginning; there are none if it was not understood."""
        self._in_worker.pop(utterance, None)
        utterance.draft = ""
        utterance.said = [" ".join(word for word, _, _ in words)]
        timed = [(word, start_ms / 1000, end_ms / 1000) for word, start_ms, end_ms in words]
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
