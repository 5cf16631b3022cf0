"""UDP sockets for RTP: one for each call, all read through one epoll.

    loop ── add_reader ── epoll ─┬─ call 1
                                 ├─ call 2      every socket with a datagram waiting is read in one wake-up
                                 └─ call n

An event loop's own datagram endpoint costs a callback, a handle and often a second system call for each packet. An
epoll descriptor is itself readable while any socket in it is, so a single reader in the loop serves them all: the
busier the machine, the more packets one wake-up takes, and no packet waits for a timer (measured in
tests/benchmarks/README.md).

Only datagrams from the address that Asterisk announced for the call are accepted (UNICASTRTP_LOCAL_ADDRESS and _PORT);
all others are counted and dropped, so nobody can speak into a call by finding its port.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, TypeAlias

from ari_agent.errors import NoRtpPort

log = logging.getLogger(__name__)

_DATAGRAM_LIMIT_UNITS: Final = 2048
"""A longer datagram is cut; no RTP packet that fits an Ethernet frame is as long."""

_WAITING_LIMIT: Final = 100
"""Datagrams read in one go, two seconds of audio: what a flood leaves beyond that is not worth reading."""

_RECEIVE_BUFFER_BYTES: Final = 256 * 1024
"""Kernel buffer of one call: about two seconds of audio while the loop is busy. The kernel may grant less."""

_Address: TypeAlias = tuple[str, int]
_Source: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


def host_and_port(host: str, port: int) -> str:
    """Return a UDP address in one piece, an IPv6 host in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class RtpSocket:
    """One call's UDP socket, made by `RtpPorts.open`.

    address: where it is bound, host and port.
    foreign: datagrams from any other address than the accepted one.
    send_errors: packets that the kernel would not take (no peer yet, full buffer, nobody listening any more).
    faults: datagrams whose handler raised.
    """

    __slots__ = (
        "_on_datagram",
        "_peer",
        "_ports",
        "_sendto",
        "_socket",
        "_stranger",
        "address",
        "faults",
        "foreign",
        "send_errors",
    )

    def __init__(self, ports: RtpPorts, bound: socket.socket, on_datagram: Callable[[bytes], None]) -> None:
        self._ports = ports
        self._socket = bound
        self._sendto = bound.sendto
        self._on_datagram = on_datagram
        self.address: _Address = bound.getsockname()[:2]
        self._stranger: _Source | None = None
        self._peer: _Source = (self.address[0], 0)  # nobody: no datagram comes from port 0, none can be sent to it
        self.faults = 0
        self.foreign = 0
        self.send_errors = 0

    def accept_from(self, host: str, port: int) -> None:
        """Take datagrams from this address only, and send to it. host: numeric IPv4 or IPv6; port: UDP.

        Raises: ValueError when host is no address.
        """
        numeric = str(ip_address(host))
        # The form in which the kernel names a source: two fields for IPv4, four for IPv6.
        self._peer = socket.getaddrinfo(numeric, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4]

    @property
    def peer(self) -> str:
        """Return the accepted address, as `host:port`."""
        return _written(self._peer)

    @property
    def stranger(self) -> str:
        """Return the latest address that was not accepted, as `host:port`; `""` where there was none."""
        return _written(self._stranger) if self._stranger else ""

    def send(self, packet: bytes) -> None:
        """Send a packet to the accepted address; one that the kernel refuses is lost and counted in `send_errors`."""
        try:
            sendto = self._sendto
            sendto(packet, self._peer)
        except OSError:
            self.send_errors += 1

    def read(self) -> bool:
        """Read one datagram, when the socket is readable; return whether there was one."""
        try:
            datagram, source = self._socket.recvfrom(_DATAGRAM_LIMIT_UNITS)
        except OSError:  # nothing there after all, or an ICMP error of an earlier send
            return False
        if source == self._peer:
            on_datagram = self._on_datagram
            try:
                on_datagram(datagram)
            except Exception:  # one call's fault must not silence all others
                self._fault()
        else:
            self.foreign += 1
            self._stranger = source
        return True

    def read_waiting(self) -> None:
        """Read all datagrams that the kernel holds, at most 100: after a stall there are several."""
        for _ in range(_WAITING_LIMIT):
            if not self.read():
                return

    def _fault(self) -> None:
        self.faults += 1
        if self.faults == 1:
            log.exception("reading RTP failed", extra={"local_port": self.address[1]})

    def close(self) -> None:
        """Close the socket and release its port. Does nothing the second time."""
        self._ports.release(self._socket)


def _written(source: _Source) -> str:
    return host_and_port(str(source[0]), int(source[1]))


class RtpPorts:
    """The UDP ports that calls may use, and the one reader of all their sockets; one object for each event loop.

    host: numeric address to bind.
    announced_host: address that Asterisk sends to, where that is another one, as behind NAT; `""`: host.
    first, last: the port range; 0 and 0 for any free port.
    step: from one port of the range to the next; 2 because RFC 3550 section 11 wants RTP on even ports.
    """

    def __init__(self, host: str, first: int = 0, last: int = 0, *, step: int = 2, announced_host: str = "") -> None:
        self._host = host
        self.announced_host = announced_host or host
        self._family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
        self._first, self._last = first, last
        self._range = range(first + first % 2, last + 1, step) if first else range(1)
        self._next = 0
        self._epoll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sockets: dict[int, RtpSocket] = {}

    def __repr__(self) -> str:
        return f"RtpPorts({self._host}, {self._first}-{self._last}, {len(self._sockets)} open)"

    def open(self, on_datagram: Callable[[bytes], None]) -> RtpSocket:
        """Bind the next free port; `on_datagram` then gets each accepted datagram. Needs a running event loop.

        Raises: NoRtpPort when every port of the range is taken, or none can be bound at this address.
        """
        bound = self._bind()
        opened = RtpSocket(self, bound, on_datagram)
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._epoll.fileno(), self._read_all)
        self._sockets[bound.fileno()] = opened
        self._epoll.register(bound.fileno(), select.EPOLLIN)
        return opened

    def release(self, bound: socket.socket) -> None:
        """Close a socket that `open` made, and the epoll with the last one. Does nothing the second time."""
        descriptor = bound.fileno()
        if self._sockets.pop(descriptor, None) is None or self._epoll is None or self._loop is None:
            return
        self._epoll.unregister(descriptor)
        bound.close()
        if not self._sockets:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = self._loop = None

    def _bind(self) -> socket.socket:
        # Ports are taken in turn: one just released rests as long as possible, so that late packets of the old call
        # do not reach a new one.
        why = None
        for step in range(len(self._range)):
            port = self._range[(self._next + step) % len(self._range)]
            candidate = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                candidate.bind((self._host, port))
            except OSError as error:
                candidate.close()
                if error.errno != errno.EADDRINUSE:
                    where = host_and_port(self._host, port)
                    why = f"cannot bind {where}: {error.strerror}: see ARI_AGENT_RTP_HOST and ARI_AGENT_RTP_PORTS"
                continue
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            self._next = (self._next + step + 1) % len(self._range)
            return candidate
        raise NoRtpPort(self._first, self._last, why)

    def _read_all(self) -> None:
        if self._epoll is None:
            return
        # One datagram from each ready socket: what is left wakes the loop again, after it has served the others.
        sockets = self._sockets
        for descriptor, _ in self._epoll.poll(0):
            opened = sockets.get(descriptor)
            if opened is not None:  # else closed by a handler before it in this very round
                opened.read()
