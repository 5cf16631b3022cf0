"""The spool: files on a local disk that grow while their calls go on, and wait there until the store has them.

    open -> append ... append -> finish -> (repaired, further files made of it) -> moved into the store
                          a crash: the next start finishes what is left, and goes on from there

One thread writes for all calls, so a full or slow disk holds up no call: `append` only queues. What does not fit into
the queue, or cannot be written, is made up for by as many bytes of filler (silence, in a recording) when the disk takes
some again, so that what comes later stands at its right time; it is counted, and told once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.errors import ArtefactError, ConfigurationError
from ari_agent.timed_wait import is_set_within

log = logging.getLogger(__name__)
T = TypeVar("T")

Finisher = Callable[[Path], Iterable[str]]
"""Completes a file that will grow no more, and returns the names of further files that it made of it, beside it.

It runs in the spool's thread, and once more on a file that a crash has left, however far it was then.
"""

QUEUE_BYTES: Final = 64 * 1024 * 1024
"""What may wait to be written: an hour of sixty callers, or ten seconds of a disk that hangs with 300 of them."""
FINISH_S: Final = 10.0
"""How long a call waits for a file to be complete; a disk that takes longer completes it later."""
RETRY_S: Final = (1.0, 5.0, 15.0, 60.0, 300.0)
"""Waits before artefacts are offered again to a store that was out of reach; the last one from then on."""

_FILLER_BYTES: Final = 1024 * 1024
_TOGETHER_S: Final = 0.2
"""What comes within so long goes to the thread as one: to wake it for each piece costs more than to write that."""


class SpoolFile:
    """A file of a call that grows in the spool until `finish`; made by Spool.open, and closed by the spool's thread."""

    def __init__(self, spool: Spool, name: ArtefactName, path: Path, filler: bytes, *, size_bytes: int = 0) -> None:
        self.name, self.path = name, path
        self._spool, self._filler = spool, filler
        self._descriptor: int | None = None
        self._size, self._owed_bytes = size_bytes, 0

    @property
    def size_bytes(self) -> int:
        """Return how many bytes of this file the disk has taken so far."""
        return self._size

    def append(self, data: bytes) -> None:
        """Have the spool write these bytes soon, behind all that was appended before. Never waits, never raises."""
        self._spool.queue(self, data)

    async def finish(self, *, timeout_s: float = FINISH_S) -> Sequence[ArtefactName]:
        """Complete the file, and return the names of what there is now: itself, and what its finisher made of it.

        What is named can be read at once, and is in the store a little later. Nothing is named where no byte was
        appended or taken by the disk, or where the disk needs longer than timeout_s seconds: the file is then
        completed later.
        """
        finishing = self._spool.finish(self)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(finishing)
        except TimeoutError:
            log.error("not complete after %.0f s: %s; the disk is slow", timeout_s, self.name.path)
            return ()

    # ---- in the spool's thread ----------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write these bytes to the disk, behind the filler that is owed.

        Raises:
            OSError: the disk does not take them; filler of their length is owed from then on.
        """
        try:
            while self._owed_bytes:
                owed = min(self._owed_bytes, _FILLER_BYTES)
                self._write(self._filler * owed)
                self._owed_bytes -= owed
            self._write(data)
        except OSError:
            self.owe(len(data))
            raise

    def owe(self, count: int) -> None:
        """Note that so many bytes are missing from the file, so that filler is written in their place."""
        if self._filler:
            self._owed_bytes += count

    def close(self) -> bool:
        """Write the filler that is owed, if the disk takes it, close the file, and return whether it was ever made."""
        if self._descriptor is None:
            return False
        with contextlib.suppress(OSError):
            self.write(b"")
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = None
        return True

    def _write(self, data: bytes) -> None:
        if self._descriptor is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        written = os.write(self._descriptor, data)
        if written < len(data):
            # A disk that is all but full takes a part: half a sample, or half a line, would spoil what comes behind.
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written


class Spool:
    """The spool of one controller, which no other controller may share.

    folder: on a local disk. store: where files go once they are complete. finishers: by the name of the file, for those
    that need one. queue_bytes: how much of all files together may wait to be written.
    """

    def __init__(
        self,
        folder: Path,
        store: ArtefactStore,
        *,
        finishers: Mapping[str, Finisher] | None = None,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._folder, self._store, self._finishers = folder, store, dict(finishers or {})
        self._queue_bytes = queue_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._pieces: list[tuple[SpoolFile, bytes]] = []  # that go to the thread next
        self._queued_bytes = self._refused_bytes = 0  # counted by the event loop's thread
        self._written_bytes = self._failed_bytes = 0  # counted by the spool's thread
        self._growing: set[ArtefactName] = set()
        self._waiting: dict[ArtefactName, None] = {}
        self._held: set[ArtefactName] = set()
        self._wake, self._moving = asyncio.Event(), asyncio.Lock()
        self._disk_complaint = self._store_complaint = ""
        self._lock: int | None = None
        self._move_under_way: asyncio.Task[bool] | None = None

    # ---- life -------------------------------------------------------------------------------------------------

    async def start(self) -> Mapping[str, Sequence[ArtefactName]]:
        """Make the folder if it is missing, complete the files that a crash has left, and return them by call id.

        Raises:
            ConfigurationError: the folder cannot be used, or another controller uses it.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left = await self.run_in_order(self._complete_what_is_left)
        except BlockingIOError:
            raise ConfigurationError(f"the spool {self._folder} is in use by another controller") from None
        except OSError as error:
            raise ConfigurationError(f"the spool {self._folder} cannot be used: {error.strerror}") from None
        for names in left.values():
            self._completed(names)
        return left

    async def run(self) -> None:
        """Move complete files into the store until cancelled. A store that takes none is asked again, see RETRY_S."""
        failures = 0
        while True:
            await is_set_within(self._wake, RETRY_S[min(failures, len(RETRY_S)) - 1] if failures else None)
            self._wake.clear()
            # Whoever cancels this does not stop a move half way: `close` waits for it.
            moving = self._move_under_way = asyncio.create_task(self._move_all())
            failures = 0 if await asyncio.shield(moving) else failures + 1

    async def close(self) -> None:
        """Write what is queued, and offer complete files to the store once more; the next start moves what is left."""
        await self.run_in_order(lambda: None)
        if self._move_under_way:
            await self._move_under_way
        await self._move_all()
        self._thread.shutdown()
        if self._lock is not None:
            os.close(self._lock)

    # ---- what one does with it ---------------------------------------------------------------------------------

    def open(self, call_id: str, file: str, *, filler: bytes = b"") -> SpoolFile:
        """Return a new file of a call; the disk has it from the first bytes on that are appended.

        filler: one byte, which is written in place of each that the disk has not taken; b"" leaves those out. A file
        that is held (see `hold`) is no new one: it grows on behind what it has.
        """
        name = ArtefactName(call_id, file)
        self._growing.add(name)
        path = self._folder / name.path
        size_bytes = path.stat().st_size if name in self._held else 0
        self._held.discard(name)
        return SpoolFile(self, name, path, filler, size_bytes=size_bytes)

    def hold(self, call_id: str) -> None:
        """Keep complete files of a call, which a crash has left, back from the store: its call may go on."""
        held = {name for name in self._waiting if name.call_id == call_id}
        self._held |= held
        for name in held:
            del self._waiting[name]

    def is_held(self, name: ArtefactName) -> bool:
        """Return whether `open` goes on with a file of this name."""
        return name in self._held

    def let_go(self, call_id: str) -> None:
        """Move the files of a call into the store that are held, and that nobody has gone on with."""
        held = {name for name in self._held if name.call_id == call_id}
        self._held -= held
        self._completed(sorted(held - self._growing))

    def path_of(self, name: ArtefactName) -> Path:
        """Return the path that a file of this name has in the spool, whether it is there or not."""
        return self._folder / name.path

    async def open_to_read(self, name: ArtefactName) -> BinaryIO:
        """Open a file of the spool to be read, with all that was appended to it so far.

        Raises:
            OSError: the spool has no such file, or not any more.
        """
        path = self.path_of(name)
        if name in self._growing:
            return await self.run_in_order(lambda: path.open("rb"))
        return await asyncio.to_thread(path.open, "rb")

    async def remove(self, names: Sequence[ArtefactName]) -> None:
        """Remove complete files from the spool; those that it does not have are no failure.

        Raises:
            ArtefactError: the disk does not let go of one.
        """
        async with self._moving:  # as in `delete`
            for name in names:
                self._waiting.pop(name, None)
            try:
                await self.run_in_order(lambda: _unlink(map(self.path_of, names)))
            except OSError as error:
                raise ArtefactError(f"files of the spool were not removed: {error.strerror}") from None

    async def delete(self, call_id: str) -> None:
        """Remove all files of a call that is over from the spool.

        Raises:
            ArtefactError: the disk does not let go of one.
        """
        async with self._moving:  # what is on its way into the store arrives first, to be deleted there
            for name in [name for name in self._waiting if name.call_id == call_id]:
                del self._waiting[name]
            try:
                await self.run_in_order(lambda: _remove(self._folder / ArtefactName(call_id, "any.x").call_id))
            except OSError as error:
                raise ArtefactError(f"the spool's files of {call_id} were not removed: {error.strerror}") from None

    @property
    def growing(self) -> int:
        """Return how many files are growing now."""
        return len(self._growing)

    @property
    def waiting(self) -> int:
        """Return how many complete files the store does not have yet."""
        return len(self._waiting)

    @property
    def lost_bytes(self) -> int:
        """Return how many bytes were lost since the start, because the disk took them too late or not at all."""
        return self._refused_bytes + self._failed_bytes

    # ---- for its files ------------------------------------------------------------------------------------------

    def queue(self, file: SpoolFile, data: bytes) -> None:
        """Have the thread write bytes of a file; where more than queue_bytes would wait, they are lost, and owed."""
        if self._queued_bytes - self._written_bytes + len(data) > self._queue_bytes:
            self._refused_bytes += len(data)
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                self._hand_over()
                self._thread.submit(file.owe, len(data))
            return
        self._queued_bytes += len(data)
        self._pieces.append((file, data))
        if len(self._pieces) == 1:
            asyncio.get_running_loop().call_later(_TOGETHER_S, self._hand_over)

    def _hand_over(self) -> None:
        """Have the thread write all that was queued so far."""
        if pieces := self._pieces:
            self._pieces = []
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                self._thread.submit(self._write, pieces)

    def finish(self, file: SpoolFile) -> asyncio.Future[Sequence[ArtefactName]]:
        """Have the thread complete a file, behind all that was queued before. Its result: see SpoolFile.finish."""

        def completed(finishing: asyncio.Future[Sequence[ArtefactName]]) -> None:
            self._growing.discard(file.name)
            if not finishing.cancelled() and finishing.exception() is None:
                self._completed(finishing.result())

        finishing = self.run_in_order(lambda: self._complete(file.name) if file.close() else ())
        finishing.add_done_callback(completed)
        return finishing

    def run_in_order(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Have the thread call this function behind all that was queued before, and return its future result."""
        self._hand_over()
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _completed(self, names: Iterable[ArtefactName]) -> None:
        complete = dict.fromkeys(names)
        self._held -= complete.keys()
        self._waiting |= complete
        self._wake.set()

    async def _move_all(self) -> bool:
        """Move what is complete into the store; returns whether it took all of it."""
        for name in list(self._waiting):
            async with self._moving:
                if name not in self._waiting:
                    continue  # deleted meanwhile
                try:
                    await self._store.keep(name, self.path_of(name))
                except ArtefactError as error:
                    self._store_complaint = _say_once(str(error), self._store_complaint)
                    return False
                self._waiting.pop(name, None)
                with contextlib.suppress(OSError):  # more is in it
                    await self.run_in_order(self.path_of(name).parent.rmdir)
        self._store_complaint = ""
        return True

    # ---- in the thread ------------------------------------------------------------------------------------------

    def _write(self, pieces: Iterable[tuple[SpoolFile, bytes]]) -> None:
        for file, data in pieces:
            try:
                file.write(data)
            except OSError as error:
                self._failed_bytes += len(data)
                what = f"recordings and logs have gaps: {self._folder} cannot be written: {error.strerror}"
                self._disk_complaint = _say_once(what, self._disk_complaint)
            else:
                self._disk_complaint = ""
            finally:
                self._written_bytes += len(data)

    def _complete(self, name: ArtefactName) -> Sequence[ArtefactName]:
        if not self.path_of(name).exists():
            return ()  # deleted while it grew
        finisher = self._finishers.get(name.file)
        try:
            further = [ArtefactName(name.call_id, file) for file in (finisher(self.path_of(name)) if finisher else ())]
        except Exception:  # whatever is wrong with it, it is kept
            log.exception("kept as it is: %s", name.path)
            further = []
        return (name, *further)

    def _complete_what_is_left(self) -> Mapping[str, Sequence[ArtefactName]]:
        left: dict[str, Sequence[ArtefactName]] = {}
        for folder in [entry for entry in self._folder.iterdir() if entry.is_dir()]:
            made: dict[ArtefactName, None] = {}
            for file in list(folder.iterdir()):
                if not file.stat().st_size:
                    file.unlink()
                    continue
                with contextlib.suppress(ValueError):  # somebody else's file
                    made |= dict.fromkeys(self._complete(ArtefactName(folder.name, file.name)))
            if made:
                left[folder.name] = tuple(made)
            with contextlib.suppress(OSError):
                folder.rmdir()
        return left


def _say_once(complaint: str, last: str) -> str:
    if complaint != last:
        log.error("%s", complaint)
    return complaint


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
