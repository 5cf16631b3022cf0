"""Python processes that have imported a controller already, which is most of what a start costs.

A server imports it once and forks a process for each start. What runs then is what `python -m MODULE` runs, with the
environment, folder and output that it is given. What an interpreter reads before it imports anything is the server's.

python -m tests.fakes.preloaded DESCRIPTOR
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ari_agent.console import static_files
from ari_agent.console.pages import compiled_templates

MODULES: Final = ("ari_agent.__main__", "ari_agent.app", "alembic.command")
ROOT: Final = Path(__file__).parents[2]
_LONGEST_REQUEST: Final = 1 << 17
_POLL_S: Final = 0.01


class PreloadedProcess:
    """What `asyncio.subprocess.Process` is to a process that was started the usual way."""

    def __init__(self, pid: int, told: int) -> None:
        self.pid = pid
        self._told = told
        self._returncode: int | None = None

    @property
    def returncode(self) -> int | None:
        """Its exit status, or minus the number of the signal that ended it; None while it runs."""
        if self._returncode is None:
            with contextlib.suppress(BlockingIOError):
                self._returncode = int(os.read(self._told, 16))
                os.close(self._told)
        return self._returncode

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError: it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def kill(self) -> None:
        """With SIGKILL."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Until it has ended; returns its exit status."""
        while (returncode := self.returncode) is None:  # noqa: ASYNC110 -- whichever event loop asks
            await asyncio.sleep(_POLL_S)
        return returncode


class Preloaded:
    """The server, which is started when it is first asked for a process."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._ours: socket.socket | None = None

    def _connected(self) -> socket.socket:
        if self._ours is None:
            self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            with theirs:
                self._server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        return self._ours

    async def start(
        self, module: str, *arguments: str, cwd: Path, environment: Mapping[str, str], output: int, errors: int
    ) -> PreloadedProcess:
        """Run `python -m MODULE ARGUMENTS`. output, errors: descriptors of its standard streams."""
        request = {
            "argv": [module, *arguments],
            "cwd": str(cwd),
            "environment": dict(environment),
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
        }
        told, tells = os.pipe()
        try:
            socket.send_fds(self._connected(), [json.dumps(request).encode()], [output, errors, tells])
        finally:
            os.close(tells)
        pid = await asyncio.to_thread(_line, told)  # the first one waits for the imports
        os.set_blocking(told, False)
        return PreloadedProcess(int(pid), told)

    def close(self) -> None:
        """No further ones; those that run go on."""
        if self._ours is not None and self._server is not None:
            self._ours.close()
            self._server.wait()
            self._ours = self._server = None


_OFFERED: list[Preloaded] = []


def offered() -> Preloaded | None:
    """Return the server of this process, where tests run, and None in a benchmark, which measures whole processes."""
    return _OFFERED[0] if _OFFERED else None


@contextlib.contextmanager
def offering() -> Iterator[None]:
    """Let what is inside start processes this way."""
    server = Preloaded()
    _OFFERED.append(server)
    try:
        yield
    finally:
        _OFFERED.remove(server)
        server.close()


async def run_module(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, output: int = 2
) -> PreloadedProcess:
    """Run `python -m MODULE ARGUMENTS` here, as this process is.

    environment: instead of the tests' own; output: a descriptor instead of theirs.
    """
    server = offered()
    assert server is not None
    given = os.environ if environment is None else environment
    return await server.start(module, *arguments, cwd=Path.cwd(), environment=given, output=output, errors=2)


async def run_and_read(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[PreloadedProcess, asyncio.StreamReader]:
    """Run it likewise, and read what it prints."""
    reads, writes = os.pipe()
    try:
        process = await run_module(module, *arguments, environment=environment, output=writes)
    finally:
        os.close(writes)
    printed = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(printed), os.fdopen(reads, "rb")
    )
    return process, printed


def _line(descriptor: int) -> bytes:
    """A line of at most 16 bytes; read alone, because what follows is another one."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(descriptor, 1)
        if not piece:
            raise RuntimeError("the server of preloaded processes has ended")
        line += piece
    return line


def main(requests: socket.socket) -> None:
    """Serve until nobody can ask any more. Returns in each process that it forks, too, when that has done its work."""
    for name in MODULES:
        importlib.import_module(name)
    compiled_templates(static_files.versioned_path)  # three quarters of what is left of a start
    gc.collect()
    gc.freeze()  # or the first collection of a forked process copies all of it
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 3)
        _reap()
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            output, errors, tells = descriptors
            _keep(tells)
            _become(json.loads(message), output, errors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _reap() -> None:
    """Let the keepers go that have told what they had to tell, so that what their processes took is counted."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _keep(tells: int) -> None:
    """Fork, and return in the child alone. The parent tells its number, and how it ended."""
    pid = os.fork()
    if pid == 0:
        os.close(tells)
        return
    os.write(tells, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(tells, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(request: Mapping[str, Any], output: int, errors: int) -> None:
    os.dup2(output, 1)
    os.dup2(errors, 2)
    sys.stdout = os.fdopen(1, "w", closefd=False)  # the server's may be a file, in which one can seek
    os.closerange(3, max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, request["nice"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    argv: Sequence[str] = request["argv"]
    sys.argv[:] = argv
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
