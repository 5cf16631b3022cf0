"""The worker processes that recognise speech, all with the same engine, and their replacement when one dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Final, Protocol, TypeAlias, cast

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.worker_wire import HEADER, MAX_PAYLOAD_BYTES, Order, Report, pack

log = logging.getLogger(__name__)

MAX_BACKLOG_BYTES: Final = 4 * 1024 * 1024
"""The most that a worker may leave unread beyond its pipe: two minutes of one caller. Then it is replaced."""
START_TIMEOUT_S: Final = 30.0

_CLOSE_TIMEOUT_S: Final = 0.4
_FREE_STARTS: Final = 5
_STARTS_WITHIN_S: Final = 60.0
_PAUSE_S: Final = 10.0


EngineSpec: TypeAlias = Mapping[str, str]
"""`engine`, a key of recognition_worker.ENGINES, and what that engine needs."""


class UtteranceListener(Protocol):
    """Is told what a worker has heard of one utterance."""

    def on_so_far(self, text: str) -> None:
        """Take the text of the utterance so far, which the worker may still change."""

    def on_heard(self, heard: bytes) -> None:
        """Take the payload of Report.HEARD; nothing follows it."""

    def on_worker_lost(self) -> None:
        """Take note that the worker died; nothing follows."""


class Worker:
    """One worker process with its utterances; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, on_lost: Callable[[Worker], None]) -> None:
        self._process = process
        self._orders = cast(asyncio.StreamWriter, process.stdin)
        self._reports = cast(asyncio.StreamReader, process.stdout)
        self._on_lost = on_lost
        self._listeners: dict[int, UtteranceListener] = {}
        self._due: set[int] = set()
        self.reported_s = asyncio.get_running_loop().time()
        """When the worker reported last, in the event loop's time."""
        self._last_id = 0
        self._reading: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Worker {self._process.pid}, {self.load} utterances>"

    @property
    def load(self) -> int:
        """How many utterances the worker listens to now."""
        return len(self._listeners)

    @property
    def due(self) -> int:
        """How many utterances have ended whose text the worker still owes."""
        return len(self._due)

    @property
    def pid(self) -> int:
        """The operating system's id of the worker's process."""
        return self._process.pid

    @classmethod
    async def start(cls, engine: EngineSpec, on_lost: Callable[[Worker], None]) -> Worker:
        """Start a worker process, and return it when it is ready.

        Raises:
            SpeechUnavailable: the engine cannot be used, or the process does not come up.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ARI_AGENT_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ari_agent.speech.recognition_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment | {"OPENBLAS_NUM_THREADS": "1"},
        )
        worker = cls(process, on_lost)
        try:
            worker._write(pack(Order.ENGINE, 0, json.dumps(dict(engine)).encode()))
            async with asyncio.timeout(START_TIMEOUT_S):
                kind, _, payload = await worker._next()
        except (TimeoutError, EOFError, OSError):
            await worker.close()
            raise SpeechUnavailable("the process that recognises speech does not start; its message is above") from None
        except BaseException:
            await worker.close()
            raise
        if kind != Report.READY:
            await worker.close()
            raise SpeechUnavailable(payload.decode(errors="replace"))
        worker._reading = asyncio.create_task(worker._read(), name=f"speech worker {process.pid}")
        return worker

    def begin(self, listener: UtteranceListener) -> int:
        """Begin an utterance, and return the id that `send` takes for it."""
        self._last_id = (self._last_id + 1) % 2**32
        self._listeners[self._last_id] = listener
        self.send(Order.BEGIN, self._last_id)
        return self._last_id

    def send(self, order: Order, utterance_id: int, payload: bytes = b"") -> None:
        """Send an order about an utterance: AUDIO, END or DROP."""
        if order is Order.DROP:
            self._listeners.pop(utterance_id, None)
        elif order is Order.END:
            self._due.add(utterance_id)
        self._write(pack(order, utterance_id, payload))

    def kill(self) -> None:
        """Kill the process because it is stuck; its utterances hear on_worker_lost soon."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End the process by closing its stdin, or by force if it does not end in time. Idempotent."""
        if self._reading:
            self._reading.cancel()
            await asyncio.wait((self._reading,))
        self._listeners.clear()
        self._orders.close()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        with contextlib.suppress(OSError):
            await self._orders.wait_closed()

    def _write(self, message: bytes) -> None:
        if self._orders.is_closing():
            return
        self._orders.write(message)
        if self._orders.transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            self.kill()

    async def _next(self) -> tuple[int, int, bytes]:
        kind, utterance_id, size = HEADER.unpack(await self._reports.readexactly(HEADER.size))
        if size > MAX_PAYLOAD_BYTES:
            raise EOFError
        return kind, utterance_id, await self._reports.readexactly(size)

    async def _read(self) -> None:
        try:
            while True:
                kind, utterance_id, payload = await self._next()
                self.reported_s = asyncio.get_running_loop().time()
                if kind == Report.HEARD:
                    self._due.discard(utterance_id)
                    if listener := self._listeners.pop(utterance_id, None):
                        listener.on_heard(payload)
                elif listener := self._listeners.get(utterance_id):
                    listener.on_so_far(payload.decode(errors="replace"))
        except (EOFError, OSError):
            lost, self._listeners = self._listeners, {}
            self._on_lost(self)
            for listener in lost.values():
                listener.on_worker_lost()


class RecognitionPool:
    """Several workers with the same engine: one at first, and more as several callers speak at once.

    A worker that dies is replaced: at once, or after a pause when many die.
    """

    def __init__(self, engine: EngineSpec, size: int, on_ready: Callable[[], None]) -> None:
        """size: the most workers. on_ready: called when another worker can be had after one was lost."""
        self._engine = engine
        self._size = size
        self._on_ready = on_ready
        self._workers: list[Worker] = []
        self._starts: deque[float] = deque(maxlen=_FREE_STARTS)
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers that are ready to take an utterance."""
        return tuple(self._workers)

    async def start(self) -> None:
        """Start one worker, which shows whether the engine can be used.

        Raises:
            SpeechUnavailable: a worker does not start, for the reason that it gives.
        """
        self._workers.append(await Worker.start(self._engine, self._lost))

    def pick(self) -> Worker | None:
        """Return the worker that has the least to do, or None if none is ready."""
        least = min(self._workers, key=lambda worker: worker.load, default=None)
        if least and least.load and len(self._workers) + len(self._starting) < self._size:
            self._begin(self._start_another(), name="start a speech worker")
        return least

    async def close(self) -> None:
        """End all processes and replace none of them. Idempotent."""
        self._closed = True
        for task in self._starting:
            task.cancel()
        if self._starting:
            await asyncio.wait(self._starting)
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.close() for worker in workers))

    def _lost(self, worker: Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
        if self._closed:
            return
        self._begin(self._replace(worker), name="replace a speech worker")

    def _begin(self, start: Coroutine[None, None, None], *, name: str) -> None:
        task = asyncio.create_task(start, name=name)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _replace(self, worker: Worker) -> None:
        log.warning("a process that recognises speech died and is replaced: pid %d", worker.pid)
        await worker.close()
        await self._start_another()

    async def _start_another(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            many = len(self._starts) == _FREE_STARTS and now - self._starts[0] < _STARTS_WITHIN_S
            self._starts.append(now)
            if many:
                await asyncio.sleep(_PAUSE_S)
            try:
                self._workers.append(await Worker.start(self._engine, self._lost))
            except (SpeechUnavailable, OSError) as error:
                log.error("a process that recognises speech does not start: %s", error)
                continue
            self._on_ready()
            return
