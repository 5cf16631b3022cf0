"""Looks host names up for every connection that this process opens, so that one name without an answer harms no other.

The C library is asked, as by every program: /etc/hosts and /etc/resolv.conf count. It blocks, cannot be told to stop,
and takes 10 s and more where a DNS server never answers. So a name has at most one look-up at a time, in one of up to
THREADS threads, and whoever wants the same name waits for the same answer. An answer serves for FRESH_S, and longer
where the DNS does not give a new one within PATIENCE_S (RFC 8767). Nobody is asked about numeric addresses.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

THREADS: Final = 32
FRESH_S: Final = 30.0
PATIENCE_S: Final = 1.0
STALE_S: Final = 24 * 3600.0
"""How long an old answer may still serve: RFC 8767 section 5 suggests one to three days."""
KNOWN_NAMES: Final = 1000

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and TCP port. target: as `socket.connect` takes it."""

    family: socket.AddressFamily
    target: SocketAddress

    @property
    def host(self) -> str:
        """The IP address as text."""
        return self.target[0]

    def at(self, port: int) -> Address:
        """Return the same IP address with another port."""
        first, _, *rest = self.target
        return Address(self.family, (first, port, *rest))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Known:
    addresses: Sequence[Address]
    since_s: float


_Answer = Sequence[Address] | OSError | ValueError


def ask_system(host: str) -> Sequence[Address]:
    """Return the addresses of a name with port 0, best first; blocks.

    Raises:
        OSError, ValueError: as `socket.getaddrinfo`.
    """
    return _addresses(host, 0)


def _addresses(host: str, port: int, *, flags: int = 0) -> Sequence[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [Address(family, target) for family, _, _, _, target in found]  # type: ignore[arg-type]


class NameResolver:
    """Addresses by name, for any number of event loops. ask: `ask_system`, or what stands for it; called in threads."""

    def __init__(
        self,
        *,
        ask: Callable[[str], Sequence[Address]] = ask_system,
        threads: int = THREADS,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start no thread yet: each begins with a look-up and ends when none is left."""
        self._ask, self._threads, self._patience_s, self._clock = ask, threads, patience_s, clock
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[str] = deque()
        self._asked: dict[str, Future[_Answer]] = {}
        self._known: dict[str, _Known] = {}

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of a host, best first, with this port. How long it may take is the caller's to limit.

        Raises:
            OSError: the name is not known, or the DNS failed. ValueError: it cannot be a name.
        """
        with suppress(socket.gaierror):  # not numeric
            return _addresses(host, port, flags=socket.AI_NUMERICHOST)
        known = self._known.get(host)
        age_s = self._clock() - known.since_s if known else STALE_S
        if known is None or age_s >= STALE_S:
            found = await self._answer(host)
        elif age_s < FRESH_S:
            found = known.addresses
        else:
            found = await self._renewed(host, known)
        if isinstance(found, OSError | ValueError):
            raise type(found)(*found.args)  # a copy: several may have waited for this one
        return [address.at(port) for address in found]

    async def _renewed(self, host: str, known: _Known) -> _Answer:
        """Return the answer of now, or what was known where there is none, or where the DNS says to try again."""
        try:
            async with asyncio.timeout(self._patience_s):
                found = await self._answer(host)
        except TimeoutError:
            return known.addresses
        again = isinstance(found, OSError) and found.errno == socket.EAI_AGAIN
        return known.addresses if again else found

    async def _answer(self, host: str) -> _Answer:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[_Answer] = loop.create_future()

        def tell(asked: Future[_Answer]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_set, waiter, asked.result())

        self._look_up(host).add_done_callback(tell)
        return await waiter

    def _look_up(self, host: str) -> Future[_Answer]:
        """Begin to look a name up, or join who does."""
        with self._lock:
            if host in self._asked:
                return self._asked[host]
            asked = self._asked[host] = Future()
            self._waiting.append(host)
            begin = self._running < self._threads
            self._running += begin
        if begin:  # a daemon: the end of the process does not wait for the DNS
            threading.Thread(target=self._work, name="names", daemon=True).start()
        return asked

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                host = self._waiting.popleft()
            try:
                answer: _Answer = self._ask(host)
            except (OSError, ValueError) as error:
                answer = error
            with self._lock:
                asked = self._asked.pop(host)
                if not isinstance(answer, OSError | ValueError):
                    self._remember(host, answer)
            asked.set_result(answer)

    def _remember(self, host: str, found: Sequence[Address]) -> None:
        self._known.pop(host, None)
        self._known[host] = _Known(found, self._clock())
        if len(self._known) > KNOWN_NAMES:
            del self._known[next(iter(self._known))]


def _set(waiter: asyncio.Future[Any], answer: _Answer) -> None:
    if not waiter.done():
        waiter.set_result(answer)


NAMES: Final = NameResolver()
"""The resolver of this process: what it knows is worth the same to all."""
