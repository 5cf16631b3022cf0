"""The program piper, kept running with one voice: a line of text in, a WAV file out, one after the other.

Piper (https://github.com/OHF-Voice/piper1-gpl) is under the GPL, and so is never imported. It makes the audio of a
sentence as a whole. Its raw audio does not say where a text ends; its files do: it writes one for each line that it
reads, and then tells its name, on stderr (piper-tts 1.2 and later) or on stdout (before). They lie in a private folder
in memory, and are gone as soon as they are read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, cast

from ari_agent.endpoint import printable
from ari_agent.speech.speech_program import bare_environment, ended, started

HANG_S: Final = 30.0
"""A text that takes so long hangs, and its process is killed: the longest takes some 3 s of CPU time."""
_LONGEST_BYTES: Final = 16 * 1024 * 1024
_LONGEST_LINE_BYTES: Final = 64 * 1024


class PiperFailed(Exception):
    """Piper has not spoken a text; the message is one line, of piper's own words where there are any."""


class PiperProcess:
    """A process of piper with one voice; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._texts = cast(asyncio.StreamWriter, process.stdin)
        self._lines = cast(asyncio.StreamReader, process.stdout)
        self._written = re.compile(re.escape(f"{folder}/").encode() + rb"[^/\s]+\.wav")

    @classmethod
    async def start(cls, program: str, model: Path, folder: Path, *, speed: float = 1.0) -> Self:
        """Start piper, which loads the model while the first text waits.

        model: a file NAME.onnx, with NAME.onnx.json beside it. folder: for its audio, of no other use.

        Raises:
            PiperFailed: the program does not run.
        """
        stretch = () if speed == 1.0 else ("--length_scale", f"{1 / speed:.3f}")
        try:
            process = await started(
                asyncio.create_subprocess_exec(
                    program,
                    *("--model", str(model), "--output_dir", str(folder), *stretch),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    env=bare_environment(LANG="C.UTF-8", PYTHONUTF8="1"),
                    limit=_LONGEST_LINE_BYTES,
                )
            )
        except OSError as error:
            raise PiperFailed(f"{program} does not run: {error.strerror}") from None
        return cls(process, folder)

    @property
    def pid(self) -> int | None:
        """The operating system's id of the process; None once it has ended."""
        return self._process.pid if self._process.returncode is None else None

    async def speak(self, text: str) -> bytes:
        """Return the text's audio, a WAV file. The text is one line, and the process has no other one to speak.

        Raises:
            PiperFailed: the process died, or says what nobody understands; it takes no further text.
        """
        said = b""
        try:
            self._texts.write(text.encode() + b"\n")
            await self._texts.drain()
            while line := await self._lines.readline():
                if found := self._written.search(line):
                    return _taken(Path(found[0].decode()))
                said = line if line.strip() else said
            await self._process.wait()
        except (OSError, ValueError) as error:  # ValueError: a line that has no end
            said = said or str(error).encode()
        why = printable(said.decode(errors="replace"), secret=None) or f"status {self._process.returncode}"
        raise PiperFailed(f"piper ended: {why}")

    async def close(self) -> None:
        """Kill the process. Idempotent."""
        await ended(self._process)


class PiperVoice:
    """One voice at one speed, whose process is started when it is needed and replaced when it dies or hangs.

    Texts are spoken in the order in which they were asked for. start: starts a process.
    """

    def __init__(self, start: Callable[[], Awaitable[PiperProcess]], *, hang_s: float = HANG_S) -> None:
        self._start = start
        self._hang_s = hang_s
        self._turn = asyncio.Lock()
        self._process: PiperProcess | None = None
        self._texts: set[asyncio.Task[bytes]] = set()

    @property
    def pid(self) -> int | None:
        """The id of the process that is ready; None where there is none now."""
        return self._process.pid if self._process else None

    async def speak(self, text: str) -> bytes:
        """Return the text's audio, a WAV file.

        A caller that is cancelled leaves a text that piper has begun with; the process goes on to the next one then.

        Raises:
            PiperFailed: the process died or hung; the next text has another one.
        """
        begun = asyncio.Event()
        task = asyncio.create_task(self._spoken(text, begun), name="piper")
        self._texts.add(task)
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # by `close`, not the caller
                raise PiperFailed("text to speech is closed") from None
            if not begun.is_set():
                task.cancel()
            raise

    async def finish(self) -> None:
        """End the process when it has spoken what it was asked for."""
        while self._texts:
            await asyncio.wait(self._texts)
        await self._end()

    async def close(self) -> None:
        """End the process now; texts that wait for it fail. Idempotent."""
        for task in self._texts:
            task.cancel()
        if self._texts:
            await asyncio.wait(self._texts)
        await self._end()

    async def _spoken(self, text: str, begun: asyncio.Event) -> bytes:
        async with self._turn:
            begun.set()
            done = False
            try:
                async with asyncio.timeout(self._hang_s):
                    if self._process is None or self._process.pid is None:
                        await self._end()
                        self._process = await self._start()
                    audio = await self._process.speak(text)
                    done = True
                    return audio
            except TimeoutError:
                raise PiperFailed(f"piper has not spoken a text within {self._hang_s:g} s") from None
            finally:
                if not done:
                    await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            await process.close()

    def _forget(self, task: asyncio.Task[bytes]) -> None:
        self._texts.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited for it may be gone


def _taken(path: Path) -> bytes:
    """Return what the file holds, and delete it. Raises: PiperFailed, OSError."""
    try:
        size = path.stat().st_size
        if size > _LONGEST_BYTES:
            raise PiperFailed(f"piper made {size} bytes of one text")
        return path.read_bytes()
    finally:
        with suppress(OSError):
            path.unlink()
