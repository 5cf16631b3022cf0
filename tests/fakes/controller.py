"""The product as an administrator runs it: `python -m ari_agent serve` in a process of its own, and its HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.fakes.preloaded import PreloadedProcess, offered
from tests.store.databases import empty_sqlite

READY_S = 45.0


def free_tcp_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    return _free_port(socket.SOCK_STREAM, host)


def free_udp_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    return _free_port(socket.SOCK_DGRAM, host)


def _free_port(kind: socket.SocketKind, host: str) -> int:
    """Below the system's ephemeral ports: of those, any connection may take it before its owner does."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket(type=kind) as sock, contextlib.suppress(OSError):
            sock.bind((host, port))
            return port


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered."""

    status: int
    json: Any
    headers: Mapping[str, str]
    text: str


class Controller:
    """One controller with its own database, port and key; it can be stopped, killed and started again on them."""

    def __init__(
        self,
        folder: Path,
        *,
        ari_url: str,
        ari_username: str,
        ari_password: str,
        host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
        process_environment: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "ari_agent", "serve"),
        **settings: str,
    ) -> None:
        """`prefix`: a command that runs the process somewhere else, such as another network namespace.

        program: Python's arguments. `is_preloaded`: what it imports may have been imported before the start, and its
        own database, unless it is there, begins as a copy of an empty one: to make one takes half as long as a start.
        """
        self.folder = folder
        self.api_key = f"key_{secrets.token_hex(16)}"
        self.url = f"http://{host}:{free_tcp_port() if host == '127.0.0.1' else 8080}"
        self.log_path = folder / "controller.log"
        self.process: asyncio.subprocess.Process | PreloadedProcess | None = None
        self.is_preloaded = not prefix and not process_environment and program[0] == "-m"
        self._prefix = prefix
        self._program = program
        self._process_environment = dict(process_environment or {})
        self._session: aiohttp.ClientSession | None = None
        self.environment = {
            "ARI_URL": ari_url,
            "ARI_USERNAME": ari_username,
            "ARI_PASSWORD": ari_password,
            "BIND": self.url.removeprefix("http://"),
            "API_KEY": self.api_key,
            "DATABASE_URL": self._own_database_url,
            "RTP_HOST": host,
            "CONCURRENCY_LIMIT": "200",
            "SPEECH_TO_TEXT": "none",  # what is installed here takes a process, where no text agent speaks
            "TEXT_TO_SPEECH": "none",
            **settings,
        }

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.api_key}"}, timeout=aiohttp.ClientTimeout(total=30)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._session is not None:
            await self._session.close()

    # the process

    def command(self) -> tuple[str, ...]:
        """What runs it."""
        return (*self._prefix, sys.executable, *self._program)

    async def start(self, *, ready: bool = True) -> None:
        """Run it; with `ready`, wait until /readyz answers 200."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ARI_AGENT_")}
        environment = (
            kept | self._process_environment | {f"ARI_AGENT_{name}": value for name, value in self.environment.items()}
        )
        with self.log_path.open("ab") as log:
            self.process = await self._run(environment, log.fileno())
        await self.wait_for("/readyz" if ready else "/healthz", 200)

    async def _run(self, environment: Mapping[str, str], log: int) -> asyncio.subprocess.Process | PreloadedProcess:
        server = offered()
        if self.is_preloaded and server is not None:
            await self._copy_empty_database()
            arguments = self._program[1:]
            return await server.start(*arguments, cwd=self.folder, environment=environment, output=log, errors=log)
        stdin = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(
            *self.command(), cwd=self.folder, env=environment, stdout=log, stderr=log, stdin=stdin
        )

    @property
    def _own_database_url(self) -> str:
        return f"sqlite+aiosqlite:///{self.folder / 'calls.db'}"

    async def _copy_empty_database(self) -> None:
        path = self.folder / "calls.db"
        if self.environment["DATABASE_URL"] == self._own_database_url and not path.exists():
            content = await asyncio.to_thread(empty_sqlite)
            path.touch(mode=0o600)  # as the controller makes it
            path.write_bytes(content)

    async def wait_for(self, path: str, status: int, *, timeout_s: float = READY_S) -> Reply:
        """Until a path answers with a status."""
        end_s = time.monotonic() + timeout_s
        seen = "nothing"
        while time.monotonic() < end_s:
            if self.process is not None and self.process.returncode is not None:
                raise RuntimeError(f"the controller ended with {self.process.returncode}: {self.log_tail()}")
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                reply = await self.get(path)
                if reply.status == status:
                    return reply
                seen = f"{reply.status} {reply.text[:200]}"
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{path} did not answer {status} in {timeout_s} s, last {seen}: {self.log_tail()}")

    async def stop(self) -> int | None:
        """SIGTERM, as a service manager ends it; returns the exit status."""
        return await self._end(signal.SIGTERM, timeout_s=15.0)

    async def kill(self) -> None:
        """SIGKILL, as a crash ends it."""
        await self._end(signal.SIGKILL, timeout_s=5.0)

    async def _end(self, how: signal.Signals, *, timeout_s: float) -> int | None:
        process = self.process
        if process is None:
            return None
        if process.returncode is None:
            process.send_signal(how)
            try:
                await asyncio.wait_for(process.wait(), timeout_s)
            except TimeoutError:
                process.kill()
                await process.wait()
                raise
        return process.returncode

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    def open_files(self) -> int:
        """File descriptors of the running process."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def udp_sockets(self) -> int:
        """UDP sockets of the running process: RTP, one for each call."""
        own = set()
        for path in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                own.add(str(path.readlink()).removeprefix("socket:[").removesuffix("]"))
        table = Path(f"/proc/{self.pid}/net/udp").read_text().splitlines()[1:]
        return sum(line.split()[9] in own for line in table)

    def log_text(self) -> str:
        """Everything it has logged."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 25) -> str:
        """The end of the log."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    async def logged(self, text: str, *, timeout_s: float = 10.0) -> None:
        """Until it has logged this."""
        end_s = time.monotonic() + timeout_s
        while text not in self.log_text():
            if time.monotonic() > end_s:
                raise TimeoutError(f"{text!r} was not logged in {timeout_s} s")
            await asyncio.sleep(0.05)

    # the API

    async def request(self, method: str, path: str, body: object = None, **options: Any) -> Reply:
        """One request with the key; a body is sent as JSON."""
        assert self._session is not None
        if body is not None:
            options["json"] = body
        async with self._session.request(method, self.url + path, **options) as response:
            text = await response.text()
            parsed = await response.json() if response.content_type == "application/json" and text else None
            return Reply(response.status, parsed, dict(response.headers), text)

    async def get(self, path: str) -> Reply:
        """GET."""
        return await self.request("GET", path)

    async def post(self, path: str, body: object = None, *, expect: int | None = None) -> Reply:
        """POST; with `expect`, any other status is an AssertionError."""
        reply = await self.request("POST", path, body)
        assert expect in (None, reply.status), f"POST {path}: {reply.status} {reply.text}"
        return reply

    async def call(self, call_id: str) -> dict[str, Any]:
        """The call object."""
        reply = await self.get(f"/v2/get-call/{call_id}")
        assert reply.status == 200, reply.text
        found: dict[str, Any] = reply.json
        return found

    async def ended_call(self, call_id: str, *, timeout_s: float = 10.0) -> dict[str, Any]:
        """The call object once it says why the call ended."""
        end_s = time.monotonic() + timeout_s
        while "disconnection_reason" not in (call := await self.call(call_id)):
            if time.monotonic() > end_s:
                raise TimeoutError(f"the call has not ended after {timeout_s} s: {call}")
            await asyncio.sleep(0.05)
        return call

    async def metrics(self) -> dict[str, float]:
        """Prometheus samples by name with labels."""
        text = (await self.get("/metrics")).text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@contextlib.asynccontextmanager
async def running(controller: Controller) -> AsyncIterator[Controller]:
    """Started, ready, and stopped at the end."""
    async with controller:
        await controller.start()
        yield controller
